//! Input that is not a failed event: what it is, and what to do instead.

use super::super::{
    invocation_failure::{KnownFunctions, RefusedRecord, shown},
    json_object::JsonObject,
};
use super::shape::{self, UnknownInput};
use crate::names::env;

/// What a dispatcher accepts, as the end of a sentence.
const TAKEN: &str = "a dispatcher takes what the function's OnFailure destination or DeadLetterConfig sends, messages of \
                     its source queues, and ECS Task State Change events";

pub(super) fn not_an_object() -> RefusedRecord {
    named("a record that is not a JSON object")
}

/// Refuses input that has none of the shapes.
pub(super) fn unknown(unknown: &UnknownInput<'_>, functions: &KnownFunctions) -> RefusedRecord {
    match unknown {
        UnknownInput::NotAnObject => bare_event(functions),
        UnknownInput::EmptyMessage => RefusedRecord::new("it is an SQS message without a body"),
        UnknownInput::UnlistedQueue(queue) => unlisted_queue(queue),
        UnknownInput::UnreadableMessage(error) => RefusedRecord::new(format!(
            "it is a message of a queue that triggers {}, and no event can be made of it: {error}",
            functions.primary
        )),
        UnknownInput::Record(record) => foreign_record(record, functions),
        UnknownInput::BusEvent { source, kind } => bus_event(source, kind),
        UnknownInput::Object(object) => unknown_object(object, functions),
    }
}

/// Who may write to the failure queue must not choose what counts as a source, so each is listed.
fn unlisted_queue(queue: &str) -> RefusedRecord {
    RefusedRecord::new(format!(
        "it came through the redrive policy of the queue {}, which is not one of those that {} lists; if that queue \
         triggers the function, add its ARN there, else give it a dead-letter queue of its own",
        shown(queue),
        env::SOURCE_QUEUES
    ))
}

/// A record of a batch that isn't of SQS or SNS: an event source was given the dispatcher in the primary's place.
fn foreign_record(record: &JsonObject<'_>, functions: &KnownFunctions) -> RefusedRecord {
    match record.text("eventSource").or_else(|| record.text("EventSource")) {
        Some(source) => RefusedRecord::new(format!(
            "it is a record of {}, and not a failed event; let that source trigger {}, whose failures come here",
            quoted(&source),
            functions.primary
        )),
        None => bare_event(functions),
    }
}

/// JSON of none of the shapes.
fn unknown_object(object: &JsonObject<'_>, functions: &KnownFunctions) -> RefusedRecord {
    if shape::is_test_event(object) {
        return RefusedRecord::new(format!(
            "it is the s3:TestEvent that S3 sends when a bucket's notifications are set up, and not a failed event; let \
             the bucket notify {}, whose failures come here, and delete this message",
            functions.primary
        ));
    }
    let name = ["eventSource", "Type", "source"].into_iter().find_map(|key| object.text(key));
    name.map_or_else(|| bare_event(functions), |name| named(&quoted(&name)))
}

/// An event without any sign of an invocation: probably sent by a person.
fn bare_event(functions: &KnownFunctions) -> RefusedRecord {
    if functions.source_queues.len() > 1 {
        return RefusedRecord::new(format!(
            "it names no failed invocation, and none of the source queues of {} as the one that it came from; where it is a \
             message of one of them, send it to that queue again",
            env::SOURCE_QUEUES
        ));
    }
    RefusedRecord::new(format!(
        "it names no failed invocation, so it looks like an event that was sent by hand; invoke {} with it \
         asynchronously, or send it to the failure queue with a message attribute RequestID",
        functions.primary
    ))
}

/// The record of a stream's batch, which says where the batch lies and holds no event; `None` where it isn't one.
///
/// Source: <https://docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html>, and the same page for
/// DynamoDB: `KinesisBatchInfo`, `DDBStreamBatchInfo`.
pub(super) fn stream(record: &JsonObject<'_>, request: &JsonObject<'_>) -> Option<RefusedRecord> {
    let batch = record.ending_in("BatchInfo");
    if batch.is_none() && request.text("condition").as_deref() != Some("RetryAttemptsExhausted") {
        return None;
    }
    let stream = batch.and_then(JsonObject::read).and_then(|batch| batch.text("streamArn"));
    Some(RefusedRecord::new(format!(
        "it is the record of a batch of {}, which holds no event: Lambda reads streams synchronously, and its record says only \
         where the batch lies; read the stream with an EventBridge pipe whose target is the function with invocation \
         type FIRE_AND_FORGET, so that each failure is that of an asynchronous invocation",
        stream.map_or_else(|| "a stream".to_owned(), |arn| format!("the stream {}", shown(&arn)))
    )))
}

fn bus_event(source: &str, kind: &str) -> RefusedRecord {
    RefusedRecord::new(format!(
        "it is the bus event {} of the source {}, and not a failed event; let the rule match only ECS Task State Change \
         events of aws.ecs, and the failure records of the source lambda",
        quoted(kind),
        quoted(source)
    ))
}

fn named(name: &str) -> RefusedRecord {
    RefusedRecord::new(format!("it is {name}, and not a failed event; {TAKEN}"))
}

/// A name as it is quoted. What is longer than any service's own name may be somebody's data.
fn quoted(name: &str) -> String {
    const LONGEST: usize = 64;
    if name.chars().nth(LONGEST).is_some() { "something unnamed".to_owned() } else { format!("{name:?}") }
}
