//! The handler on `lambda_runtime`.

use lambda_runtime::{Error, LambdaEvent, service_fn};
use s3::Object;

#[tokio::main]
async fn main() -> Result<(), Error> {
    lambda_runtime::tracing::init_default_subscriber();
    let client = &s3::connect().await?;
    lambda_runtime::run(service_fn(async |event: LambdaEvent<Object>| s3::report(event.payload, client).await)).await
}
