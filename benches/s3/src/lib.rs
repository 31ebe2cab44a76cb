//! What many functions look like: a client made once, and an object read of each event.

use aws_config::BehaviorVersion;
use aws_sdk_s3::Client;
use aws_smithy_http_client::{
    Builder,
    tls::{Provider, rustls_provider::CryptoMode},
};
use lambda_runtime::Error;
use serde::{Deserialize, Serialize};

/// The object that an event names.
#[derive(Debug, Deserialize)]
pub struct Object {
    bucket: String,
    key: String,
}

/// What is said of it.
#[derive(Debug, Serialize)]
pub struct Report {
    lines: usize,
}

/// A client of the SDK with the features that immortal takes of it, so that the roles are the only difference.
pub async fn connect() -> Result<Client, Error> {
    let http = Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https();
    Ok(Client::new(&aws_config::defaults(BehaviorVersion::latest()).http_client(http).load().await))
}

/// Counts the object's lines.
pub async fn report(object: Object, client: &Client) -> Result<Report, Error> {
    let object = client.get_object().bucket(object.bucket).key(object.key).send().await?;
    let text = object.body.collect().await?.into_bytes();
    Ok(Report { lines: text.split(|byte| *byte == b'\n').count() })
}
