use immortal::{Error, LambdaEvent, immortal};
use serde_json::Value;

#[immortal(limit = "1500ms")]
async fn handler(event: LambdaEvent<Value>) -> Result<Value, Error> {
    Ok(event.payload)
}
