use immortal::{Error, LambdaEvent, immortal};
use serde_json::Value;

#[immortal(attempts = 11)]
async fn handler(event: LambdaEvent<Value>) -> Result<Value, Error> {
    Ok(event.payload)
}

#[tokio::main]
async fn main() {}
