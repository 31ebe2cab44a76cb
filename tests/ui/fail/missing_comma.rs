use immortal::{Error, LambdaEvent, immortal};
use serde_json::Value;

#[immortal(attempts = 3 spot = true)]
async fn handler(event: LambdaEvent<Value>) -> Result<Value, Error> {
    Ok(event.payload)
}
