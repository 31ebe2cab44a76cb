//! SQS: queues, and what is in them.

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
};

use aws_sdk_sqs::{
    Client,
    error::BuildError,
    types::{
        ChangeMessageVisibilityBatchRequestEntry, Message, MessageAttributeValue, MessageSystemAttributeName,
        QueueAttributeName,
    },
};
use immortal_core::aws::AwsError;
use jiff::Timestamp;

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

/// A message that was received, and is hidden for a while.
#[derive(Clone, PartialEq)]
pub(crate) struct ReceivedMessage {
    pub(crate) id: String,
    pub(crate) receipt: String,
    pub(crate) body: String,
    pub(crate) sent: Option<Timestamp>,
    pub(crate) attributes: MessageAttributes,
}

/// A body may be an event, which is never shown.
impl fmt::Debug for ReceivedMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ReceivedMessage({}, {} bytes)", self.id, self.body.len())
    }
}

/// A message's own attributes, of whatever types.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct MessageAttributes(BTreeMap<String, MessageAttributeValue>);

impl MessageAttributes {
    /// The text of one of them.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.string_value()
    }

    #[cfg(test)]
    pub(crate) fn from_texts(texts: &[(&str, &str)]) -> Self {
        let value = |text: &str| {
            MessageAttributeValue::builder().data_type("String").string_value(text).build().expect("it has a type")
        };
        Self(texts.iter().map(|(name, text)| ((*name).to_owned(), value(text))).collect())
    }
}

/// How far a move of all messages is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct MoveProgress {
    /// `RUNNING`, `COMPLETED`, `CANCELLING`, `CANCELLED`, `FAILED`.
    pub(crate) status: String,
    pub(crate) moved: u64,
    pub(crate) failure: Option<String>,
}

/// SQS hands out so many at a time, and takes back as many:
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ReceiveMessage.html>.
const AT_ONCE: i32 = 10;
/// How long to look for a message in seconds: with any, all of SQS's servers are asked.
const LOOK_FOR: i32 = 1;

impl AwsConnection {
    pub(super) fn sqs(&self) -> Client {
        Client::new(&self.config)
    }

    /// The URL of a queue by its name, in this account unless told another.
    pub(crate) async fn queue_url(&self, name: &str, account: Option<&str>) -> Result<String, CallError> {
        let call = self.sqs().get_queue_url().queue_name(name);
        let output = call.set_queue_owner_aws_account_id(account.map(str::to_owned)).send().await;
        let output = output.map_err(|error| CallError::new("sqs:GetQueueUrl", &format!("the queue {name}"), error))?;
        Ok(output.queue_url.unwrap_or_default())
    }

