use immortal::{Error, LambdaEvent, immortal};
use serde_json::Value;

#[immortal(attempts = 3, attempts = 5)]
async fn handler(event: LambdaEvent<Value>) -> Result<Value, Error> {
    Ok(event.payload)
}
