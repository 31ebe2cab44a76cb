use immortal::{Error, LambdaEvent, immortal};
use serde_json::Value;

#[immortal(cpu = 16_384, memory = 122_880, storage = 21, attempts = 1, on = any, grace = "0s", limit = "1s")]
async fn handler(event: LambdaEvent<Value>) -> Result<Value, Error> {
    Ok(event.payload)
}
