//! What the dispatcher is invoked with: several shapes, told apart by their fields, each record on its own.

use super::{
    failure::{self, Failure, Identity, Refusal},
    object::{self, Object},
    task::Task,
};

mod refused;

/// An input, as records that stand for themselves.
#[derive(Debug)]
pub enum Input {
    /// Messages of a queue: those that fail go back to it, one by one.
    Batch(Vec<(Option<Message>, Reading)>),
    /// What has no queue behind it: the invocation fails with what fails in it.
    Single(Reading),
}

/// What a record turned out to be: one thing as a rule, several where it wraps a list, and each stands alone.
pub type Reading = Vec<Result<Subject, Refusal>>;

/// An SQS message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The message's id.
    pub id: String,
    /// When it was sent, in Unix milliseconds.
    pub sent: Option<i64>,
}

/// Something to handle.
#[derive(Debug)]
pub enum Subject {
    /// A failed invocation of the primary.
    Failure(Box<Failure>),
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
pub fn read(payload: &str, identity: &Identity) -> Input {
    let records: Vec<_> = records_of(payload).unwrap_or_default().into_iter().map(Object::read).collect();
    if !records.iter().flatten().any(is_message) {
        return Input::Single(each(value(payload, identity, Wrapping::default())));
    }
    let messages = records.iter().map(|record| {
        let Some(record) = record else { return (None, each(Err(refused::not_an_object()))) };
        let sent = record.object("attributes").and_then(|attributes| attributes.text("SentTimestamp"));
        let message = record
            .text("messageId")
            .filter(|id| !id.is_empty())
            .map(|id| Message { id, sent: sent.and_then(|sent| sent.parse().ok()) });
        let wrapping = Wrapping { channel: EventChannel::Queue, depth: 0 };
        (message, each(self::record(record, identity, wrapping)))
    });
    Input::Batch(messages.collect())
}

/// What is refused as a whole is one thing that is refused.
fn each(reading: Result<Reading, Refusal>) -> Reading {
    reading.unwrap_or_else(|refusal| vec![Err(refusal)])
}

/// What a value came in.
#[derive(Clone, Copy, Default)]
struct Wrapping {
    channel: EventChannel,
    depth: u32,
}

impl Wrapping {
    fn deeper(self) -> Result<Self, Refusal> {
        if self.depth >= DEEPEST {
            return Err(Refusal::new("it is wrapped more than 32 times; send what is innermost"));
        }
        let channel = if self.channel == EventChannel::Queue { self.channel } else { EventChannel::Relayed };
        Ok(Self { channel, depth: self.depth + 1 })
    }
}

/// The records of a list: Lambda's event source mappings send an object that holds it, EventBridge Pipes the bare list.
///
/// Source: <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-pipes-sqs.html>
fn records_of(json: &str) -> Option<Vec<&str>> {
    Object::read(json).map_or_else(|| object::items(json), |object| object.list("Records"))
}

fn is_message(record: &Object<'_>) -> bool {
    record.text("eventSource").as_deref() == Some("aws:sqs")
}

fn value(json: &str, identity: &Identity, wrapping: Wrapping) -> Result<Reading, Refusal> {
    if let Some(records) = records_of(json) {
        let read = |json| match Object::read(json) {
            Some(record) => each(self::record(&record, identity, wrapping)),
            None => each(Err(refused::not_an_object())),
        };
        return Ok(records.into_iter().flat_map(read).collect());
    }
    let Some(object) = Object::read(json) else { return Err(refused::bare_event(identity)) };
    if let Some(reading) = destination(&object, identity, wrapping) {
        return reading;
    }
    if let Some(kind) = object.text("detail-type") {
        return bus_event(&object, &kind, identity, wrapping);
    }
    if object.has("TopicArn")
        && let Some(message) = object.text("Message")
        && object.text("Type").as_deref() == Some("Notification")
    {
        return notification(&object, &message, identity, wrapping);
    }
    Err(refused::unknown(&object, identity))
}

fn record(record: &Object<'_>, identity: &Identity, wrapping: Wrapping) -> Result<Reading, Refusal> {
    if is_message(record) {
        return message(record, identity, wrapping);
    }
    if record.text("EventSource").as_deref() == Some("aws:sns")
        && let Some(sns) = record.object("Sns")
        && let Some(message) = sns.text("Message")
    {
        return notification(&sns, &message, identity, wrapping);
    }
    Err(refused::record(record, identity))
}

fn message(record: &Object<'_>, identity: &Identity, wrapping: Wrapping) -> Result<Reading, Refusal> {
    let Some(body) = record.text("body") else { return Err(Refusal::new("it is an SQS message without a body")) };
    let attributes = record.object("messageAttributes");
    let attribute = |name: &str| Some(attributes.as_ref()?.object(name)?.text("stringValue").unwrap_or_default());
    match attribute("RequestID") {
        Some(id) => dead_letter(&body, &id, attribute("ErrorMessage"), identity),
        None => value(&body, identity, wrapping.deeper()?),
    }
}

fn notification(sns: &Object<'_>, message: &str, identity: &Identity, wrapping: Wrapping) -> Result<Reading, Refusal> {
    let attributes = sns.object("MessageAttributes");
    let attribute = |name: &str| Some(attributes.as_ref()?.object(name)?.text("Value").unwrap_or_default());
    match attribute("RequestID") {
        Some(id) => dead_letter(message, &id, attribute("ErrorMessage"), identity),
        None => value(message, identity, wrapping.deeper()?),
    }
}

fn dead_letter(
    event: &str,
    request_id: &str,
    message: Option<String>,
    identity: &Identity,
) -> Result<Reading, Refusal> {
    let failure = failure::from_dead_letter(event, request_id, &message.unwrap_or_default(), identity)?;
    Ok(vec![Ok(Subject::Failure(Box::new(failure)))])
}

/// A destination record; `None` where it isn't one. One of the primary is never unwrapped further: an event may look
/// like anything.
fn destination(record: &Object<'_>, identity: &Identity, wrapping: Wrapping) -> Option<Result<Reading, Refusal>> {
    let request = record.object("requestContext")?;
    let arn = request.text("functionArn")?;
    Some(destination_of(record, &request, &arn, identity, wrapping))
}

fn destination_of(
    record: &Object<'_>,
    request: &Object<'_>,
    arn: &str,
    identity: &Identity,
    wrapping: Wrapping,
) -> Result<Reading, Refusal> {
    let request_id = request.text("requestId").unwrap_or_default();
    failure::refuse_controls("request id", &request_id)?;
    if request.text("condition").as_deref() == Some("Success") {
        return Err(Refusal::new(format!(
            "request {request_id} succeeded; make this the function's OnFailure destination, not its OnSuccess one"
        )));
    }
    let payload = record.raw("requestPayload");
    if payload.is_none()
        && let Some(batch) = refused::stream(record, request)
    {
        return Err(batch);
    }
    if identity.is_primary(arn) {
        return Ok(vec![Ok(Subject::Failure(Box::new(failure::from_record(record, identity)?)))]);
    }
    if !identity.is_own(arn) {
        return Err(failure::another_function(&request_id, arn, identity));
    }
    let Some(payload) = payload else {
        return Err(Refusal::new(format!(
            "the record of the dispatcher's own request {request_id} has no requestPayload"
        )));
    };
    value(payload, identity, wrapping.deeper()?)
}

/// An event of a bus: a task that changed its state, or the record that Lambda sends to a bus as destination.
///
/// Source: <https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html>
fn bus_event(event: &Object<'_>, kind: &str, identity: &Identity, wrapping: Wrapping) -> Result<Reading, Refusal> {
    let source = event.text("source").unwrap_or_default();
    match source.as_str() {
        "aws.ecs" if kind == "ECS Task State Change" => {
            let task = Task::from_event(event.raw("detail").unwrap_or_default()).map_err(|error| {
                Refusal::new(format!("it is an ECS Task State Change whose detail can't be read: {error}"))
            })?;
            Ok(vec![Ok(Subject::Task { task: Box::new(task), channel: wrapping.channel })])
        }
        "lambda" => {
            let detail = event.object("detail");
            let wrapping = wrapping.deeper()?;
            let reading = detail.and_then(|record| destination(&record, identity, wrapping));
            reading.unwrap_or_else(|| Err(refused::bus_event(&source, kind)))
        }
        _ => Err(refused::bus_event(&source, kind)),
    }
}

#[cfg(test)]
mod tests;
