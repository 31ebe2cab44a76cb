//! What the dispatcher is invoked with: four shapes, told apart by their fields, each record on its own.

use super::{
    failure::{self, Failure, Identity, Refusal},
    object::Object,
    task::Task,
};

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
        /// Whether it came through the failure queue: then a person asks for it again, whatever became of it before.
        redriven: bool,
    },
}

/// How deep records may be wrapped in each other; what the dispatcher fails with is wrapped once per redrive.
const DEEPEST: u32 = 32;

/// Reads what Lambda hands the dispatcher.
#[must_use]
pub fn read(payload: &str, identity: &Identity) -> Input {
    let records = Object::read(payload).and_then(|object| object.list("Records")).unwrap_or_default();
    let records: Vec<Option<Object<'_>>> = records.into_iter().map(Object::read).collect();
    if !records.iter().flatten().any(is_message) {
        return Input::Single(each(value(payload, identity, Wrapping::default())));
    }
    let messages = records.iter().map(|record| {
        let Some(record) = record else { return (None, each(Err(unknown("a record that is no JSON object")))) };
        let sent = record.object("attributes").and_then(|attributes| attributes.text("SentTimestamp"));
        let message = record
            .text("messageId")
            .filter(|id| !id.is_empty())
            .map(|id| Message { id, sent: sent.and_then(|sent| sent.parse().ok()) });
        (message, each(self::record(record, identity, Wrapping { queued: true, ..Wrapping::default() })))
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
    /// A message of a queue.
    queued: bool,
    depth: u32,
}

impl Wrapping {
    fn deeper(self) -> Result<Self, Refusal> {
        if self.depth >= DEEPEST {
            return Err(Refusal::new("it is wrapped more than 32 times; send what is innermost"));
        }
        Ok(Self { depth: self.depth + 1, ..self })
    }
}

fn is_message(record: &Object<'_>) -> bool {
    record.text("eventSource").as_deref() == Some("aws:sqs")
}

fn value(json: &str, identity: &Identity, wrapping: Wrapping) -> Result<Reading, Refusal> {
    let Some(object) = Object::read(json) else {
        return Err(Refusal::new(
            "it is no JSON object, and has no RequestID attribute that would make it an event; send failed events \
             here by the function's OnFailure destination or DeadLetterConfig",
        ));
    };
    if let Some(records) = object.list("Records") {
        let read = |json| match Object::read(json) {
            Some(record) => each(self::record(&record, identity, wrapping)),
            None => each(Err(unknown("a record that is no JSON object"))),
        };
        let reading: Reading = records.into_iter().flat_map(read).collect();
        return if reading.is_empty() { Err(unknown("a list of no records")) } else { Ok(reading) };
    }
    if let Some(request) = object.object("requestContext")
        && let Some(arn) = request.text("functionArn")
    {
        return destination(&object, &request, &arn, identity, wrapping);
    }
    if let Some(kind) = object.text("detail-type") {
        return bus_event(&object, &kind, wrapping);
    }
    if object.has("TopicArn")
        && let Some(message) = object.text("Message")
        && object.text("Type").as_deref() == Some("Notification")
    {
        return notification(&object, &message, identity, wrapping);
    }
    let name = ["Event", "eventSource", "Type", "source"].into_iter().find_map(|key| object.text(key));
    Err(unknown(&name.map_or_else(|| "JSON of no known shape".to_owned(), |name| quoted(&name))))
}

fn record(record: &Object<'_>, identity: &Identity, wrapping: Wrapping) -> Result<Reading, Refusal> {
    if is_message(record) {
        let Some(body) = record.text("body") else { return Err(Refusal::new("it is an SQS message without a body")) };
        let attributes = record.object("messageAttributes");
        let attribute = |name: &str| Some(attributes.as_ref()?.object(name)?.text("stringValue").unwrap_or_default());
        return match attribute("RequestID") {
            Some(id) => dead_letter(&body, &id, attribute("ErrorMessage"), identity),
            None => value(&body, identity, wrapping.deeper()?),
        };
    }
    if record.text("EventSource").as_deref() == Some("aws:sns")
        && let Some(sns) = record.object("Sns")
        && let Some(message) = sns.text("Message")
    {
        return notification(&sns, &message, identity, wrapping);
    }
    let source = record.text("eventSource").or_else(|| record.text("EventSource"));
    Err(unknown(
        &source.map_or_else(
            || "a record without a source".to_owned(),
            |source| format!("a record of {}", quoted(&source)),
        ),
    ))
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

fn destination(
    record: &Object<'_>,
    request: &Object<'_>,
    arn: &str,
    identity: &Identity,
    wrapping: Wrapping,
) -> Result<Reading, Refusal> {
    let request_id = request.text("requestId").unwrap_or_default();
    if request.text("condition").as_deref() == Some("Success") {
        return Err(Refusal::new(format!(
            "request {request_id} succeeded; make this the function's OnFailure destination, not its OnSuccess one"
        )));
    }
    if identity.is_primary(arn) {
        return Ok(vec![Ok(Subject::Failure(Box::new(failure::from_record(record, identity)?)))]);
    }
    if !identity.is_own(arn) {
        return Err(failure::another_function(&request_id, arn, identity));
    }
    let Some(payload) = record.raw("requestPayload") else {
        return Err(Refusal::new(format!(
            "the record of the dispatcher's own request {request_id} has no requestPayload"
        )));
    };
    value(payload, identity, wrapping.deeper()?)
}

fn bus_event(event: &Object<'_>, kind: &str, wrapping: Wrapping) -> Result<Reading, Refusal> {
    if kind != "ECS Task State Change" || event.text("source").as_deref() != Some("aws.ecs") {
        return Err(unknown(&format!("the bus event {}", quoted(kind))));
    }
    let task = Task::from_event(event.raw("detail").unwrap_or_default())
        .map_err(|error| Refusal::new(format!("it is an ECS Task State Change without a sound detail: {error}")))?;
    Ok(vec![Ok(Subject::Task { task: Box::new(task), redriven: wrapping.queued })])
}

/// A name as it is quoted. What is longer than any service's own name may be somebody's data.
fn quoted(name: &str) -> String {
    const LONGEST: usize = 64;
    if name.chars().nth(LONGEST).is_some() { "something unnamed".to_owned() } else { format!("{name:?}") }
}

fn unknown(name: &str) -> Refusal {
    Refusal::new(format!(
        "it is {name}, and no failed event; a dispatcher takes what an OnFailure destination or a DeadLetterConfig \
         sends, and ECS Task State Change events"
    ))
}

#[cfg(test)]
mod tests;
