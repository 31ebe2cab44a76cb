use immortal::{Error, immortal, service_fn, LambdaEvent};
use serde_json::Value;

#[immortal]
async fn main() -> Result<(), Error> {
    immortal::run(service_fn(handler)).await
}

async fn handler(event: LambdaEvent<Value>) -> Result<Value, Error> {
    Ok(event.payload)
}
