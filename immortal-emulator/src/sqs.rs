//! SQS: standard queues with visibility timeouts, receive counts and redrive.

pub(crate) mod mapping;
pub(crate) mod wire;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use jiff::Timestamp;
use tokio::sync::Notify;

use crate::{
    Attribute, EmulatorError, How, Message, Place, Queue, What,
    activity::UnderWay,
    cloud::{Cloud, arn, lock},
};

#[derive(Debug, Default)]
pub(crate) struct Queues {
    queues: Mutex<BTreeMap<String, Stored>>,
    changed: Arc<Notify>,
}

#[derive(Debug)]
struct Stored {
    queue: Queue,
    /// Whether a function is given its messages.
    mapped: bool,
    messages: Vec<Lying>,
}

/// A message in its queue.
#[derive(Clone, Debug)]
struct Lying {
    message: Message,
    visible: Timestamp,
    /// When it was first received.
    first: Option<Timestamp>,
    receipt: String,
    /// The invocation whose failure it tells of, where Lambda wrote it.
    request_id: Option<String>,
    /// Held while a function is to be given it.
    under_way: Option<Arc<UnderWay>>,
}

impl Lying {
    fn new(message: Message, visible: Timestamp, request_id: Option<String>) -> Self {
        Self { message, visible, first: None, receipt: String::new(), request_id, under_way: None }
    }
}

/// A message, as received.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    pub(crate) message: Message,
    pub(crate) receipt: String,
    pub(crate) first: Timestamp,
    /// When it would be seen again.
    visible: Timestamp,
}

/// How long a received message is hidden.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hidden {
    /// As the queue has it.
    AsQueue,
    /// Until it is deleted or returned.
    UntilSettled,
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html>: 1 MiB, with the names,
/// types and values of the attributes.
const LARGEST: usize = 1 << 20;

fn fits(body: &str, attributes: &BTreeMap<String, Attribute>) -> bool {
    let length =
        |(name, attribute): (&String, &Attribute)| name.len() + attribute.data_type.len() + attribute.value.len();
    body.len() + attributes.iter().map(length).sum::<usize>() <= LARGEST
}

impl Queues {
    pub(crate) fn create(&self, queue: Queue) -> String {
        let arn = arn("sqs", &queue.name);
        let mut queues = lock(&self.queues);
        let (mapped, messages) =
            queues.remove(&queue.name).map(|stored| (stored.mapped, stored.messages)).unwrap_or_default();
        queues.insert(queue.name.clone(), Stored { queue, mapped, messages });
        arn
    }

