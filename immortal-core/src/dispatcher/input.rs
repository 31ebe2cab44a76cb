//! Parses the dispatcher's input: several shapes, distinguished by their members, each record separately.

use std::sync::Arc;

use super::{
    invocation_failure::{self, InvocationFailure, KnownFunctions, RefusedRecord},
    json_object::JsonObject,
    message_attribute::{self, MessageAttribute},
    task::Task,
};

mod refused;
mod shape;
mod source_message;

use shape::{DestinationRecord, InputShape};

/// The input, as independent records.
#[derive(Debug)]
pub(crate) enum DispatcherInput {
    /// Messages of a queue: those that fail go back to it, one by one.
    Batch(Vec<(Option<QueueMessage>, RecordReading)>),
    /// Input without a queue: the invocation fails if a record fails.
    Single(RecordReading),
}

/// What a record turned out to be: one thing as a rule, several where it wraps a list, and each stands alone.
pub(crate) type RecordReading = Vec<Result<RecordContent, RefusedRecord>>;

/// An SQS message.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct QueueMessage {
    /// The message's id.
    pub(crate) id: String,
    /// When it was sent, in Unix milliseconds.
    pub(crate) sent: Option<i64>,
    /// How many times it was received, this time included.
    pub(crate) receive_count: u32,
    /// The ARN of its queue.
    pub(crate) queue: Option<String>,
    /// The receipt handle of this delivery.
    pub(crate) receipt: Option<String>,
    /// The unchanged body.
    pub(crate) original: Arc<str>,
    /// Its attributes, which may tell the body's shape, or be a part of the event.
    pub(crate) attributes: Vec<MessageAttribute>,
}

/// Leaves out the body, which contains an event.
impl std::fmt::Debug for QueueMessage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "QueueMessage({}, received {} times)", self.id, self.receive_count)
    }
}

impl QueueMessage {
    fn read(record: &JsonObject<'_>) -> Option<Self> {
        let attributes = record.object("attributes");
        let attribute = |name: &str| attributes.as_ref().and_then(|attributes| attributes.text(name));
        Some(Self {
            id: record.text("messageId").filter(|id| !id.is_empty())?,
            sent: attribute("SentTimestamp").and_then(|sent| sent.parse().ok()),
            receive_count: attribute("ApproximateReceiveCount").and_then(|count| count.parse().ok()).unwrap_or(1),
            queue: record.text("eventSourceARN"),
            receipt: record.text("receiptHandle").filter(|receipt| !receipt.is_empty()),
            original: record.text("body").unwrap_or_default().into(),
            attributes: message_attribute::from_record(record),
        })
    }
}

/// Something to handle.
#[derive(Debug)]
pub(crate) enum RecordContent {
    /// A failed invocation of the primary.
    Failure(Box<InvocationFailure>),
    /// A task that changed its state.
    Task {
        task: Box<Task>,
        /// How the event reached the dispatcher.
        channel: EventChannel,
    },
}

/// How a state change came, and so who may have written it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum EventChannel {
    /// As the invocation itself, from EventBridge: the order in it is what ECS says it is.
    #[default]
    Direct,
    /// Through a topic, or inside another record: from anyone who may write there.
    Relayed,
    /// Through the failure queue, from anyone who may write there: a person asks for it again, whatever became of it.
    Queue,
}

/// How deep records may be wrapped in each other; what the dispatcher fails with is wrapped once per redrive.
const DEEPEST: u32 = 32;

/// Parses the payload of an invocation by Lambda or an EventBridge pipe.
#[must_use]
pub(crate) fn read(payload: &str, functions: &KnownFunctions) -> DispatcherInput {
    let records: Vec<_> = shape::records_of(payload).unwrap_or_default().into_iter().map(JsonObject::read).collect();
    if !records.iter().flatten().any(shape::is_message) {
        return DispatcherInput::Single(reading(value(payload, functions, RecordWrapping::default())));
    }
    let wrapping = RecordWrapping { channel: EventChannel::Queue, depth: 0 };
    let messages = records.into_iter().map(|read| {
        let message = read.as_ref().and_then(QueueMessage::read);
        (message, reading(Ok(record(read, functions, wrapping))))
    });
    DispatcherInput::Batch(messages.collect())
}

/// What a message or a payload is, as one thing or several. The dead letter of a refused one is all of it, so that one
/// refusal stands for all.
fn reading(read: Result<RecordReading, RefusedRecord>) -> RecordReading {
    let mut is_refused = false;
    let is_first = |one: &Result<_, _>| one.is_ok() || !std::mem::replace(&mut is_refused, true);
    let mut all = each(read);
    all.retain(is_first);
    all
}

