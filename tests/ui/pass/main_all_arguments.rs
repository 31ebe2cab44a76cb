use immortal::{Error, LambdaEvent, service_fn};
use serde_json::Value;

#[immortal::main(
    cpu = "1 vCPU",
    memory = "4 GB",
    storage = 100,
    spot = true,
    attempts = 5,
    on = killed,
    grace = "1500ms",
    limit = "6h",
    crate = ::immortal
)]
async fn main() -> Result<(), Error> {
    immortal::run(service_fn(handler)).await
}

async fn handler(event: LambdaEvent<Value>) -> Result<Value, Error> {
    Ok(event.payload)
}
