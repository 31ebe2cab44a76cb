use immortal::{Error, LambdaEvent, immortal};
use serde_json::Value;

#[immortal]
async extern "C" fn handler(event: LambdaEvent<Value>) -> Result<Value, Error> {
    Ok(event.payload)
}
