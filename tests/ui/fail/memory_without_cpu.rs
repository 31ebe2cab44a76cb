use immortal::{Error, LambdaEvent, immortal};
use serde_json::Value;

#[immortal(memory = 4096)]
async fn handler(event: LambdaEvent<Value>) -> Result<Value, Error> {
    Ok(event.payload)
}
