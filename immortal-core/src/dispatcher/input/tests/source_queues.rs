//! Messages of the queues that trigger the primary.

use serde_json::{Value, json};

use super::*;
use crate::order::EventSource;

const FAILURES: &str = "arn:aws:sqs:eu-central-1:111111111111:failures";
const UPLOADS: &str = "arn:aws:sqs:eu-central-1:111111111111:uploads";
const ORDERS: &str = "arn:aws:sqs:eu-central-1:111111111111:orders";

/// A message of the failure queue, which a redrive policy moved from another, or that was sent to it.
fn moved(from: Option<&str>, body: &str) -> Value {
    let mut record: Value = serde_json::from_str(&message("m", &format!(r#""body":{}"#, quoted(body)))).expect("JSON");
    record["eventSourceARN"] = json!(FAILURES);
    if let Some(from) = from {
        record["attributes"]["DeadLetterQueueSourceArn"] = json!(from);
    }
    record
}

fn reading(record: &Value, source_queues: &[&str]) -> Result<InvocationFailure, String> {
    let source_queues = source_queues.iter().map(|queue| (*queue).to_owned()).collect();
    let payload = queue(&[record.to_string()]);
    let DispatcherInput::Batch(mut records) = read(&payload, &KnownFunctions { source_queues, ..functions() }) else {
        panic!("a batch")
    };
    let mut reading = records.remove(0).1;
    match reading.pop() {
        Some(Ok(RecordContent::Failure(failure))) => Ok(*failure),
        Some(Ok(RecordContent::Task { .. })) => Err("a task".to_owned()),
        Some(Err(refusal)) => Err(refusal.to_string()),
        None => Err("nothing".to_owned()),
    }
}

fn event(failure: &InvocationFailure) -> Value {
    serde_json::from_str(text(&failure.event)).expect("JSON")
}

#[test]
fn whatever_a_source_queue_gave_up_is_a_body_and_nothing_else() {
    let bodies = [
        "not JSON at all".to_owned(),
        destination_record(PRIMARY, "1"),
        destination_record("x", "1"),
        topic("1", SNS_ATTRIBUTES),
        ecs_event(),
        r#"{"Service":"Amazon S3","Event":"s3:TestEvent"}"#.to_owned(),
        stream_record(PRIMARY, "KinesisBatchInfo"),
        "[]".to_owned(),
        " \u{e4}\n".to_owned(),
    ];
    for body in bodies {
        let mut record = moved(Some(UPLOADS), &body);
        record["messageAttributes"] = json!({"RequestID": {"stringValue": "r-9", "dataType": "String"}});
        let failure = reading(&record, &[ORDERS, UPLOADS]).expect("a failure");
        assert_eq!(
            (failure.cause, failure.series, failure.source),
            (FailureCause::NeverRan, 0, Some(EventSource::Sqs))
        );
        let context = &failure.context;
        assert_eq!((context.aws_request_id.as_str(), context.invoked_function_arn.as_str()), ("m", PRIMARY));
        assert_eq!((context.function_name.as_str(), context.function_version.as_str()), ("ingest", "$LATEST"));
        let event = event(&failure);
        assert_eq!(event["Records"].as_array().map(Vec::len), Some(1));
        let message = &event["Records"][0];
        assert_eq!((&message["body"], &message["messageId"]), (&json!(body), &json!("m")));
        assert_eq!((&message["eventSourceARN"], &message["receiptHandle"]), (&json!(UPLOADS), &json!("")));
        assert_eq!(message["messageAttributes"]["RequestID"]["stringValue"], "r-9");
    }
}

#[test]
fn only_a_listed_queue_is_a_source() {
    let other = reading(&moved(Some(ORDERS), "{}"), &[UPLOADS]).expect_err("it isn't listed");
    assert!(other.contains(ORDERS) && other.contains("IMMORTAL_SOURCE_QUEUES"), "{other}");
    let forged = reading(&moved(Some(ORDERS), &destination_record(PRIMARY, "1")), &[]).expect_err("whatever it holds");
    assert!(forged.contains(ORDERS), "{forged}");
    let mut nameless = moved(Some(UPLOADS), "{}");
    nameless["messageId"] = json!("");
    assert!(reading(&nameless, &[UPLOADS]).expect_err("it has no id").contains("messageId"));
    nameless["messageId"] = json!("m\nEND");
    assert!(reading(&nameless, &[UPLOADS]).expect_err("it would forge a line").contains("printable ASCII"));
}

#[test]
fn what_came_back_is_read_again() {
    let record = destination_record(PRIMARY, "7");
    for from in [Some(FAILURES), None] {
        let failure = reading(&moved(from, &record), &[UPLOADS]).expect("a failure");
        assert_eq!((text(&failure.event), failure.source), ("7", None), "{from:?}");
    }
}

#[test]
fn with_one_source_queue_a_body_of_no_other_shape_is_its_message() {
    let s3 = r#"{"Records":[{"eventSource":"aws:s3","s3":{}}]}"#;
    let notification = r#"{"Type":"Notification","TopicArn":"t","Message":"hello","MessageAttributes":{}}"#;
    for body in ["hello", "[]", r#"{"Records":[]}"#, s3, notification, r#"{"source":"mine"}"#, "1"] {
        for from in [None, Some(FAILURES)] {
            let failure = reading(&moved(from, body), &[UPLOADS]).expect(body);
            assert_eq!(event(&failure)["Records"][0]["body"], json!(body));
            assert_eq!(event(&failure)["Records"][0]["eventSourceARN"], json!(UPLOADS));
            assert!(event(&failure)["Records"][0]["attributes"].get("DeadLetterQueueSourceArn").is_none());
        }
        assert!(reading(&moved(None, body), &[]).is_err(), "{body}: there is no source queue");
        assert!(reading(&moved(None, body), &[UPLOADS, ORDERS]).is_err(), "{body}: of which of the two?");
    }
    let refused = [
        (r#"{"Service":"Amazon S3","Event":"s3:TestEvent"}"#.to_owned(), "s3:TestEvent"),
        (r#"{"source":"aws.ecs","detail-type":"ECS Service Action","detail":{}}"#.to_owned(), "ECS Service Action"),
        (stream_record(PRIMARY, "KinesisBatchInfo"), "FIRE_AND_FORGET"),
        (destination_record("arn:aws:lambda:eu-central-1:111111111111:function:other", "1"), "function:other"),
    ];
    for (body, name) in refused {
        let refusal = reading(&moved(None, &body), &[UPLOADS]).expect_err(name);
        assert!(refusal.contains(name), "{refusal}");
    }
    assert_eq!(reading(&moved(None, &ecs_event()), &[UPLOADS]).expect_err("it is one"), "a task");
}

#[test]
fn a_bare_event_is_refused_by_what_it_may_be() {
    let table: [(&[&str], &str); 3] = [
        (&[], "sent by hand"),
        (&[UPLOADS], "sent by hand"),
        (&[UPLOADS, ORDERS], "none of the source queues of IMMORTAL_SOURCE_QUEUES"),
    ];
    for (source_queues, expected) in table {
        let source_queues = source_queues.iter().map(|queue| (*queue).to_owned()).collect();
        let DispatcherInput::Single(mut reading) =
            read(r#"{"order":7}"#, &KnownFunctions { source_queues, ..functions() })
        else {
            panic!("no batch")
        };
        let refusal = reading.remove(0).expect_err("it names no invocation").to_string();
        assert!(refusal.contains(expected), "{refusal}");
    }
}
