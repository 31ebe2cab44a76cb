//! SQS: a queue's settings.

use aws_sdk_sqs::types::QueueAttributeName;

use crate::aws::{AwsConnection, CallError};

/// A queue's settings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct QueueSettings {
    pub(crate) url: String,
    pub(crate) arn: String,
    /// In seconds.
    pub(crate) visibility: u32,
    /// In seconds.
    pub(crate) retention: u32,
    /// As JSON.
    pub(crate) redrive_policy: Option<String>,
    /// As JSON: which queues may send here by their redrive policy.
    pub(crate) redrive_allow_policy: Option<String>,
    /// As JSON.
    pub(crate) policy: Option<String>,
    /// The ID, ARN or alias of the KMS key.
    pub(crate) key: Option<String>,
    pub(crate) is_fifo: bool,
}

impl AwsConnection {
    /// A queue's settings, by its URL.
    pub(crate) async fn queue_settings(&self, url: &str) -> Result<QueueSettings, CallError> {
        let name = url.rsplit('/').next().unwrap_or(url);
        let call = self.sqs().get_queue_attributes().queue_url(url).attribute_names(QueueAttributeName::All);
        let output = call.send().await;
        let failed = |error| CallError::new("sqs:GetQueueAttributes", &format!("the queue {name}"), error);
        let attributes = output.map_err(failed)?.attributes.unwrap_or_default();
        let text = |name: QueueAttributeName| attributes.get(&name).filter(|value| !value.is_empty()).cloned();
        let number = |name| text(name).and_then(|value| value.parse().ok()).unwrap_or_default();
        Ok(QueueSettings {
            url: url.to_owned(),
            arn: text(QueueAttributeName::QueueArn).unwrap_or_default(),
            visibility: number(QueueAttributeName::VisibilityTimeout),
            retention: number(QueueAttributeName::MessageRetentionPeriod),
            redrive_policy: text(QueueAttributeName::RedrivePolicy),
            redrive_allow_policy: text(QueueAttributeName::RedriveAllowPolicy),
            policy: text(QueueAttributeName::Policy),
            key: text(QueueAttributeName::KmsMasterKeyId),
            is_fifo: text(QueueAttributeName::FifoQueue).as_deref() == Some("true"),
        })
    }
}
