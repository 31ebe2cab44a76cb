//! The handler of `examples/hello` on `lambda_runtime` alone.
#![allow(clippy::unused_async, reason = "a handler is async even if it awaits nothing")]

use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde::{Deserialize, Serialize};

#[derive(Deserialize)]
struct Visitor {
    name: String,
}

#[derive(Serialize)]
struct Greeting {
    message: String,
}

async fn hello(event: LambdaEvent<Visitor>) -> Result<Greeting, Error> {
    let name = event.payload.name;
    if name.is_empty() {
        return Err("a visitor without a name can't be greeted".into());
    }
    Ok(Greeting { message: format!("Hello, {name}!") })
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    lambda_runtime::tracing::init_default_subscriber();
    lambda_runtime::run(service_fn(hello)).await
}
