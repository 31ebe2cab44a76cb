use immortal::{Error, LambdaEvent, immortal};
use serde_json::Value;

#[immortal(limit = "2000000h")]
async fn handler(event: LambdaEvent<Value>) -> Result<Value, Error> {
    Ok(event.payload)
}
