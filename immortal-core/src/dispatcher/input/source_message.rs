//! A message of a queue that triggers the primary: which message is one, and the event that Lambda made of it.
//!
//! Lambda invokes a queue's function synchronously, so no failure record is written: the message goes back to its queue,
//! and that queue's redrive policy moves it here.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{
    Value,
    value::{RawValue, to_raw_value},
};

use super::super::json_object::JsonObject;

/// Where a message was before, by its attributes.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum MessageOrigin {
    /// In this queue, which triggers the primary.
    Source(String),
    /// In this queue, which isn't known as one.
    Unlisted(String),
    /// It was sent to the queue that it is in, or it came back from that queue's own dead-letter queue.
    Here,
}

/// Where a message was before.
///
/// Source: `DeadLetterQueueSourceArn` of `botocore:sqs:MessageSystemAttributeName`.
pub(super) fn origin(record: &JsonObject<'_>, source_queues: &[String]) -> MessageOrigin {
    let moved_from = record.object("attributes").and_then(|attributes| attributes.text("DeadLetterQueueSourceArn"));
    match moved_from.filter(|queue| record.text("eventSourceARN").as_ref() != Some(queue)) {
        Some(queue) if source_queues.contains(&queue) => MessageOrigin::Source(queue),
        Some(queue) => MessageOrigin::Unlisted(queue),
        None => MessageOrigin::Here,
    }
}

/// What an SQS event is made of.
#[derive(Serialize)]
struct SqsEvent<'a> {
    #[serde(rename = "Records")]
    records: [BTreeMap<&'a str, Box<RawValue>>; 1],
}

/// The event that the source queue's mapping makes of the message. What changes with each delivery is constant and the
/// members are in order, so that each delivery gives the same bytes.
///
/// Source: <https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html#example-standard-queue-message-event>
pub(super) fn event_of(record: &JsonObject<'_>, body: &str, source_queue: &str) -> Result<String, serde_json::Error> {
    let mut members: BTreeMap<_, _> = record.members().map(|(name, json)| (name, json.to_owned())).collect();
    members.insert("body", to_raw_value(body)?);
    members.insert("receiptHandle", to_raw_value("")?);
    members.insert("eventSourceARN", to_raw_value(source_queue)?);
    if let Some(attributes) = record.raw("attributes") {
        members.insert("attributes", to_raw_value(&constant_attributes(attributes)?)?);
    }
    if let Some(attributes) = record.raw("messageAttributes").filter(|json| json.starts_with('{')) {
        let attributes: BTreeMap<String, BTreeMap<String, Value>> = serde_json::from_str(attributes)?;
        members.insert("messageAttributes", to_raw_value(&attributes)?);
    }
    serde_json::to_string(&SqsEvent { records: [members] })
}

/// The message's own attributes, as at its first delivery by its first queue.
fn constant_attributes(json: &str) -> Result<BTreeMap<String, Value>, serde_json::Error> {
    let mut attributes: BTreeMap<String, Value> = serde_json::from_str(json)?;
    attributes.remove("DeadLetterQueueSourceArn");
    attributes.insert("ApproximateReceiveCount".to_owned(), Value::from("1"));
    match attributes.get("SentTimestamp").cloned() {
        Some(sent) => attributes.insert("ApproximateFirstReceiveTimestamp".to_owned(), sent),
        None => attributes.remove("ApproximateFirstReceiveTimestamp"),
    };
    Ok(attributes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FAILURES: &str = "arn:aws:sqs:eu-central-1:111111111111:failures";
    const UPLOADS: &str = "arn:aws:sqs:eu-central-1:111111111111:uploads";

    #[test]
    fn a_message_comes_from_its_source_or_from_here() {
        let table = [
            (Some(UPLOADS), MessageOrigin::Source(UPLOADS.into())),
            (Some(FAILURES), MessageOrigin::Here),
            (None, MessageOrigin::Here),
            (Some("arn:aws:sqs:x:1:other"), MessageOrigin::Unlisted("arn:aws:sqs:x:1:other".into())),
        ];
        for (moved_from, expected) in table {
            let moved = moved_from.map_or(String::new(), |arn| format!(r#","DeadLetterQueueSourceArn":"{arn}""#));
            let json = format!(r#"{{"eventSourceARN":"{FAILURES}","attributes":{{"SentTimestamp":"1"{moved}}}}}"#);
            let record = JsonObject::read(&json).expect("an object");
            assert_eq!(origin(&record, &[UPLOADS.to_owned()]), expected, "{moved_from:?}");
        }
        let own = r#"{"eventSourceARN":"a","attributes":{"DeadLetterQueueSourceArn":"a"}}"#;
        let record = JsonObject::read(own).expect("an object");
        assert_eq!(origin(&record, &["a".to_owned()]), MessageOrigin::Here, "it came back, whatever is listed");
    }

    #[test]
    fn each_delivery_gives_the_same_bytes() {
        let deliveries = [
            format!(
                r#"{{"messageId":"m-1","receiptHandle":"one","body":"caf\u00e9\n","attributes":{{"ApproximateReceiveCount":"1",
                    "AWSTraceHeader":"Root=1","SentTimestamp":"1700000000000","SenderId":"A",
                    "ApproximateFirstReceiveTimestamp":"1700000001000","DeadLetterQueueSourceArn":"{UPLOADS}"}},
                    "messageAttributes":{{"b":{{"binaryValue":"AAH/","stringListValues":[],"dataType":"Binary"}},"a":{{"stringValue":"x","dataType":"String"}}}},
                    "md5OfBody":"0","eventSource":"aws:sqs","eventSourceARN":"{FAILURES}","awsRegion":"eu-central-1"}}"#
            ),
            format!(
                r#"{{"eventSource":"aws:sqs","awsRegion":"eu-central-1","eventSourceARN":"{FAILURES}","md5OfBody":"0",
                    "messageAttributes":{{"a":{{"dataType":"String","stringValue":"x"}},"b":{{"dataType":"Binary","stringListValues":[],"binaryValue":"AAH\/"}}}},
                    "attributes":{{"SentTimestamp":"1700000000000","ApproximateReceiveCount":"7","SenderId":"A","AWSTraceHeader":"Root=1",
                    "DeadLetterQueueSourceArn":"{UPLOADS}","ApproximateFirstReceiveTimestamp":"1700000009000"}},
                    "body":"café\n","receiptHandle":"other","messageId":"m-1"}}"#
            ),
        ];
        for delivery in deliveries {
            let record = JsonObject::read(&delivery).expect("an object");
            let body = record.text("body").expect("a body");
            assert_eq!(
                event_of(&record, &body, UPLOADS).expect("an event"),
                format!(
                    r#"{{"Records":[{{"attributes":{{"AWSTraceHeader":"Root=1","ApproximateFirstReceiveTimestamp":"1700000000000","ApproximateReceiveCount":"1","SenderId":"A","SentTimestamp":"1700000000000"}},"awsRegion":"eu-central-1","body":"café\n","eventSource":"aws:sqs","eventSourceARN":"{UPLOADS}","md5OfBody":"0","messageAttributes":{{"a":{{"dataType":"String","stringValue":"x"}},"b":{{"binaryValue":"AAH/","dataType":"Binary","stringListValues":[]}}}},"messageId":"m-1","receiptHandle":""}}]}}"#
                )
            );
        }
    }
}
