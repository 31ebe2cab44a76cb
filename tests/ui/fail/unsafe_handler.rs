use immortal::{Error, LambdaEvent, immortal};
use serde_json::Value;

#[immortal]
async unsafe fn handler(event: LambdaEvent<Value>) -> Result<Value, Error> {
    Ok(event.payload)
}
