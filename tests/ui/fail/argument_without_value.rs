use immortal::{Error, LambdaEvent, immortal};
use serde_json::Value;

#[immortal(spot)]
async fn handler(event: LambdaEvent<Value>) -> Result<Value, Error> {
    Ok(event.payload)
}
