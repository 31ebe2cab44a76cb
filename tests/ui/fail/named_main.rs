use immortal::{Error, LambdaEvent, immortal};
use serde_json::Value;

#[immortal]
async fn main(event: LambdaEvent<Value>) -> Result<Value, Error> {
    Ok(event.payload)
}
