use immortal::{LambdaEvent, immortal};
use serde_json::Value;

#[immortal]
async fn handler(event: LambdaEvent<Value>) -> miette::Result<Value> {
    Ok(event.payload)
}