    /// Notes that a function is given this queue's messages from now on.
    pub(crate) fn map(&self, cloud: &Cloud, name: &str) {
        let mut queues = lock(&self.queues);
        let Some(stored) = queues.get_mut(name) else { return };
        stored.mapped = true;
        for lying in &mut stored.messages {
            lying.under_way.get_or_insert_with(|| Arc::new(cloud.activity.begin()));
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
        let (id, now) = (cloud.uuid(), cloud.now());
        let sent = u64::try_from(now.as_millisecond()).unwrap_or_default();
        let message = Message { id: id.clone(), body, attributes, receive_count: 0, sent, source: None };
        let mut queues = lock(&self.queues);
        let stored = queues.get_mut(name)?;
        let mut lying = Lying::new(message, now, request_id.map(str::to_owned));
        lying.under_way = stored.mapped.then(|| Arc::new(cloud.activity.begin()));
        stored.messages.push(lying);
        let what = What::Queued { message_id: id.clone(), request_id: request_id.map(str::to_owned) };
        cloud.journal.note(place(name), what);
        drop(queues);
        self.wake();
        Some(id)
    }

    /// Sends what Lambda tells of a failed invocation to a queue's ARN; `false` if there is no such queue, or it is too
    /// large for one.
    pub(crate) fn deliver(
        &self,
        cloud: &Cloud,
        queue_arn: &str,
        body: String,
        attributes: BTreeMap<String, Attribute>,
        request_id: &str,
    ) -> bool {
        let name = queue_arn.strip_prefix(&arn("sqs", "")).filter(|_| fits(&body, &attributes));
        name.and_then(|name| self.send(cloud, name, body, attributes, Some(request_id))).is_some()
    }

    /// Receives up to `most` messages. One that was received too often goes to the dead-letter queue instead.
    pub(crate) fn receive(&self, cloud: &Cloud, name: &str, most: usize, hidden: Hidden) -> Vec<Received> {
        let now = cloud.now();
        let mut queues = lock(&self.queues);
        // Without the dead-letter queue that it names, a policy does nothing: no message is lost to it.
        let redrive = queues.get(name).and_then(|stored| stored.queue.redrive.clone());
        let redrive = redrive.filter(|redrive| queues.contains_key(&redrive.dead_letter_queue));
        let Some(stored) = queues.get_mut(name) else { return Vec::new() };
        let timeout = cloud.scaled(stored.queue.visibility_timeout);
        let (mut received, mut spent) = (Vec::new(), Vec::new());
        let limit = redrive.as_ref().map_or(u32::MAX, |redrive| redrive.max_receive_count);
        stored.messages.retain_mut(|lying| {
            if lying.visible > now || received.len() == most {
                return true;
            }
            if lying.message.receive_count >= limit {
                spent.push(lying.clone());
                return false;
            }
            lying.message.receive_count += 1;
            lying.receipt = cloud.hex(40);
            let first = *lying.first.get_or_insert(now);
            let visible = now + timeout;
            lying.visible = if hidden == Hidden::AsQueue { visible } else { Timestamp::MAX };
            let (message, receipt) = (lying.message.clone(), lying.receipt.clone());
            received.push(Received { message, receipt, first, visible });
            true
        });
        if let Some(dead_letters) = redrive.and_then(|redrive| queues.get_mut(&redrive.dead_letter_queue)) {
            for lying in spent {
                // Id and time stamp stay: docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide,
                // "Using dead-letter queues".
                let what = What::DeadLettered { message_id: lying.message.id.clone(), from: name.to_owned() };
                cloud.journal.note(place(&dead_letters.queue.name), what);
                let message = Message { receive_count: 0, source: Some(name.to_owned()), ..lying.message };
                dead_letters.messages.push(Lying::new(message, now, lying.request_id));
            }
        }
        drop(queues);
        for Received { message, .. } in &received {
            let what = What::Received { message_id: message.id.clone(), count: message.receive_count };
            cloud.journal.note(place(name), what);
        }
        received
    }

    /// Deletes by receipt handle; an old one deletes nothing, as in SQS.
    pub(crate) fn delete(&self, cloud: &Cloud, name: &str, receipt: &str) {
        let mut queues = lock(&self.queues);
        let Some(stored) = queues.get_mut(name) else { return };
        if let Some(at) = stored.messages.iter().position(|lying| lying.receipt == receipt) {
            let lying = &mut stored.messages[at];
            if let Some(How::Twice) = cloud.faults.hit("DeleteMessage", lying.request_id.as_deref()) {
                lying.visible = cloud.now() + cloud.scaled(stored.queue.visibility_timeout);
                drop(queues);
                return self.wake();
            }
            let message_id = stored.messages.remove(at).message.id;
            cloud.journal.note(place(name), What::Deleted { message_id });
        }
    }

    /// Lets a message be seen again, when its visibility timeout is over.
    pub(crate) fn give_back(&self, cloud: &Cloud, name: &str, received: &Received) {
        let mut queues = lock(&self.queues);
        let Some(stored) = queues.get_mut(name) else { return };
        if let Some(lying) = stored.messages.iter_mut().find(|lying| lying.receipt == received.receipt) {
            lying.visible = received.visible;
            cloud.journal.note(place(name), What::Returned { message_id: received.message.id.clone() });
        }
        drop(queues);
        self.wake();
    }

    pub(crate) fn messages(&self, name: &str) -> Vec<Message> {
        let queues = lock(&self.queues);
        let messages = queues.get(name).map(|stored| stored.messages.iter());
        messages.into_iter().flatten().map(|lying| lying.message.clone()).collect()
    }

    /// Moves all messages of a dead-letter queue: as new messages, with new ids and time stamps.
    ///
    /// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-configure-dead-letter-queue-redrive.html>
    pub(crate) fn redrive(&self, cloud: &Cloud, from: &str, to: Option<&str>) -> Result<usize, EmulatorError> {
        let mut queues = lock(&self.queues);
        if let Some(missing) = [Some(from), to].into_iter().flatten().find(|name| !queues.contains_key(*name)) {
            return Err(EmulatorError::Missing(format!("queue {missing}")));
        }
        let is_dead_letter_queue = queues
            .values()
            .any(|stored| stored.queue.redrive.as_ref().is_some_and(|redrive| redrive.dead_letter_queue == from));
        if !is_dead_letter_queue {
            let code = "AWS.SimpleQueueService.UnsupportedOperation".to_owned();
            return Err(EmulatorError::Refused {
                code,
                message: "Source queue must be configured as a Dead Letter Queue.".to_owned(),
            });
        }
        let moved = queues.get_mut(from).map(|stored| std::mem::take(&mut stored.messages)).unwrap_or_default();
        drop(queues);
        let mut count = 0;
        for lying in moved {
            let destination = to.map(str::to_owned).or_else(|| lying.message.source.clone());
            // A message that no queue's redrive brought here has no source: it stays.
            let Some(destination) = destination else {
                lock(&self.queues).entry(from.to_owned()).and_modify(|stored| stored.messages.push(lying));
                continue;
            };
            let Message { body, attributes, .. } = lying.message;
            self.send(cloud, &destination, body, attributes, None);
            count += 1;
        }
        Ok(count)
    }

    pub(crate) fn wake(&self) {
        self.changed.notify_waiters();
    }

    /// How long until a message of this queue is seen again; `None`: none lies there hidden for a known time.
    fn next_visible(&self, cloud: &Cloud, name: &str) -> Option<Duration> {
        let now = cloud.now();
        let queues = lock(&self.queues);
        let hidden = queues.get(name)?.messages.iter().map(|lying| lying.visible);
        let next = hidden.filter(|visible| *visible < Timestamp::MAX).min()?;
        Some(Duration::try_from(next.duration_since(now)).unwrap_or_default())
    }
}

fn place(queue: &str) -> Place {
    Place::Queue { name: queue.to_owned() }
}
