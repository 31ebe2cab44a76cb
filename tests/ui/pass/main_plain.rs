use immortal::{Error, LambdaEvent, service_fn};
use serde_json::Value;

#[immortal::main(attempts = 5, grace = "0s")]
fn main() -> Result<(), Error> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(immortal::run(service_fn(handler)))
}

async fn handler(event: LambdaEvent<Value>) -> Result<Value, Error> {
    Ok(event.payload)
}
