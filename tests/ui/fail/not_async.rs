use immortal::{Error, LambdaEvent, immortal};
use serde_json::Value;

#[immortal]
fn handler(event: LambdaEvent<Value>) -> Result<Value, Error> {
    Ok(event.payload)
}
