use immortal::{Error, LambdaEvent, immortal};
use serde_json::Value;

#[immortal(memory_max = "8 GB")]
async fn handler(event: LambdaEvent<Value>) -> Result<Value, Error> {
    Ok(event.payload)
}
