//! What the dispatcher is invoked with: several shapes, told apart by their fields, each record on its own.

use std::sync::Arc;

use super::{
    invocation_failure::{self, InvocationFailure, KnownFunctions, RefusedRecord},
    json_object::{self, JsonObject},
    task::Task,
};

mod refused;

/// An input, as records that stand for themselves.
#[derive(Debug)]
pub enum DispatcherInput {
    /// Messages of a queue: those that fail go back to it, one by one.
    Batch(Vec<(Option<QueueMessage>, RecordReading)>),
    /// What has no queue behind it: the invocation fails with what fails in it.
    Single(RecordReading),
}

/// What a record turned out to be: one thing as a rule, several where it wraps a list, and each stands alone.
pub type RecordReading = Vec<Result<RecordContent, RefusedRecord>>;

/// An SQS message.
#[derive(Clone, PartialEq, Eq)]
pub struct QueueMessage {
    /// The message's id.
    pub id: String,
    /// When it was sent, in Unix milliseconds.
    pub sent: Option<i64>,
    /// How many times it was received, this time included.
    pub receive_count: u32,
    /// The ARN of its queue.
    pub queue: Option<String>,
    /// What SQS knows this delivery by.
    pub receipt: Option<String>,
    /// The body as it came.
    pub original: Arc<str>,
    /// The attributes that a `DeadLetterConfig` writes, as far as they are there: what tells the body's shape.
    pub attributes: Vec<(&'static str, String)>,
}

/// A body holds an event, which is never shown.
impl std::fmt::Debug for QueueMessage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Message({}, received {} times)", self.id, self.receive_count)
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
            attributes: dead_letter_attributes(record),
        })
    }
}

fn dead_letter_attributes(record: &JsonObject<'_>) -> Vec<(&'static str, String)> {
    let attributes = record.object("messageAttributes");
    let value = |name: &'static str| Some((name, attributes.as_ref()?.object(name)?.text("stringValue")?));
    ["RequestID", "ErrorCode", "ErrorMessage"].into_iter().filter_map(value).collect()
}

/// Something to handle.
#[derive(Debug)]
pub enum RecordContent {
    /// A failed invocation of the primary.
    Failure(Box<InvocationFailure>),
    /// A task that changed its state.
    Task {
        /// The task.
        task: Box<Task>,
        /// How the dispatcher heard of it.
        channel: EventChannel,
    },
}

/// How a state change came, and so who may have written it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EventChannel {
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

/// Reads what Lambda hands the dispatcher, or an EventBridge pipe.
#[must_use]
pub fn read(payload: &str, functions: &KnownFunctions) -> DispatcherInput {
    let records: Vec<_> = records_of(payload).unwrap_or_default().into_iter().map(JsonObject::read).collect();
    if !records.iter().flatten().any(is_message) {
        return DispatcherInput::Single(each(value(payload, functions, RecordWrapping::default())));
    }
    let messages = records.iter().map(|record| {
        let Some(record) = record else { return (None, each(Err(refused::not_an_object()))) };
        let message = QueueMessage::read(record);
        let wrapping = RecordWrapping { channel: EventChannel::Queue, depth: 0 };
        (message, each(self::record(record, functions, wrapping)))
    });
    DispatcherInput::Batch(messages.collect())
}

/// What is refused as a whole is one thing that is refused.
fn each(reading: Result<RecordReading, RefusedRecord>) -> RecordReading {
    reading.unwrap_or_else(|refusal| vec![Err(refusal)])
}

/// What a value came in.
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

/// The records of a list: Lambda's event source mappings send an object that holds it, EventBridge Pipes the bare list.
///
/// Source: <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-pipes-sqs.html>
fn records_of(json: &str) -> Option<Vec<&str>> {
    JsonObject::read(json).map_or_else(|| json_object::items(json), |object| object.list("Records"))
}

fn is_message(record: &JsonObject<'_>) -> bool {
    record.text("eventSource").as_deref() == Some("aws:sqs")
}

fn value(json: &str, functions: &KnownFunctions, wrapping: RecordWrapping) -> Result<RecordReading, RefusedRecord> {
    if let Some(records) = records_of(json) {
        let read = |json| match JsonObject::read(json) {
            Some(record) => each(self::record(&record, functions, wrapping)),
            None => each(Err(refused::not_an_object())),
        };
        return Ok(records.into_iter().flat_map(read).collect());
    }
    let Some(object) = JsonObject::read(json) else { return Err(refused::bare_event(functions)) };
    if let Some(reading) = destination(&object, functions, wrapping) {
        return reading;
    }
    if let Some(kind) = object.text("detail-type") {
        return bus_event(&object, &kind, functions, wrapping);
    }
    if object.has("TopicArn")
        && let Some(message) = object.text("Message")
        && object.text("Type").as_deref() == Some("Notification")
    {
        return notification(&object, &message, functions, wrapping);
    }
    Err(refused::unknown(&object, functions))
}

