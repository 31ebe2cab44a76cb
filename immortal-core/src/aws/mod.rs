//! The AWS SDK as both roles use it: one configuration, one set of connections, one classification of errors.
//!
//! What a role asks of a service is in that role's adapters; what both ask of S3 is here. The HTTP client and the errors
//! are for `cargo-immortal`, too.

mod error;
mod error_chain;
mod http;
#[cfg(any(feature = "dispatcher", feature = "destinations"))]
mod queue_url;
#[cfg(any(feature = "dispatcher", feature = "runner", feature = "progress"))]
mod retry;
#[cfg(any(feature = "dispatcher", feature = "runner", feature = "progress"))]
pub(crate) mod s3;
#[cfg(any(feature = "dispatcher", feature = "runner"))]
mod timestamp;

#[cfg(any(feature = "dispatcher", feature = "runner", feature = "progress"))]
use aws_config::{BehaviorVersion, SdkConfig, retry::RetryConfig};

#[cfg(feature = "dispatcher")]
pub(crate) use self::error::is_capacity;
#[cfg(feature = "runner")]
pub(crate) use self::http::HttpResponse;
#[cfg(any(feature = "dispatcher", feature = "destinations"))]
pub(crate) use self::queue_url::QueueAddresses;
#[cfg(any(feature = "dispatcher", feature = "runner"))]
pub(crate) use self::retry::backoff;
#[cfg(any(feature = "dispatcher", feature = "progress"))]
pub(crate) use self::retry::within;
#[cfg(any(feature = "dispatcher", feature = "runner", feature = "progress"))]
pub(crate) use self::retry::{RetryEnd, WorkDeadline, with_retries};
#[cfg(any(feature = "dispatcher", feature = "runner"))]
pub(crate) use self::timestamp::timestamp;
#[cfg(feature = "dispatcher")]
pub(crate) use self::timestamp::unix_milliseconds;
#[cfg(feature = "runner")]
pub(crate) use self::timestamp::unix_now;
pub use self::{
    error::{AwsError, RetryReason, ServiceError},
    error_chain::error_chain,
    http::HttpClient,
};

/// The configuration of all SDK clients of a process. Clones share connections and credentials.
#[cfg(any(feature = "dispatcher", feature = "runner", feature = "progress"))]
#[derive(Clone, Debug)]
pub(crate) struct AwsClients {
    pub(crate) config: SdkConfig,
    #[cfg(any(feature = "runner", feature = "progress"))]
    pub(crate) http: HttpClient,
}

/// No region is configured, so requests can't be signed.
#[cfg(any(feature = "dispatcher", feature = "runner", feature = "progress"))]
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("no AWS region is configured; set AWS_REGION")]
pub(crate) struct MissingRegion;

#[cfg(any(feature = "dispatcher", feature = "runner", feature = "progress"))]
impl AwsClients {
    /// Loads region, endpoints and credentials from the SDK's standard sources.
    ///
    /// The SDK's retries are off: the roles retry by their own deadlines, and the SDK's retries would multiply theirs.
    pub(crate) async fn from_environment() -> Result<Self, MissingRegion> {
        let http = HttpClient::new();
        let config = aws_config::defaults(BehaviorVersion::latest())
            .http_client(http.for_sdk())
            .retry_config(RetryConfig::disabled())
            .load()
            .await;
        if config.region().is_none() {
            return Err(MissingRegion);
        }
        Ok(Self {
            config,
            #[cfg(any(feature = "runner", feature = "progress"))]
            http,
        })
    }

    /// A service on loopback, in place of all of AWS's.
    #[cfg(test)]
    pub(crate) fn at(endpoint: &str) -> Self {
        use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};

        let http = HttpClient::new();
        let credentials = Credentials::new("AKIDEXAMPLE", "secret", None, None, "tests");
        let config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .http_client(http.for_sdk())
            .retry_config(RetryConfig::disabled())
            .region(aws_config::Region::new("eu-central-1"))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .endpoint_url(endpoint)
            .build();
        Self {
            config,
            #[cfg(any(feature = "runner", feature = "progress"))]
            http,
        }
    }
}
