//! SQS: queues, and what is in them.

use std::collections::HashMap;

use aws_sdk_sqs::{Client, types::QueueAttributeName};

use super::{call_error::CallError, connect::AwsConnection};

/// What SQS says of a queue.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct QueueAttributes {
    pub(crate) arn: String,
    /// What can be received.
    pub(crate) waiting: u64,
    /// What was received and not yet deleted.
    pub(crate) in_flight: u64,
    /// In seconds.
    pub(crate) retention: u64,
}

impl AwsConnection {
    pub(super) fn sqs(&self) -> Client {
        Client::new(&self.config)
    }

    /// The URL of a queue by its name, in this account unless told another.
    pub(crate) async fn queue_url(&self, name: &str, account: Option<&str>) -> Result<String, CallError> {
        let call = self.sqs().get_queue_url().queue_name(name);
        let output = call.set_queue_owner_aws_account_id(account.map(str::to_owned)).send().await;
        let output = output.map_err(|error| CallError::of("sqs:GetQueueUrl", &format!("the queue {name}"), error))?;
        Ok(output.queue_url.unwrap_or_default())
    }

    /// What a queue holds, by its URL.
    pub(crate) async fn queue_attributes(&self, url: &str) -> Result<QueueAttributes, CallError> {
        let name = url.rsplit('/').next().unwrap_or(url);
        let call = self.sqs().get_queue_attributes().queue_url(url).attribute_names(QueueAttributeName::All);
        let output = call.send().await;
        let output =
            output.map_err(|error| CallError::of("sqs:GetQueueAttributes", &format!("the queue {name}"), error))?;
        let attributes: HashMap<_, _> = output.attributes.unwrap_or_default();
        let text = |name: QueueAttributeName| attributes.get(&name).cloned().unwrap_or_default();
        let number = |name| text(name).parse().unwrap_or_default();
        Ok(QueueAttributes {
            arn: text(QueueAttributeName::QueueArn),
            waiting: number(QueueAttributeName::ApproximateNumberOfMessages)
                + number(QueueAttributeName::ApproximateNumberOfMessagesDelayed),
            in_flight: number(QueueAttributeName::ApproximateNumberOfMessagesNotVisible),
            retention: number(QueueAttributeName::MessageRetentionPeriod),
        })
    }
}
