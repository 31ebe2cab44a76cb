use immortal::{Error, LambdaEvent, immortal};
use serde_json::Value;

#[tracing::instrument(skip_all)]
#[immortal]
async fn handler(event: LambdaEvent<Value>) -> Result<Value, Error> {
    Ok(event.payload)
}
