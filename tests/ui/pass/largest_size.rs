use immortal::{Error, LambdaEvent, immortal};
use serde_json::Value;

#[immortal(cpu = "32 vCPU", memory = "244 GB")]
async fn handler(event: LambdaEvent<Value>) -> Result<Value, Error> {
    Ok(event.payload)
}