fn record(
    record: &JsonObject<'_>,
    functions: &KnownFunctions,
    wrapping: RecordWrapping,
) -> Result<RecordReading, RefusedRecord> {
    if is_message(record) {
        return message(record, functions, wrapping);
    }
    if record.text("EventSource").as_deref() == Some("aws:sns")
        && let Some(sns) = record.object("Sns")
        && let Some(message) = sns.text("Message")
    {
        return notification(&sns, &message, functions, wrapping);
    }
    Err(refused::record(record, functions))
}

fn message(
    record: &JsonObject<'_>,
    functions: &KnownFunctions,
    wrapping: RecordWrapping,
) -> Result<RecordReading, RefusedRecord> {
    let Some(body) = record.text("body") else { return Err(RefusedRecord::new("it is an SQS message without a body")) };
    let attributes = record.object("messageAttributes");
    let attribute = |name: &str| Some(attributes.as_ref()?.object(name)?.text("stringValue").unwrap_or_default());
    match attribute("RequestID") {
        Some(id) => dead_letter(&body, &id, attribute("ErrorMessage"), functions),
        None => value(&body, functions, wrapping.deeper()?),
    }
}

fn notification(
    sns: &JsonObject<'_>,
    message: &str,
    functions: &KnownFunctions,
    wrapping: RecordWrapping,
) -> Result<RecordReading, RefusedRecord> {
    let attributes = sns.object("MessageAttributes");
    let attribute = |name: &str| Some(attributes.as_ref()?.object(name)?.text("Value").unwrap_or_default());
    match attribute("RequestID") {
        Some(id) => dead_letter(message, &id, attribute("ErrorMessage"), functions),
        None => value(message, functions, wrapping.deeper()?),
    }
}

fn dead_letter(
    event: &str,
    request_id: &str,
    message: Option<String>,
    functions: &KnownFunctions,
) -> Result<RecordReading, RefusedRecord> {
    let failure = invocation_failure::from_dead_letter(event, request_id, &message.unwrap_or_default(), functions)?;
    Ok(vec![Ok(RecordContent::Failure(Box::new(failure)))])
}

/// A destination record; `None` where it isn't one. One of the primary is never unwrapped further: an event may look
/// like anything.
fn destination(
    record: &JsonObject<'_>,
    functions: &KnownFunctions,
    wrapping: RecordWrapping,
) -> Option<Result<RecordReading, RefusedRecord>> {
    let request = record.object("requestContext")?;
    let arn = request.text("functionArn")?;
    Some(destination_of(record, &request, &arn, functions, wrapping))
}

fn destination_of(
    record: &JsonObject<'_>,
    request: &JsonObject<'_>,
    arn: &str,
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
    if functions.is_primary(arn) {
        return Ok(vec![Ok(RecordContent::Failure(Box::new(invocation_failure::from_record(record, functions)?)))]);
    }
    if !functions.is_own(arn) {
        return Err(invocation_failure::another_function(&request_id, arn, functions));
    }
    let Some(payload) = payload else {
        return Err(RefusedRecord::new(format!(
            "the record of the dispatcher's own request {request_id} has no requestPayload"
        )));
    };
    value(payload, functions, wrapping.deeper()?)
}

/// An event of a bus: a task that changed its state, or the record that Lambda sends to a bus as destination.
///
/// Source: <https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html>
fn bus_event(
    event: &JsonObject<'_>,
    kind: &str,
    functions: &KnownFunctions,
    wrapping: RecordWrapping,
) -> Result<RecordReading, RefusedRecord> {
    let source = event.text("source").unwrap_or_default();
    match source.as_str() {
        "aws.ecs" if kind == "ECS Task State Change" => {
            let task = Task::from_event(event.raw("detail").unwrap_or_default()).map_err(|error| {
                RefusedRecord::new(format!("it is an ECS Task State Change whose detail can't be read: {error}"))
            })?;
            Ok(vec![Ok(RecordContent::Task { task: Box::new(task), channel: wrapping.channel })])
        }
        "lambda" => {
            let detail = event.object("detail");
            let wrapping = wrapping.deeper()?;
            let reading = detail.and_then(|record| destination(&record, functions, wrapping));
            reading.unwrap_or_else(|| Err(refused::bus_event(&source, kind)))
        }
        _ => Err(refused::bus_event(&source, kind)),
    }
}

#[cfg(test)]
mod tests;
