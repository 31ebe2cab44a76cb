use immortal::{Error, LambdaEvent, immortal};
use serde_json::Value;

mod in_numbers {
    use super::*;

    #[immortal(cpu = 16_384, memory = 122_880, storage = 21, attempts = 1, on = any, grace = "0s", limit = "1s")]
    pub async fn handler(event: LambdaEvent<Value>) -> Result<Value, Error> {
        main();
        Ok(event.payload)
    }
}

mod the_largest {
    use super::*;

    #[immortal(cpu = "32 vCPU", memory = "244 GB")]
    pub async fn handler(event: LambdaEvent<Value>) -> Result<Value, Error> {
        main();
        Ok(event.payload)
    }
}

#[immortal(cpu = ".25 vcpu", memory = "0.5GB", storage = 200, spot = false, grace = "1m",)]
async fn handler(event: LambdaEvent<Value>) -> Result<Value, Error> {
    let event = LambdaEvent::new(the_largest::handler(event.clone()).await?, event.context);
    in_numbers::handler(event).await
}
