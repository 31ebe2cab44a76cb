//! The URL of a queue by its account and name, without `GetQueueUrl`, which would need a permission.

use aws_config::SdkConfig;
use aws_sdk_sqs::config::endpoint::{DefaultResolver, Params, ResolveEndpoint as _};

use super::AwsError;

/// The queues of a region.
#[derive(Clone, Debug)]
pub(crate) struct QueueAddresses {
    /// Without a trailing slash; `None` if the SDK knows no SQS endpoint for the region.
    endpoint: Option<String>,
}

impl QueueAddresses {
    pub(crate) async fn from_config(config: &SdkConfig) -> Self {
        let params = Params::builder()
            .set_region(config.region().map(|region| region.as_ref().to_owned()))
            .set_endpoint(config.endpoint_url().map(str::to_owned));
        let endpoint = match params.build() {
            Ok(params) => DefaultResolver::new().resolve_endpoint(&params).await.ok(),
            Err(_) => None,
        };
        Self { endpoint: endpoint.map(|endpoint| endpoint.url().trim_end_matches('/').to_owned()) }
    }

    /// The URL of a queue.
    pub(crate) fn url(&self, account: &str, name: &str) -> Result<String, AwsError> {
        match &self.endpoint {
            Some(endpoint) => Ok(format!("{endpoint}/{account}/{name}")),
            None => Err(AwsError::unsent(NoEndpoint)),
        }
    }
}

#[derive(Debug, thiserror::Error)]
#[error("the SDK knows no endpoint of SQS for this region")]
struct NoEndpoint;