/// What is refused as a whole is one thing that is refused.
fn each(reading: Result<RecordReading, RefusedRecord>) -> RecordReading {
    reading.unwrap_or_else(|refusal| vec![Err(refusal)])
}

/// The message or notification that contained a value.
#[derive(Clone, Copy, Default)]
struct RecordWrapping {
    channel: EventChannel,
    depth: u32,
}

impl RecordWrapping {
    fn deeper(self) -> Result<Self, RefusedRecord> {
        if self.depth >= DEEPEST {
            return Err(RefusedRecord::new("it is wrapped more than 32 times; send what is innermost"));
        }
        let channel = if self.channel == EventChannel::Queue { self.channel } else { EventChannel::Relayed };
        Ok(Self { channel, depth: self.depth + 1 })
    }
}

/// What a value means, and where it wraps others, what each of them does.
fn value(json: &str, functions: &KnownFunctions, wrapping: RecordWrapping) -> Result<RecordReading, RefusedRecord> {
    meaning(shape::value_shape(json), functions, wrapping)
}

fn record(record: Option<JsonObject<'_>>, functions: &KnownFunctions, wrapping: RecordWrapping) -> RecordReading {
    each(match record {
        Some(record) => meaning(shape::record_shape(record, &functions.source_queues), functions, wrapping),
        None => Err(refused::not_an_object()),
    })
}

fn meaning(
    shape: InputShape<'_>,
    functions: &KnownFunctions,
    wrapping: RecordWrapping,
) -> Result<RecordReading, RefusedRecord> {
    match shape {
        InputShape::Records(records) => {
            let read = |json| record(JsonObject::read(json), functions, wrapping);
            Ok(records.into_iter().flat_map(read).collect())
        }
        InputShape::SourceMessage { id, event } => {
            let failure = invocation_failure::from_source_message(&id, event, functions)?;
            Ok(vec![Ok(RecordContent::Failure(Box::new(failure)))])
        }
        InputShape::FailedEvent { event, request_id, error_message } => {
            let message = error_message.unwrap_or_default();
            let failure = invocation_failure::from_dead_letter(&event, &request_id, &message, functions)?;
            Ok(vec![Ok(RecordContent::Failure(Box::new(failure)))])
        }
        InputShape::Destination(record) => destination(&record, functions, wrapping),
        InputShape::BusDestination(record) => destination(&record, functions, wrapping.deeper()?),
        InputShape::Wrapped(text) => value(&text, functions, wrapping.deeper()?),
        InputShape::StateChange(detail) => {
            let task = Task::from_event(detail).map_err(|error| {
                RefusedRecord::new(format!("it is an ECS Task State Change whose detail can't be read: {error}"))
            })?;
            Ok(vec![Ok(RecordContent::Task { task: Box::new(task), channel: wrapping.channel })])
        }
        InputShape::Unknown(unknown) => Err(refused::unknown(&unknown, functions)),
    }
}

/// A destination record of the primary is a failure and never unwrapped further: an event may look like anything. One
/// of the dispatcher itself is a dead letter of its own, and holds what it failed with.
fn destination(
    DestinationRecord { record, request, function_arn }: &DestinationRecord<'_>,
    functions: &KnownFunctions,
    wrapping: RecordWrapping,
) -> Result<RecordReading, RefusedRecord> {
    let request_id = request.text("requestId").unwrap_or_default();
    invocation_failure::refuse_unprintable("request id", &request_id)?;
    if request.text("condition").as_deref() == Some("Success") {
        return Err(RefusedRecord::new(format!(
            "request {request_id} succeeded; make this the function's OnFailure destination, not its OnSuccess one"
        )));
    }
    let payload = record.raw("requestPayload");
    if payload.is_none()
        && let Some(batch) = refused::stream(record, request)
    {
        return Err(batch);
    }
    if functions.is_primary(function_arn) {
        return Ok(vec![Ok(RecordContent::Failure(Box::new(invocation_failure::from_record(record, functions)?)))]);
    }
    if !functions.is_own(function_arn) {
        return Err(invocation_failure::another_function(&request_id, function_arn, functions));
    }
    let Some(payload) = payload else {
        return Err(RefusedRecord::new(format!(
            "the record of the dispatcher's own request {request_id} has no requestPayload"
        )));
    };
    value(payload, functions, wrapping.deeper()?)
}

#[cfg(test)]
mod tests;
