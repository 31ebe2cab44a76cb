use immortal::{Error, LambdaEvent, immortal, service_fn};
use serde_json::Value;

#[immortal]
async fn handler(event: LambdaEvent<Value>) -> Result<Value, Error> {
    Ok(event.payload)
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    immortal::run(service_fn(handler)).await
}
