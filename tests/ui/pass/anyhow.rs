use immortal::{LambdaEvent, immortal};
use serde_json::Value;

#[immortal]
async fn handler(event: LambdaEvent<Value>) -> anyhow::Result<Value> {
    Ok(event.payload)
}