    /// What a queue holds, by its URL.
    pub(crate) async fn queue_attributes(&self, url: &str) -> Result<QueueAttributes, CallError> {
        let name = url.rsplit('/').next().unwrap_or(url);
        let call = self.sqs().get_queue_attributes().queue_url(url).attribute_names(QueueAttributeName::All);
        let output = call.send().await;
        let output =
            output.map_err(|error| CallError::new("sqs:GetQueueAttributes", &format!("the queue {name}"), error))?;
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

    /// Receives up to ten messages, which are hidden from others for so many seconds.
    pub(crate) async fn receive(&self, url: &str, hidden_seconds: i32) -> Result<Vec<ReceivedMessage>, CallError> {
        let call = self
            .sqs()
            .receive_message()
            .queue_url(url)
            .max_number_of_messages(AT_ONCE)
            .wait_time_seconds(LOOK_FOR)
            .visibility_timeout(hidden_seconds)
            .message_attribute_names("All")
            .message_system_attribute_names(MessageSystemAttributeName::SentTimestamp);
        let output = call.send().await.map_err(|error| failed("sqs:ReceiveMessage", url, error))?;
        Ok(output.messages.unwrap_or_default().into_iter().map(received).collect())
    }

    /// Lets others receive these messages again.
    pub(crate) async fn show_again(&self, url: &str, messages: &[&ReceivedMessage]) -> Result<(), CallError> {
        let most = usize::try_from(AT_ONCE).unwrap_or(1);
        for some in messages.chunks(most) {
            let entry = |(at, message): (usize, &&ReceivedMessage)| {
                let entry = ChangeMessageVisibilityBatchRequestEntry::builder().id(at.to_string());
                entry.receipt_handle(&message.receipt).visibility_timeout(0).build()
            };
            let entries: Result<Vec<_>, BuildError> = some.iter().enumerate().map(entry).collect();
            let entries = entries.map_err(|error| unsent("sqs:ChangeMessageVisibility", url, error))?;
            let call = self.sqs().change_message_visibility_batch().queue_url(url).set_entries(Some(entries));
            call.send().await.map_err(|error| failed("sqs:ChangeMessageVisibility", url, error))?;
        }
        Ok(())
    }

    /// Sends a copy of a message to another queue.
    pub(crate) async fn send_copy(&self, url: &str, message: &ReceivedMessage) -> Result<(), CallError> {
        let mut call = self.sqs().send_message().queue_url(url).message_body(&message.body);
        for (name, value) in &message.attributes.0 {
            call = call.message_attributes(name, value.clone());
        }
        call.send().await.map_err(|error| failed("sqs:SendMessage", url, error))?;
        Ok(())
    }

    /// Deletes a message that was received.
    pub(crate) async fn delete(&self, url: &str, message: &ReceivedMessage) -> Result<(), CallError> {
        let call = self.sqs().delete_message().queue_url(url).receipt_handle(&message.receipt);
        call.send().await.map_err(|error| failed("sqs:DeleteMessage", url, error))?;
        Ok(())
    }

    /// Begins to move all messages of a dead-letter queue to another queue, both by ARN.
    pub(crate) async fn start_move(&self, from: &str, to: &str) -> Result<(), CallError> {
        let call = self.sqs().start_message_move_task().source_arn(from).destination_arn(to);
        call.send().await.map_err(|error| failed("sqs:StartMessageMoveTask", from, error))?;
        Ok(())
    }

    /// How far the latest move from a queue is.
    pub(crate) async fn move_progress(&self, from: &str) -> Result<MoveProgress, CallError> {
        let output = self.sqs().list_message_move_tasks().source_arn(from).max_results(1).send().await;
        let output = output.map_err(|error| failed("sqs:ListMessageMoveTasks", from, error))?;
        let Some(latest) = output.results.unwrap_or_default().into_iter().next() else {
            return Ok(MoveProgress::default());
        };
        Ok(MoveProgress {
            moved: u64::try_from(latest.approximate_number_of_messages_moved).unwrap_or_default(),
            status: latest.status.unwrap_or_default(),
            failure: latest.failure_reason,
        })
    }
}

/// Queues are named by the end of their URL or ARN.
fn failed(action: &'static str, queue: &str, error: impl Into<AwsError>) -> CallError {
    CallError::new(action, &format!("the queue {}", queue.rsplit(['/', ':']).next().unwrap_or(queue)), error)
}

fn unsent(action: &'static str, queue: &str, error: BuildError) -> CallError {
    failed(action, queue, AwsError::Unsent(std::sync::Arc::new(error)))
}

fn received(message: Message) -> ReceivedMessage {
    let mut system = message.attributes.unwrap_or_default();
    let sent = system.remove(&MessageSystemAttributeName::SentTimestamp);
    ReceivedMessage {
        id: message.message_id.unwrap_or_default(),
        receipt: message.receipt_handle.unwrap_or_default(),
        body: message.body.unwrap_or_default(),
        sent: sent.and_then(|sent| Timestamp::from_millisecond(sent.parse().ok()?).ok()),
        attributes: MessageAttributes(message.message_attributes.unwrap_or_default().into_iter().collect()),
    }
}
