//! Queues and messages, as tests create and read them.

use std::{borrow::Cow, collections::BTreeMap, fmt, time::Duration};

use base64::prelude::{BASE64_STANDARD, Engine as _};

/// An SQS queue.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the names are those of the SQS API")]
pub struct Queue {
    pub name: String,
    /// The visibility timeout, before scaling.
    pub visibility_timeout: Duration,
    /// How long a message is kept after it was sent. Never scaled.
    pub retention: Duration,
    /// Where a message goes once it was received too often.
    pub redrive: Option<RedrivePolicy>,
}

impl Queue {
    /// A queue with SQS's defaults: a visibility timeout of 30 s, a retention of 4 days, no dead-letter queue.
    ///
    /// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html>
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            visibility_timeout: Duration::from_secs(30),
            retention: Duration::from_hours(4 * 24),
            redrive: None,
        }
    }
}

/// A redrive policy.
#[derive(Clone, Debug)]
pub struct RedrivePolicy {
    /// The dead-letter queue's name.
    pub dead_letter_queue: String,
    /// How often a message is received before it goes to the dead-letter queue.
    pub max_receive_count: u32,
}

/// A message in a queue.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the names are those of the SQS API")]
pub struct Message {
    pub id: String,
    pub body: String,
    pub attributes: BTreeMap<String, MessageAttribute>,
    /// How often it was received.
    pub receive_count: u32,
    /// The time it was sent, in Unix milliseconds of the services' clock.
    pub sent: u64,
    /// The queue that a redrive policy moved it from.
    pub source: Option<String>,
}

/// A message attribute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageAttribute {
    /// `String`, `Number` or `Binary`, with an optional custom label after a dot.
    pub data_type: String,
    /// The value as text; base64 for a binary attribute.
    pub value: String,
}

impl MessageAttribute {
    /// A text attribute.
    pub fn text(value: impl Into<String>) -> Self {
        Self { data_type: "String".into(), value: value.into() }
    }

    /// A binary attribute.
    pub fn binary(bytes: impl AsRef<[u8]>) -> Self {
        Self { data_type: "Binary".into(), value: BASE64_STANDARD.encode(bytes) }
    }

    pub(crate) fn is_binary(&self) -> bool {
        self.data_type == "Binary" || self.data_type.starts_with("Binary.")
    }

    /// The bytes of the value; `None` if a binary value is not valid base64.
    pub(super) fn bytes(&self) -> Option<Cow<'_, [u8]>> {
        if self.is_binary() {
            return BASE64_STANDARD.decode(&self.value).ok().map(Cow::Owned);
        }
        Some(Cow::Borrowed(self.value.as_bytes()))
    }

    /// A number attribute.
    pub fn number(value: impl fmt::Display) -> Self {
        Self { data_type: "Number".into(), value: value.to_string() }
    }
}
