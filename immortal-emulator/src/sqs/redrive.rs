//! Redrive policies, which move messages to the dead-letter queue, and move tasks, which move them back.

use super::{
    queue::Message,
    service::{SqsService, StoredMessage, StoredQueue, source_of},
};
use crate::platform::{ApiError, EntryKind, Platform, arn, lock};
use serde_json::{Value, json};

/// A move task that was started; all of them are over at once here.
///
/// Shape: `ListMessageMoveTasksResultEntry` of the SQS API.
#[derive(Clone, Debug)]
pub(super) struct MoveTask {
    source: String,
    destination: Option<String>,
    moved: usize,
    started: i64,
}

impl MoveTask {
    fn describe(&self) -> Value {
        let mut described = json!({
            "Status": "COMPLETED",
            "SourceArn": self.source,
            "ApproximateNumberOfMessagesMoved": self.moved,
            "ApproximateNumberOfMessagesToMove": self.moved,
            "StartedTimestamp": self.started,
        });
        if let Some(destination) = &self.destination {
            described["DestinationArn"] = json!(destination);
        }
        described
    }
}

impl StoredQueue {
    /// Adds messages that were received too often from another queue. They keep id and time stamp, and carry their
    /// source queue as `DeadLetterQueueSourceArn`.
    ///
    /// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html>
    pub(super) fn add_dead_letters(&mut self, platform: &Platform, from: &str, exhausted: Vec<StoredMessage>) {
        for stored in exhausted {
            let what = EntryKind::DeadLettered { message_id: stored.message.id.clone(), from: from.to_owned() };
            let message = Message { receive_count: 0, source: Some(from.to_owned()), ..stored.message };
            // A message on which a queue's function failed is identified by its own id from now on.
            let request_id = stored.request_id.or_else(|| Some(message.id.clone()));
            self.add(platform, message, request_id);
            platform.journal.record(source_of(&self.queue.name), what);
        }
    }
}

impl SqsService {
    /// `StartMessageMoveTask`: moves the visible messages of a dead-letter queue as new messages, with new ids and time
    /// stamps, and returns how many. Takes both queues by ARN; without a destination each message returns to its source
    /// queue.
    ///
    /// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-configure-dead-letter-queue-redrive.html>
    pub(crate) fn start_move_task(&self, from: &str, to: Option<&str>) -> Result<usize, ApiError> {
        let mut queues = lock(&self.queues);
        let find = |queue_arn: &str, parameter: &str| {
            let name = queue_arn.strip_prefix(&arn("sqs", "")).filter(|name| queues.contains_key(*name));
            let message = format!("The resource that you specified for the {parameter} parameter doesn't exist.");
            name.map(str::to_owned).ok_or_else(|| ApiError::new(404, "ResourceNotFoundException", message))
        };
        let source = find(from, "SourceArn")?;
        let destination = to.map(|to| find(to, "DestinationArn")).transpose()?;
        let is_source = |stored: &StoredQueue| {
            stored.queue.redrive.as_ref().is_some_and(|redrive| redrive.dead_letter_queue == source)
        };
        if !queues.values().any(is_source) {
            let message = "Source queue must be configured as a Dead Letter Queue.";
            return Err(ApiError::new(400, "InvalidParameterValue", message));
        }
        let now = self.platform.now();
        let Some(stored) = queues.get_mut(&source) else { return Ok(0) };
        stored.expire(&self.platform, now);
        // A message that no redrive policy moved here has no source queue: it stays.
        let movable = |stored: &mut StoredMessage| {
            stored.is_visible(now) && (destination.is_some() || stored.message.source.is_some())
        };
        let moved: Vec<_> = stored.messages.extract_if(.., movable).collect();
        drop(queues);
        let count = moved.len();
        for Message { body, attributes, source, .. } in moved.into_iter().map(|stored| stored.message) {
            let destination = destination.clone().or(source).unwrap_or_default();
            self.send(&destination, body, attributes, None);
        }
        let task = MoveTask {
            source: from.to_owned(),
            destination: to.map(str::to_owned),
            moved: count,
            started: now.as_millisecond(),
        };
        lock(&self.move_tasks).push(task);
        Ok(count)
    }

    /// `ListMessageMoveTasks`: the latest first, one unless told up to 10.
    ///
    /// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ListMessageMoveTasks.html>
    pub(super) fn list_move_tasks(&self, source: &str, most: usize) -> Value {
        let tasks = lock(&self.move_tasks);
        let of_source = tasks.iter().rev().filter(|task| task.source == source).take(most.clamp(1, 10));
        json!({ "Results": of_source.map(MoveTask::describe).collect::<Vec<_>>() })
    }
}
