//! The handler on `lambda_runtime` alone.

use lambda_runtime::{Error, LambdaEvent, service_fn};
use s3::ObjectLocation;

#[tokio::main]
async fn main() -> Result<(), Error> {
    lambda_runtime::tracing::init_default_subscriber();
    let client = &s3::connect().await?;
    lambda_runtime::run(service_fn(async |event: LambdaEvent<ObjectLocation>| s3::report(event.payload, client).await))
        .await
}
