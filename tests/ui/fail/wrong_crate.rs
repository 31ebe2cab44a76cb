use immortal::{Error, LambdaEvent, immortal};
use serde_json::Value;

#[immortal(crate = crate::vendor)]
async fn handler(event: LambdaEvent<Value>) -> Result<Value, Error> {
    Ok(event.payload)
}
