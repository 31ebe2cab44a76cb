use immortal::{Error, LambdaEvent};
use serde_json::Value;

#[immortal::main]
async fn handler(event: LambdaEvent<Value>) -> Result<Value, Error> {
    Ok(event.payload)
}
