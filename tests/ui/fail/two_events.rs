use immortal::{Error, LambdaEvent, immortal};
use serde_json::Value;

#[immortal]
async fn handler(event: LambdaEvent<Value>, next: LambdaEvent<Value>) -> Result<Value, Error> {
    let _ = next;
    Ok(event.payload)
}
