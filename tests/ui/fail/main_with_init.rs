use immortal::{Error, LambdaEvent, service_fn};
use serde_json::Value;

#[immortal::main(init = connect, attempts = 11, retries = 2)]
async fn main() -> Result<(), Error> {
    immortal::run(service_fn(handler)).await
}

async fn handler(event: LambdaEvent<Value>) -> Result<Value, Error> {
    Ok(event.payload)
}

async fn connect() -> Result<u32, Error> {
    Ok(1)
}
