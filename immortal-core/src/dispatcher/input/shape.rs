//! The shapes of input, distinguished by their members alone.

use super::{
    super::json_object::{self, JsonObject},
    source_message::{self, MessageOrigin},
};

/// What a value or a record is, by its fields.
pub(super) enum InputShape<'a> {
    /// Records, each of which stands alone: from an event source mapping, a topic, or an EventBridge pipe.
    Records(Vec<&'a str>),
    /// A message of a queue that triggers the primary, which failed on it.
    SourceMessage {
        /// The message's id, which is the request's.
        id: String,
        event: String,
    },
    /// What the primary's `DeadLetterConfig` sends: the event, and attributes beside it.
    FailedEvent {
        event: String,
        /// `RequestID`.
        request_id: String,
        /// `ErrorMessage`.
        error_message: Option<String>,
    },
    /// A destination record.
    Destination(DestinationRecord<'a>),
    /// A destination record that Lambda sent to a bus.
    BusDestination(DestinationRecord<'a>),
    /// A message whose text is any of the shapes.
    Wrapped(String),
    /// A task that changed its state: the event's `detail`.
    StateChange(&'a str),
    /// None of the shapes.
    Unknown(UnknownInput<'a>),
}

/// Input that has none of the shapes, as specific as possible.
pub(super) enum UnknownInput<'a> {
    /// It is not an object.
    NotAnObject,
    /// An SQS message without a body.
    EmptyMessage,
    /// An SQS message that came through the redrive policy of a queue that isn't known as one that triggers the
    /// primary.
    UnlistedQueue(String),
    /// A message of a source queue, of which no event can be made.
    UnreadableMessage(serde_json::Error),
    /// A record that is neither of SQS nor of SNS.
    Record(JsonObject<'a>),
    /// An event of a bus, of another kind.
    BusEvent { source: String, kind: String },
    /// Another object.
    Object(JsonObject<'a>),
}

/// Lambda's record of an invocation.
///
/// Source: <https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html>
pub(super) struct DestinationRecord<'a> {
    pub(super) record: JsonObject<'a>,
    pub(super) request: JsonObject<'a>,
    pub(super) function_arn: String,
}

impl<'a> DestinationRecord<'a> {
    fn read(record: JsonObject<'a>) -> Result<Self, JsonObject<'a>> {
        let request = record.object("requestContext");
        match request.and_then(|request| Some((request.text("functionArn")?, request))) {
            Some((function_arn, request)) => Ok(Self { record, request, function_arn }),
            None => Err(record),
        }
    }
}

/// The records of a list: Lambda's event source mappings send an object that holds it, EventBridge Pipes the bare list.
///
/// Source: <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-pipes-sqs.html>
pub(super) fn records_of(json: &str) -> Option<Vec<&str>> {
    JsonObject::read(json).map_or_else(|| json_object::items(json), |object| object.list("Records"))
}

/// Whether a record is an SQS message.
pub(super) fn is_message(record: &JsonObject<'_>) -> bool {
    record.text("eventSource").as_deref() == Some("aws:sqs")
}

/// The shape of a payload, or of what a message or a notification holds.
pub(super) fn value_shape(json: &str) -> InputShape<'_> {
    if let Some(records) = records_of(json) {
        return InputShape::Records(records);
    }
    let Some(object) = JsonObject::read(json) else { return InputShape::Unknown(UnknownInput::NotAnObject) };
    let object = match DestinationRecord::read(object) {
        Ok(record) => return InputShape::Destination(record),
        Err(object) => object,
    };
    if let Some(kind) = object.text("detail-type") {
        return bus_event_shape(&object, kind);
    }
    if object.has("TopicArn")
        && object.text("Type").as_deref() == Some("Notification")
        && let Some(message) = object.text("Message")
    {
        return notification_shape(&object, message);
    }
    InputShape::Unknown(UnknownInput::Object(object))
}

/// The shape of one record of a list; `source_queues` are the ARNs of the queues that trigger the primary.
pub(super) fn record_shape<'a>(record: JsonObject<'a>, source_queues: &[String]) -> InputShape<'a> {
    if is_message(&record) {
        return message_shape(&record, source_queues);
    }
    if record.text("EventSource").as_deref() == Some("aws:sns")
        && let Some(sns) = record.object("Sns")
        && let Some(message) = sns.text("Message")
    {
        return notification_shape(&sns, message);
    }
    InputShape::Unknown(UnknownInput::Record(record))
}

fn message_shape<'a>(record: &JsonObject<'a>, source_queues: &[String]) -> InputShape<'a> {
    let Some(body) = record.text("body") else { return InputShape::Unknown(UnknownInput::EmptyMessage) };
    match source_message::origin(record, source_queues) {
        MessageOrigin::Source(queue) => return source_message_shape(record, &body, &queue),
        MessageOrigin::Unlisted(queue) => return InputShape::Unknown(UnknownInput::UnlistedQueue(queue)),
        MessageOrigin::Here => {}
    }
    match (text_shape(body, record.object("messageAttributes").as_ref(), "stringValue"), source_queues) {
        // A person moved it here by hand, and where there is one source queue only, it is known from which.
        (InputShape::Wrapped(body), [queue]) if !has_shape(&body) => source_message_shape(record, &body, queue),
        (shape, _) => shape,
    }
}

