//! The queues and their messages.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use jiff::Timestamp;
use tokio::sync::{Notify, futures::Notified};

use super::{
    content,
    queue::{Message, MessageAttribute, Queue},
    redrive::MoveTask,
};
use crate::platform::{ActivityGuard, EntryKind, EntrySource, FaultKind, FaultSubject, Platform, arn, lock};

#[derive(Debug)]
pub(crate) struct SqsService {
    pub(crate) platform: Arc<Platform>,
    pub(super) queues: Mutex<BTreeMap<String, StoredQueue>>,
    pub(super) move_tasks: Mutex<Vec<MoveTask>>,
    changed: Notify,
}

#[derive(Debug)]
pub(super) struct StoredQueue {
    pub(super) queue: Queue,
    /// Whether the queue is the event source of a function.
    mapped: bool,
    pub(super) messages: Vec<StoredMessage>,
}

/// A message in its queue.
#[derive(Clone, Debug)]
pub(super) struct StoredMessage {
    pub(super) message: Message,
    /// When it can be received, unless it is held.
    pub(super) visible_at: Timestamp,
    /// Whether an event source mapping is processing it: then it can't be received.
    pub(super) held: bool,
    /// When it was last received.
    pub(super) received_at: Option<Timestamp>,
    pub(super) first_received_at: Option<Timestamp>,
    pub(super) receipt: String,
    /// The request id of the invocation that it is about, if another service sent it.
    pub(super) request_id: Option<String>,
    /// Counts as work in progress while the queue is mapped.
    under_way: Option<Arc<ActivityGuard>>,
}

impl StoredMessage {
    pub(super) fn is_visible(&self, now: Timestamp) -> bool {
        !self.held && self.visible_at <= now
    }

    fn is_expired(&self, retention: Duration, now: Timestamp) -> bool {
        let sent = i64::try_from(self.message.sent).ok().and_then(|sent| Timestamp::from_millisecond(sent).ok());
        sent.is_some_and(|sent| sent + retention <= now)
    }
}

impl StoredQueue {
    /// Adds a message, visible from now on.
    pub(super) fn add(&mut self, platform: &Platform, message: Message, request_id: Option<String>) {
        self.add_later(platform, message, request_id, Duration::ZERO);
    }

    /// Adds a message that is visible after some time.
    fn add_later(&mut self, platform: &Platform, message: Message, request_id: Option<String>, delay: Duration) {
        self.messages.push(StoredMessage {
            message,
            visible_at: platform.now() + delay,
            held: false,
            received_at: None,
            first_received_at: None,
            receipt: String::new(),
            request_id,
            under_way: self.mapped.then(|| Arc::new(platform.activity.begin())),
        });
    }

    /// Removes messages that are older than the queue's retention, received or not.
    ///
    /// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html>,
    /// `MessageRetentionPeriod`.
    pub(super) fn expire(&mut self, platform: &Platform, now: Timestamp) {
        let Queue { name, retention, .. } = &self.queue;
        for expired in self.messages.extract_if(.., |stored| stored.is_expired(*retention, now)) {
            platform.journal.record(source_of(name), EntryKind::Expired { message_id: expired.message.id });
        }
    }
}

impl SqsService {
    pub(crate) fn new(platform: Arc<Platform>) -> Self {
        Self { platform, queues: Mutex::default(), move_tasks: Mutex::default(), changed: Notify::new() }
    }

    pub(crate) fn create_queue(&self, queue: Queue) -> String {
        let arn = arn("sqs", &queue.name);
        let mut queues = lock(&self.queues);
        let (mapped, messages) =
            queues.remove(&queue.name).map(|stored| (stored.mapped, stored.messages)).unwrap_or_default();
        queues.insert(queue.name.clone(), StoredQueue { queue, mapped, messages });
        arn
    }

    /// Marks the queue as the event source of a function.
    pub(crate) fn map_queue(&self, name: &str) {
        let mut queues = lock(&self.queues);
        let Some(stored) = queues.get_mut(name) else { return };
        stored.mapped = true;
        for message in &mut stored.messages {
            message.under_way.get_or_insert_with(|| Arc::new(self.platform.activity.begin()));
        }
    }

    pub(crate) fn exists(&self, name: &str) -> bool {
        lock(&self.queues).contains_key(name)
    }

    /// Sends a message, and returns its id; `None` if the queue does not exist.
    pub(crate) fn send(
        &self,
        name: &str,
        body: String,
        attributes: BTreeMap<String, MessageAttribute>,
        request_id: Option<&str>,
    ) -> Option<String> {
        let id = self.platform.ids.uuid();
        let sent = u64::try_from(self.platform.now().as_millisecond()).unwrap_or_default();
        let message = Message { id: id.clone(), body, attributes, receive_count: 0, sent, source: None };
        let request_id = request_id.map(str::to_owned);
        let subject = FaultSubject { request_id: request_id.as_deref(), queue: Some(name) };
        let fault = self.platform.faults.fault_for_call("Message", subject);
        let delay = if let Some(FaultKind::Delayed(delay)) = fault { delay } else { Duration::ZERO };
        let mut queues = lock(&self.queues);
        let stored = queues.get_mut(name)?;
        if let Some(FaultKind::Duplicated) = fault {
            stored.add(&self.platform, message.clone(), request_id.clone());
        }
        stored.add_later(&self.platform, message, request_id.clone(), delay);
        self.platform.journal.record(source_of(name), EntryKind::Queued { message_id: id.clone(), request_id });
        drop(queues);
        self.wake();
        Some(id)
    }

    /// Sends a message of another service about this request to a queue's ARN; `false` if the queue does not exist or
    /// the message is too large.
    pub(crate) fn deliver(
        &self,
        queue_arn: &str,
        body: String,
        attributes: BTreeMap<String, MessageAttribute>,
        request_id: Option<&str>,
    ) -> bool {
        let name = queue_arn.strip_prefix(&arn("sqs", "")).filter(|_| content::fits(&body, &attributes));
        name.and_then(|name| self.send(name, body, attributes, request_id)).is_some()
    }

    pub(crate) fn messages(&self, name: &str) -> Vec<Message> {
        let mut queues = lock(&self.queues);
        let Some(stored) = queues.get_mut(name) else { return Vec::new() };
        stored.expire(&self.platform, self.platform.now());
        stored.messages.iter().map(|stored| stored.message.clone()).collect()
    }

    pub(super) fn wake(&self) {
        self.changed.notify_waiters();
    }

    /// Resolves when a message arrives or is returned after this call.
    pub(crate) fn changed(&self) -> Notified<'_> {
        self.changed.notified()
    }
}

pub(super) fn source_of(queue: &str) -> EntrySource {
    EntrySource::Queue { name: queue.to_owned() }
}
