//! SQS: standard queues with visibility timeouts, retention, receive counts, redrive policies and redrive.

mod content;
pub(crate) mod mapping;
mod receiving;
mod redrive;
pub(crate) mod wire;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use jiff::Timestamp;
use tokio::sync::Notify;

use crate::{
    Attribute, Message, Place, Queue, What,
    activity::UnderWay,
    cloud::{Cloud, arn, lock},
};
pub(crate) use receiving::{Hiding, ReceivedMessage};

#[derive(Debug, Default)]
pub(crate) struct Queues {
    queues: Mutex<BTreeMap<String, StoredQueue>>,
    changed: Arc<Notify>,
}

#[derive(Debug)]
struct StoredQueue {
    queue: Queue,
    /// Whether a function is given its messages.
    mapped: bool,
    messages: Vec<StoredMessage>,
}

/// A message in its queue.
#[derive(Clone, Debug)]
struct StoredMessage {
    message: Message,
    /// From when on it can be received, unless it is held.
    visible_at: Timestamp,
    /// An event source mapping has it: it can't be received before that is done with it.
    held: bool,
    /// When it was last received.
    received_at: Option<Timestamp>,
    first_received_at: Option<Timestamp>,
    receipt: String,
    /// The invocation that it is about, where another service wrote it.
    request_id: Option<String>,
    /// Held while a function is to be given it.
    under_way: Option<Arc<UnderWay>>,
}

impl StoredMessage {
    fn is_visible(&self, now: Timestamp) -> bool {
        !self.held && self.visible_at <= now
    }

    fn is_expired(&self, retention: Duration, now: Timestamp) -> bool {
        let sent = i64::try_from(self.message.sent).ok().and_then(|sent| Timestamp::from_millisecond(sent).ok());
        sent.is_some_and(|sent| sent + retention <= now)
    }
}

impl StoredQueue {
    /// Adds a message that can be received from now on.
    fn add(&mut self, cloud: &Cloud, message: Message, request_id: Option<String>) {
        self.messages.push(StoredMessage {
            message,
            visible_at: cloud.now(),
            held: false,
            received_at: None,
            first_received_at: None,
            receipt: String::new(),
            request_id,
            under_way: self.mapped.then(|| Arc::new(cloud.activity.begin())),
        });
    }

    /// Drops what is older than the queue's retention, received or not.
    ///
    /// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html>,
    /// `MessageRetentionPeriod`.
    fn expire(&mut self, cloud: &Cloud, now: Timestamp) {
        let Queue { name, retention, .. } = &self.queue;
        for expired in self.messages.extract_if(.., |stored| stored.is_expired(*retention, now)) {
            cloud.journal.note(place(name), What::Expired { message_id: expired.message.id });
        }
    }
}

impl Queues {
    pub(crate) fn create(&self, queue: Queue) -> String {
        let arn = arn("sqs", &queue.name);
        let mut queues = lock(&self.queues);
        let (mapped, messages) =
            queues.remove(&queue.name).map(|stored| (stored.mapped, stored.messages)).unwrap_or_default();
        queues.insert(queue.name.clone(), StoredQueue { queue, mapped, messages });
        arn
    }

    /// Notes that a function is given this queue's messages from now on.
    pub(crate) fn map(&self, cloud: &Cloud, name: &str) {
        let mut queues = lock(&self.queues);
        let Some(stored) = queues.get_mut(name) else { return };
        stored.mapped = true;
        for message in &mut stored.messages {
            message.under_way.get_or_insert_with(|| Arc::new(cloud.activity.begin()));
        }
    }

    pub(crate) fn exists(&self, name: &str) -> bool {
        lock(&self.queues).contains_key(name)
    }

    /// Sends a message, and returns its id; `None` if there is no such queue.
    pub(crate) fn send(
        &self,
        cloud: &Cloud,
        name: &str,
        body: String,
        attributes: BTreeMap<String, Attribute>,
        request_id: Option<&str>,
    ) -> Option<String> {
        let id = cloud.uuid();
        let sent = u64::try_from(cloud.now().as_millisecond()).unwrap_or_default();
        let message = Message { id: id.clone(), body, attributes, receive_count: 0, sent, source: None };
        let request_id = request_id.map(str::to_owned);
        let mut queues = lock(&self.queues);
        queues.get_mut(name)?.add(cloud, message, request_id.clone());
        cloud.journal.note(place(name), What::Queued { message_id: id.clone(), request_id });
        drop(queues);
        self.wake();
        Some(id)
    }

    /// Sends what another service tells of this request to a queue's ARN; `false` if there is no such queue, or it is
    /// too large for one.
    pub(crate) fn deliver(
        &self,
        cloud: &Cloud,
        queue_arn: &str,
        body: String,
        attributes: BTreeMap<String, Attribute>,
        request_id: Option<&str>,
    ) -> bool {
        let name = queue_arn.strip_prefix(&arn("sqs", "")).filter(|_| content::fits(&body, &attributes));
        name.and_then(|name| self.send(cloud, name, body, attributes, request_id)).is_some()
    }

    pub(crate) fn messages(&self, cloud: &Cloud, name: &str) -> Vec<Message> {
        let mut queues = lock(&self.queues);
        let Some(stored) = queues.get_mut(name) else { return Vec::new() };
        stored.expire(cloud, cloud.now());
        stored.messages.iter().map(|stored| stored.message.clone()).collect()
    }

    pub(crate) fn wake(&self) {
        self.changed.notify_waiters();
    }
}

fn place(queue: &str) -> Place {
    Place::Queue { name: queue.to_owned() }
}
