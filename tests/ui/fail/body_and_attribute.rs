use immortal::{Error, LambdaEvent, immortal};
use serde_json::Value;

#[immortal(attempts = 11)]
async fn handler(event: LambdaEvent<Value>) -> Result<u32, Error> {
    let count: u32 = event.payload.to_string();
    Ok(count)
}
