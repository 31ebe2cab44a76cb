use immortal::{Error, LambdaEvent, immortal};
use serde_json::Value;

#[immortal(cpu = ".25 vcpu", memory = "0.5GB", storage = 200, spot = false, grace = "1m",)]
async fn handler(event: LambdaEvent<Value>) -> Result<Value, Error> {
    Ok(event.payload)
}
