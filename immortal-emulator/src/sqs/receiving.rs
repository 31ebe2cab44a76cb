//! Received messages: their visibility timeout, which can be changed, and their deletion or return.

use std::time::Duration;

use jiff::Timestamp;

use super::{
    queue::Message,
    service::{SqsService, StoredMessage, source_of},
};
use crate::platform::{ApiError, EntryKind, FaultKind, lock};

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ChangeMessageVisibility.html>: 12 hours
/// after the message was received, however often it is changed.
pub(super) const MAX_VISIBILITY_TIMEOUT: Duration = Duration::from_hours(12);

/// A received message.
#[derive(Clone, Debug)]
pub(crate) struct ReceivedMessage {
    pub(crate) message: Message,
    pub(crate) receipt: String,
    pub(crate) first_received_at: Timestamp,
    pub(crate) request_id: Option<String>,
}

/// How long a message is hidden after it is received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ReceiveVisibility {
    /// For this time, else for the queue's visibility timeout.
    For(Option<Duration>),
    /// For the queue's visibility timeout, and at least until it is deleted or released.
    Held,
}

impl SqsService {
    /// Receives up to `most` messages. Messages that were received too often are moved to the dead-letter queue
    /// instead.
    pub(crate) fn receive(&self, name: &str, most: usize, visibility: ReceiveVisibility) -> Vec<ReceivedMessage> {
        let now = self.platform.now();
        let mut queues = lock(&self.queues);
        // A redrive policy whose dead-letter queue does not exist has no effect, so that no message is lost.
        let redrive = queues.get(name).and_then(|stored| stored.queue.redrive.clone());
        let redrive = redrive.filter(|redrive| queues.contains_key(&redrive.dead_letter_queue));
        let Some(stored) = queues.get_mut(name) else { return Vec::new() };
        stored.expire(&self.platform, now);
        let timeout = match visibility {
            ReceiveVisibility::For(Some(timeout)) => timeout,
            ReceiveVisibility::For(None) | ReceiveVisibility::Held => stored.queue.visibility_timeout,
        };
        let visible_at = now + self.platform.scaled(timeout);
        let limit = redrive.as_ref().map_or(u32::MAX, |redrive| redrive.max_receive_count);
        let (mut received, mut exhausted) = (Vec::new(), Vec::new());
        stored.messages.retain_mut(|stored| {
            if !stored.is_visible(now) || received.len() == most {
                return true;
            }
            if stored.message.receive_count >= limit {
                exhausted.push(stored.clone());
                return false;
            }
            stored.visible_at = visible_at;
            stored.held = visibility == ReceiveVisibility::Held;
            received.push(stored.receive(self.platform.ids.hex(RECEIPT_LENGTH), now));
            true
        });
        if let Some(dead_letters) = redrive.and_then(|redrive| queues.get_mut(&redrive.dead_letter_queue))
            && !exhausted.is_empty()
        {
            dead_letters.add_dead_letters(&self.platform, name, exhausted);
            self.wake();
        }
        drop(queues);
        for ReceivedMessage { message, .. } in &received {
            let what = EntryKind::Received { message_id: message.id.clone(), count: message.receive_count };
            self.platform.journal.record(source_of(name), what);
        }
        received
    }

    /// Deletes by receipt handle. An outdated handle deletes nothing, as in SQS.
    pub(crate) fn delete(&self, name: &str, receipt: &str, fault: Option<&FaultKind>) {
        let mut queues = lock(&self.queues);
        let Some(stored) = queues.get_mut(name) else { return };
        if let Some(at) = stored.messages.iter().position(|stored| stored.receipt == receipt) {
            if let Some(FaultKind::Duplicated) = fault {
                let copy = &mut stored.messages[at];
                copy.visible_at = self.platform.now() + self.platform.scaled(stored.queue.visibility_timeout);
                copy.held = false;
                let message_id = copy.message.id.clone();
                self.platform.journal.record(source_of(name), EntryKind::Returned { message_id });
                drop(queues);
                return self.wake();
            }
            let message_id = stored.messages.remove(at).message.id;
            self.platform.journal.record(source_of(name), EntryKind::Deleted { message_id });
        }
    }

