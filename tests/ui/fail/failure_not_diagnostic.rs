use immortal::{LambdaEvent, immortal};
use serde_json::Value;

#[immortal]
async fn handler(event: LambdaEvent<Value>) -> Result<Value, Refused> {
    if event.payload.is_null() { Err(Refused) } else { Ok(event.payload) }
}

#[derive(Debug)]
struct Refused;
