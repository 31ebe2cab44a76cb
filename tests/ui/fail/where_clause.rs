use immortal::{Error, LambdaEvent, immortal};
use serde_json::Value;

#[immortal]
async fn handler(event: LambdaEvent<Value>) -> Result<Value, Error>
where
    Value: Clone,
{
    Ok(event.payload)
}
