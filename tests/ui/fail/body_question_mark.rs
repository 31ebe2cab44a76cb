use immortal::{Error, LambdaEvent, immortal};
use serde_json::Value;

#[immortal]
async fn handler(event: LambdaEvent<Value>) -> Result<u64, Error> {
    Ok(event.payload.as_u64()?)
}
