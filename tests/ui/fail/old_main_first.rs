use immortal::{Error, LambdaEvent, immortal, service_fn};
use serde_json::Value;

#[tokio::main]
async fn main() -> Result<(), Error> {
    immortal::run(service_fn(handler)).await
}

#[immortal]
async fn handler(event: LambdaEvent<Value>) -> Result<Value, Error> {
    Ok(event.payload)
}
