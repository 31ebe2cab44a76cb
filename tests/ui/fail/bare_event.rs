use immortal::{Error, immortal};
use serde_json::Value;

#[immortal]
async fn handler(event: Value) -> Result<Value, Error> {
    Ok(event)
}
