//! The SQS adapter: dead letters, and the visibility timeout of returned records.

use std::time::Duration;

use aws_sdk_sqs::{Client, primitives::Blob, types::MessageAttributeValue};

use super::{
    dead_letter::DeadLetter,
    message_attribute::{AttributeValue, MessageAttribute},
    queue_arn::QueueArn,
};
use crate::aws::{AwsClients, AwsError, QueueAddresses, within};

/// The SQS client of the dispatcher.
#[derive(Clone, Debug)]
pub(super) struct SqsClient {
    client: Client,
    addresses: QueueAddresses,
}

impl SqsClient {
    pub(super) async fn new(aws: &AwsClients) -> Self {
        Self { client: Client::new(&aws.config), addresses: QueueAddresses::from_config(&aws.config).await }
    }

    /// Sends a dead letter to the queue of this URL.
    pub(super) async fn send(&self, url: &str, letter: &DeadLetter, bound: Duration) -> Result<(), AwsError> {
        let mut call = self.client.send_message().queue_url(url).message_body(&letter.body);
        for MessageAttribute { name, data_type, value } in &letter.attributes {
            let attribute = MessageAttributeValue::builder().data_type(data_type);
            let attribute = match value {
                AttributeValue::Text(text) => attribute.string_value(text),
                AttributeValue::Binary(bytes) => attribute.binary_value(Blob::new(bytes.clone())),
            };
            call = call.message_attributes(name, attribute.build().map_err(AwsError::unsent)?);
        }
        within(bound, Box::pin(async { Ok(call.send().await.map(drop)?) })).await
    }

    /// Hides a message for this long from now on.
    pub(super) async fn change_visibility(
        &self,
        queue: &QueueArn<'_>,
        receipt: &str,
        delay: Duration,
        bound: Duration,
    ) -> Result<(), AwsError> {
        let url = self.addresses.url(queue.account, queue.name)?;
        let seconds = i32::try_from(delay.as_secs()).unwrap_or(i32::MAX);
        let call =
            self.client.change_message_visibility().queue_url(url).receipt_handle(receipt).visibility_timeout(seconds);
        within(bound, Box::pin(async { Ok(call.send().await.map(drop)?) })).await
    }
}