    /// Releases a held message: it can be received again at the end of its visibility timeout, the queue's or the one
    /// that `ChangeMessageVisibility` has set.
    pub(crate) fn release(&self, name: &str, received: &ReceivedMessage) {
        let mut queues = lock(&self.queues);
        let Some(stored) = queues.get_mut(name) else { return };
        if let Some(stored) = stored.messages.iter_mut().find(|stored| stored.receipt == received.receipt) {
            stored.held = false;
            self.platform
                .journal
                .record(source_of(name), EntryKind::Returned { message_id: received.message.id.clone() });
        }
        drop(queues);
        self.wake();
    }

    /// Sets the visibility timeout of a received message, from now on. A held message stays held: its consumer is still
    /// processing it, which with scaled time may take longer than the timeout.
    ///
    /// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ChangeMessageVisibility.html>
    pub(super) fn change_visibility(&self, name: &str, receipt: &str, timeout: Duration) -> Result<(), ApiError> {
        if receipt.len() != RECEIPT_LENGTH || !receipt.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            let message = format!("The input receipt handle \"{receipt}\" is not a valid receipt handle.");
            return Err(ApiError::new(404, "ReceiptHandleIsInvalid", message));
        }
        let invalid = |value: &str, parameter: &str, reason: &str| {
            let message = format!("Value {value} for parameter {parameter} is invalid. Reason: {reason}");
            ApiError::new(400, "InvalidParameterValue", message)
        };
        let now = self.platform.now();
        let mut queues = lock(&self.queues);
        let mut messages = queues.get_mut(name).into_iter().flat_map(|stored| &mut stored.messages);
        let Some(stored) = messages.find(|stored| stored.receipt == receipt) else {
            let reason = "Message does not exist or is not available for visibility timeout change.";
            return Err(invalid(receipt, "ReceiptHandle", reason));
        };
        if stored.is_visible(now) {
            let code = "AWS.SimpleQueueService.MessageNotInflight";
            return Err(ApiError::new(400, code, "The specified message isn't in flight."));
        }
        if stored.received_at.is_some_and(|received| now + timeout > received + MAX_VISIBILITY_TIMEOUT) {
            let reason = format!(
                "Total VisibilityTimeout for the message is beyond the limit [{} seconds]",
                MAX_VISIBILITY_TIMEOUT.as_secs()
            );
            return Err(invalid(&timeout.as_secs().to_string(), "VisibilityTimeout", &reason));
        }
        stored.visible_at = now + timeout;
        let what = EntryKind::VisibilityChanged { message_id: stored.message.id.clone(), timeout };
        self.platform.journal.record(source_of(name), what);
        drop(queues);
        self.wake();
        Ok(())
    }

    /// The request id of the invocation that a received message is about, if another service sent it.
    pub(crate) fn request_id_of(&self, receipt: &str) -> Option<String> {
        let queues = lock(&self.queues);
        let mut messages = queues.values().flat_map(|stored| &stored.messages);
        messages.find(|stored| stored.receipt == receipt)?.request_id.clone()
    }

    /// When the next message of this queue becomes visible; `None` if all are held or there are none.
    pub(crate) fn next_visible(&self, name: &str) -> Option<Timestamp> {
        let queues = lock(&self.queues);
        let waiting = queues.get(name)?.messages.iter().filter(|stored| !stored.held);
        waiting.map(|stored| stored.visible_at).min()
    }
}

const RECEIPT_LENGTH: usize = 40;

impl StoredMessage {
    fn receive(&mut self, receipt: String, now: Timestamp) -> ReceivedMessage {
        self.message.receive_count += 1;
        self.receipt = receipt;
        self.received_at = Some(now);
        ReceivedMessage {
            message: self.message.clone(),
            receipt: self.receipt.clone(),
            first_received_at: *self.first_received_at.get_or_insert(now),
            request_id: self.request_id.clone(),
        }
    }
}
