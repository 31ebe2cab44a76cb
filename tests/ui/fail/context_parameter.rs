use immortal::{Context, Error, LambdaEvent, immortal};
use serde_json::Value;

#[immortal]
async fn handler(event: LambdaEvent<Value>, context: Context) -> Result<Value, Error> {
    let _ = context;
    Ok(event.payload)
}