fn source_message_shape<'a>(record: &JsonObject<'a>, body: &str, queue: &str) -> InputShape<'a> {
    match source_message::event_of(record, body, queue) {
        Ok(event) => InputShape::SourceMessage { id: record.text("messageId").unwrap_or_default(), event },
        Err(error) => InputShape::Unknown(UnknownInput::UnreadableMessage(error)),
    }
}

/// Whether a text tells of a failure or a task, or is refused by its name: then it is no event of a source queue.
fn has_shape(text: &str) -> bool {
    match value_shape(text) {
        InputShape::Records(records) => {
            let read = |json| JsonObject::read(json).map(|record| record_shape(record, &[]));
            records.into_iter().filter_map(read).any(|shape| match shape {
                InputShape::Wrapped(text) => has_shape(&text),
                shape => !matches!(shape, InputShape::Unknown(_)),
            })
        }
        InputShape::Wrapped(text) => has_shape(&text),
        InputShape::Unknown(UnknownInput::Object(object)) => is_test_event(&object),
        InputShape::Unknown(unknown) => matches!(unknown, UnknownInput::BusEvent { .. }),
        _ => true,
    }
}

/// Whether it is the test event that S3 sends when a bucket's notifications are configured.
///
/// Source: <https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html>
pub(super) fn is_test_event(object: &JsonObject<'_>) -> bool {
    object.text("Event").as_deref() == Some("s3:TestEvent")
}

fn notification_shape<'a>(sns: &JsonObject<'a>, message: String) -> InputShape<'a> {
    text_shape(message, sns.object("MessageAttributes").as_ref(), "Value")
}

/// A text with attributes, whose values are under this key.
fn text_shape<'a>(text: String, attributes: Option<&JsonObject<'a>>, value: &str) -> InputShape<'a> {
    let attribute = |name: &str| Some(attributes?.object(name)?.text(value).unwrap_or_default());
    match attribute("RequestID") {
        Some(request_id) => {
            InputShape::FailedEvent { event: text, request_id, error_message: attribute("ErrorMessage") }
        }
        None => InputShape::Wrapped(text),
    }
}

fn bus_event_shape<'a>(event: &JsonObject<'a>, kind: String) -> InputShape<'a> {
    let source = event.text("source").unwrap_or_default();
    match source.as_str() {
        "aws.ecs" if kind == "ECS Task State Change" => {
            return InputShape::StateChange(event.raw("detail").unwrap_or_default());
        }
        "lambda" => {
            if let Some(Ok(record)) = event.object("detail").map(DestinationRecord::read) {
                return InputShape::BusDestination(record);
            }
        }
        _ => {}
    }
    InputShape::Unknown(UnknownInput::BusEvent { source, kind })
}
