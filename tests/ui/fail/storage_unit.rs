use immortal::{Error, LambdaEvent, immortal};
use serde_json::Value;

#[immortal(storage = "50 GiB")]
async fn handler(event: LambdaEvent<Value>) -> Result<Value, Error> {
    Ok(event.payload)
}
