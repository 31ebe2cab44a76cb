//! A typical function: one client per process, and one object read per event.

use aws_config::BehaviorVersion;
use aws_sdk_s3::Client;
use aws_smithy_http_client::{
    Builder,
    tls::{Provider, rustls_provider::CryptoMode},
};
use lambda_runtime::Error;
use serde::{Deserialize, Serialize};

/// The event: where the object is.
#[derive(Debug, Deserialize)]
pub struct ObjectLocation {
    bucket: String,
    key: String,
}

/// The response.
#[derive(Debug, Serialize)]
pub struct LineCount {
    lines: usize,
}

/// A client of the SDK with the features that immortal uses, so that the roles are the only difference.
pub async fn connect() -> Result<Client, Error> {
    let http = Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https();
    Ok(Client::new(&aws_config::defaults(BehaviorVersion::latest()).http_client(http).load().await))
}

/// Counts the lines of the object.
pub async fn report(object: ObjectLocation, client: &Client) -> Result<LineCount, Error> {
    let object = client.get_object().bucket(object.bucket).key(object.key).send().await?;
    let text = object.body.collect().await?.into_bytes();
    Ok(LineCount { lines: text.split(|byte| *byte == b'\n').count() })
}
