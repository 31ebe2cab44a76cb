use immortal::{Error, LambdaEvent, immortal};
use serde_json::Value;

#[immortal(grace = 10)]
async fn handler(event: LambdaEvent<Value>) -> Result<Value, Error> {
    Ok(event.payload)
}
