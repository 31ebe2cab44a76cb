//! `--sqs`: the event file as the message of a queue that triggers the function.

use std::collections::BTreeMap;

use immortal_emulator::MessageAttribute;
use serde::Deserialize;
use serde_json::Value;

/// A message for the queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SourceMessage {
    pub(crate) body: String,
    pub(crate) attributes: BTreeMap<String, MessageAttribute>,
}

/// An event of an SQS queue, as far as it says what was sent.
#[derive(Deserialize)]
struct SqsEvent {
    #[serde(rename = "Records")]
    records: Vec<SqsRecord>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SqsRecord {
    body: String,
    message_attributes: Option<BTreeMap<String, SqsAttribute>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SqsAttribute {
    data_type: String,
    string_value: Option<String>,
    binary_value: Option<String>,
}

impl SourceMessage {
    /// The message that an SQS event holds, or a message whose body is the whole file; else what is wrong with it.
    pub(crate) fn from_event(event: &[u8]) -> Result<Self, String> {
        if !is_sqs_event(event) {
            let body = std::str::from_utf8(event).map_err(|error| format!("is not valid UTF-8: {error}"))?;
            return Ok(Self { body: body.to_owned(), attributes: BTreeMap::new() });
        }
        let read = serde_json::from_slice(event);
        let SqsEvent { mut records } =
            read.map_err(|error| format!("is an event of SQS that can't be read: {error}"))?;
        match (records.pop(), records.len()) {
            (Some(record), 0) => Ok(record.into_message()),
            (_, others) => Err(format!(
                "holds {} messages, and --sqs follows one: leave one in it",
                others + usize::from(others > 0)
            )),
        }
    }
}

impl SqsRecord {
    fn into_message(self) -> SourceMessage {
        let attribute = |(name, SqsAttribute { data_type, string_value, binary_value })| {
            (name, MessageAttribute { data_type, value: string_value.or(binary_value).unwrap_or_default() })
        };
        SourceMessage {
            body: self.body,
            attributes: self.message_attributes.unwrap_or_default().into_iter().map(attribute).collect(),
        }
    }
}

/// Whether it is an event of SQS: its first record says so, or it has none.
fn is_sqs_event(event: &[u8]) -> bool {
    let event: Value = serde_json::from_slice(event).unwrap_or_default();
    match event["Records"].as_array().map(Vec::as_slice) {
        Some([first, ..]) => first["eventSource"] == "aws:sqs",
        Some([]) => true,
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_message_is_that_of_the_event_or_the_file() {
        let record = r#"{"messageId":"m","eventSource":"aws:sqs","body":"hello","messageAttributes":{
            "Kind":{"dataType":"String","stringValue":"video"},"Key":{"dataType":"Binary","binaryValue":"Bw=="}}}"#;
        let message =
            SourceMessage::from_event(format!(r#"{{"Records":[{record}]}}"#).as_bytes()).expect("one message");
        let attributes = [("Key", MessageAttribute::binary([7])), ("Kind", MessageAttribute::text("video"))];
        let expected = SourceMessage {
            body: "hello".to_owned(),
            attributes: attributes.map(|(name, value)| (name.to_owned(), value)).into(),
        };
        assert_eq!(message, expected);
        let without = br#"{"Records":[{"eventSource":"aws:sqs","body":"hello","messageAttributes":null}]}"#;
        assert_eq!(SourceMessage::from_event(without).expect("one message").attributes.len(), 0);
        for body in [r#"{"Records":[{"eventSource":"aws:s3","s3":{}}]}"#, "not JSON\n", "1", ""] {
            let message = SourceMessage::from_event(body.as_bytes()).expect("one message");
            assert_eq!((message.body.as_str(), message.attributes.len()), (body, 0));
        }
    }

    #[test]
    fn what_is_not_one_message_is_refused() {
        let record = r#"{"eventSource":"aws:sqs","body":""}"#;
        let two = SourceMessage::from_event(format!(r#"{{"Records":[{record},{record}]}}"#).as_bytes());
        assert_eq!(two, Err("holds 2 messages, and --sqs follows one: leave one in it".to_owned()));
        let none = SourceMessage::from_event(br#"{"Records":[]}"#).expect_err("it holds none");
        assert!(none.starts_with("holds 0 messages"), "{none}");
        let without_body =
            SourceMessage::from_event(br#"{"Records":[{"eventSource":"aws:sqs"}]}"#).expect_err("no body");
        assert!(
            without_body.starts_with("is an event of SQS that can't be read: missing field `body`"),
            "{without_body}"
        );
        assert!(SourceMessage::from_event(b"\xff").expect_err("not text").starts_with("is not valid UTF-8"));
    }
}
