//! The AWS clients' common ground: one HTTPS client, and no retries of the SDK's own.

use aws_config::{BehaviorVersion, SdkConfig, retry::RetryConfig};
use aws_smithy_http_client::{
    Builder,
    tls::{Provider, rustls_provider::CryptoMode},
};

/// Loads region, credentials and endpoints from the environment.
///
/// Each role has one retry loop of its own, which knows its deadline and what is worth a retry; a second one inside
/// the SDK would multiply the calls against a service that throttles.
pub(crate) async fn config() -> SdkConfig {
    let client = Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https();
    aws_config::defaults(BehaviorVersion::latest())
        .http_client(client)
        .retry_config(RetryConfig::disabled())
        .load()
        .await
}

/// An S3 client, in path style where the endpoint was set by hand: a bucket is no subdomain of such a host.
pub(crate) fn s3(config: &SdkConfig) -> aws_sdk_s3::Client {
    let custom = config.endpoint_url().is_some() || std::env::var_os("AWS_ENDPOINT_URL_S3").is_some();
    let config = aws_sdk_s3::config::Builder::from(config).force_path_style(custom).build();
    aws_sdk_s3::Client::from_conf(config)
}
