//! A queue, by both of its names.

use crate::aws::{AwsConnection, CallError};

/// Where a queue is: most calls take its URL, moving and mapping its ARN.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct QueueAddress {
    pub(crate) url: String,
    pub(crate) arn: String,
}

impl QueueAddress {
    /// The queue's name.
    pub(crate) fn name(&self) -> &str {
        self.arn.rsplit(':').next().unwrap_or(&self.arn)
    }

    /// Finds a queue by its name, URL or ARN.
    pub(crate) async fn find(named: &str, aws: &AwsConnection) -> Result<Self, CallError> {
        let url = match named.split(':').collect::<Vec<_>>().as_slice() {
            ["http" | "https", ..] => named.to_owned(),
            ["arn", _, "sqs", _, account, name] => {
                let url = aws.queue_url(name, Some(account)).await?;
                return Ok(Self { url, arn: named.to_owned() });
            }
            _ => aws.queue_url(named, None).await?,
        };
        let arn = aws.queue_attributes(&url).await?.arn;
        Ok(Self { url, arn })
    }
}
