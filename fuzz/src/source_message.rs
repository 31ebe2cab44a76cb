//! A message of a source queue: each delivery makes the same event, which holds body and attributes as they were sent;
//! and a response to its batch never names a message of another.

use serde_json::Value;

use super::{dispatcher_input::readings, event_form::JobEvent, input::RecordContent};
use crate::{
    batch_failures::BatchFailures,
    fixtures::{FAILURES, UPLOADS, json, parts},
};

pub fn check(bytes: &[u8]) {
    let Some([body, own, attributes, response]) = parts::<4>(bytes) else { return };
    check_response(response);
    let (own, attributes) = (json(own).unwrap_or("{}"), json(attributes).unwrap_or("{}"));
    let body = serde_json::to_string(body).expect("a text");
    let first = format!(
        r#"{{"Records":[{{"messageId":"m","receiptHandle":"one","body":{body},"attributes":{},"messageAttributes":{attributes},"eventSource":"aws:sqs","eventSourceARN":"{FAILURES}"}}]}}"#,
        delivered(own, 1)
    );
    let second = format!(
        r#"{{"Records":[{{"eventSourceARN":"{FAILURES}","eventSource":"aws:sqs","messageAttributes":{attributes},"attributes":{},"body":{body},"receiptHandle":"two","messageId":"m"}}]}}"#,
        delivered(own, 2)
    );
    let (first, second) = (event_of(&first), event_of(&second));
    assert_eq!(first, second, "each delivery is the same event");
    let Some(event) = first else { return };
    let event: Value = serde_json::from_str(&event).expect("an event is JSON");
    let record = &event["Records"][0];
    assert_eq!(record["body"].to_string(), body);
    assert_eq!(record["eventSourceARN"], UPLOADS);
    assert_eq!(record["receiptHandle"], "");
    assert_eq!(record["attributes"]["ApproximateReceiveCount"], "1");
    assert!(record["attributes"].get("DeadLetterQueueSourceArn").is_none());
    let sent: Value = serde_json::from_str(attributes).expect("it is JSON");
    if sent.is_object() {
        assert_eq!(record["messageAttributes"], sent);
    }
}

/// The message's own attributes, as the redrive policy and the nth delivery complete them.
fn delivered(own: &str, delivery: u32) -> String {
    let mut own = match serde_json::from_str(own) {
        Ok(Value::Object(own)) => own,
        _ => serde_json::Map::new(),
    };
    own.insert("DeadLetterQueueSourceArn".to_owned(), UPLOADS.into());
    own.insert("ApproximateReceiveCount".to_owned(), delivery.to_string().into());
    own.insert("ApproximateFirstReceiveTimestamp".to_owned(), (delivery * 1000).to_string().into());
    Value::Object(own).to_string()
}

fn event_of(payload: &str) -> Option<String> {
    let mut records = readings(payload, &[UPLOADS]).into_iter().flatten();
    let (first, second) = (records.next(), records.next());
    assert!(second.is_none(), "one message is one record");
    match first.expect("one message is one record") {
        Ok(RecordContent::Failure(failure)) => match failure.event {
            JobEvent::Text(event) => Some(event),
            JobEvent::Formed(form) => panic!("{form:?}"),
        },
        Ok(other) => panic!("{other:?}"),
        Err(_) => None,
    }
}

fn check_response(response: &str) {
    let batch = ["a", "b", "m"];
    let named = match BatchFailures::from_response(response.as_bytes(), &batch) {
        BatchFailures::All => return assert!(batch.iter().all(|id| BatchFailures::All.include(id))),
        BatchFailures::Named(named) => named,
    };
    assert!(named.iter().all(|id| batch.contains(&id.as_str())), "{named:?}");
    let list: Vec<_> = named.iter().map(|id| serde_json::json!({ "itemIdentifier": id })).collect();
    let written = serde_json::json!({ "batchItemFailures": list }).to_string();
    assert_eq!(BatchFailures::from_response(written.as_bytes(), &batch), BatchFailures::Named(named));
}
