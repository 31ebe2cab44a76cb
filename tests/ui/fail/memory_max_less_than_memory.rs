use immortal::{Error, LambdaEvent, immortal};
use serde_json::Value;

#[immortal(cpu = 1024, memory = "8 GB", memory_max = "4 GB")]
async fn handler(event: LambdaEvent<Value>) -> Result<Value, Error> {
    Ok(event.payload)
}
