#![deny(warnings, missing_docs, unreachable_pub)]
//! Other attributes beside it, above and below.
use immortal::{Error, LambdaEvent, service_fn};
use serde_json::Value;

/// Serves.
#[tracing::instrument]
#[immortal::main]
#[allow(clippy::let_and_return)]
#[cfg(unix)]
#[tracing::instrument]
async fn main() -> Result<(), Error> {
    let served = immortal::run(service_fn(handler)).await;
    served
}

#[immortal::main]
#[cfg(not(unix))]
async fn main() {}

async fn handler(event: LambdaEvent<Value>) -> Result<Value, Error> {
    Ok(event.payload)
}
