//! The code that the runner fetches: it says by a connection that its handler has the event, and ends with it.

use std::{env, io::Read as _, net::TcpStream};

use lambda_runtime::{Error, LambdaEvent, service_fn};

/// Where it connects to.
const PROBE: &str = "FIGURES_PROBE";

#[tokio::main]
async fn main() -> Result<(), Error> {
    lambda_runtime::run(service_fn(async |_: LambdaEvent<serde::de::IgnoredAny>| {
        TcpStream::connect(env::var(PROBE)?)?.read_to_end(&mut Vec::new())?;
        Ok::<_, Error>(())
    }))
    .await
}
