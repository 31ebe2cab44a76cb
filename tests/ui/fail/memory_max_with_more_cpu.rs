use immortal::{Error, LambdaEvent, immortal};
use serde_json::Value;

#[immortal(cpu = "32 vCPU", memory = 61440, memory_max = 65536)]
async fn handler(event: LambdaEvent<Value>) -> Result<Value, Error> {
    Ok(event.payload)
}
