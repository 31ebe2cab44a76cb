use immortal::main;
use immortal::{Error, LambdaEvent, service_fn};
use serde_json::Value;

#[main]
async fn main() -> Result<(), Error> {
    immortal::run(service_fn(handler)).await
}

async fn handler(event: LambdaEvent<Value>) -> Result<Value, Error> {
    Ok(event.payload)
}
