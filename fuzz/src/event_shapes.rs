//! An event, in each shape in which the dispatcher receives it: the handler sees its bytes as the record holds them.

use serde_json::value::RawValue;

use super::{
    dead_letter::{DeadLetter, GivenUpEvent, GivenUpJob},
    dispatcher_input::readings,
    event_form::{EventFormKind, JobEvent, first_fitting},
    input::RecordContent,
    invocation_failure::InvocationFailure,
    task::Task,
    task_order::{self, TaskOrder},
    task_overrides::TaskOverrides,
};
use crate::{
    fixtures::{BUCKET, CONTAINER, FAILURES, PRIMARY, config, functions, json},
    order::Order,
};

pub fn check(bytes: &[u8]) {
    let Ok(event) = str::from_utf8(bytes) else { return };
    let attributes = r#"{"RequestID":{"dataType":"String","stringValue":"r-1"}}"#;
    let failed = single_failure(&message(event, attributes));
    let Some(bare) = json(event) else {
        assert!(failed.is_none(), "an event is JSON");
        return;
    };
    assert_event(failed, event, 0);
    let topic = format!(
        r#"{{"Records":[{{"EventSource":"aws:sns","Sns":{{"Message":{},"MessageAttributes":{{"RequestID":{{"Value":"r-1"}}}}}}}}]}}"#,
        quoted(event)
    );
    assert_event(single_failure(&topic), event, 0);
    let record = destination_record(bare);
    let notification =
        format!(r#"{{"Type":"Notification","TopicArn":"t","MessageAttributes":{{}},"Message":{}}}"#, quoted(&record));
    let of_bus = format!(r#"{{"source":"lambda","detail-type":"d","detail":{record}}}"#);
    let pipe = format!("[{}]", sqs_record(&record, "{}"));
    for payload in [&record, &notification, &of_bus, &pipe] {
        assert_event(single_failure(payload), bare, 0);
    }
    for body in [&record, &notification, &of_bus] {
        assert_event(single_failure(&message(body, "{}")), bare, 0);
    }
    check_job_forms(bare, single_failure(&record).expect("it was one"));
}

/// From the failure into a task, and from its description or from a dead letter back.
fn check_job_forms(event: &str, failure: InvocationFailure) {
    let job = GivenUpJob {
        context: &failure.context,
        event: GivenUpEvent::Text(serde_json::from_str::<&RawValue>(event).expect("JSON")),
        series: failure.series,
        source: failure.source,
        attempts: 3,
        task: Some("arn:task"),
        reason: "all attempts are used",
    };
    let letter = DeadLetter::from_job(&job, "2026-11-26T00:00:00.000Z");
    assert_event(single_failure(&message(&letter.body, "{}")), event, 1);

    let order = Order {
        event: (),
        context: failure.context,
        handler_path: None,
        attempt: 1,
        interruptions: 0,
        limit: None,
        series: 0,
        source: None,
        failed_at: None,
    };
    for least in [EventFormKind::Inline, EventFormKind::Gzip] {
        let overrides = |form: &_| TaskOverrides::new(CONTAINER, &order, form, None, None);
        let (kind, overrides) =
            first_fitting(event, &config().transport, "key", least, overrides).expect("there is a bucket");
        assert!(overrides.fit());
        let description = format!(
            r#"{{"taskArn":"t","lastStatus":"STOPPED","overrides":{}}}"#,
            serde_json::to_string(&overrides).expect("plain data")
        );
        let task = Task::from_event(&description).expect("ECS's own shape");
        let TaskOrder::Ours(read) = task_order::read(&task, &config(), &functions(&[])) else {
            panic!("an order of ours is read as such")
        };
        match kind {
            EventFormKind::S3 => assert_eq!(JobEvent::Formed(read.event).object(), Some((BUCKET, "key"))),
            _ => assert_eq!(read.event.text().expect("our own").as_deref(), Some(event)),
        }
    }
}

fn assert_event(failure: Option<InvocationFailure>, expected: &str, series: u32) {
    let failure = failure.expect("it is a failure of the primary");
    assert!(failure.event == JobEvent::Text(expected.to_owned()), "the event has other bytes");
    assert_eq!((failure.context.aws_request_id.as_str(), failure.series), ("r-1", series));
}

/// The one failure in a payload.
fn single_failure(payload: &str) -> Option<InvocationFailure> {
    let mut records = readings(payload, &[]).into_iter().flatten();
    let (first, second) = (records.next(), records.next());
    assert!(second.is_none(), "there is one record");
    match first? {
        Ok(RecordContent::Failure(failure)) => Some(*failure),
        _ => None,
    }
}

fn quoted(text: &str) -> String {
    serde_json::to_string(text).expect("a text")
}

fn sqs_record(body: &str, attributes: &str) -> String {
    format!(
        r#"{{"messageId":"m","eventSource":"aws:sqs","eventSourceARN":"{FAILURES}","body":{},"messageAttributes":{attributes}}}"#,
        quoted(body)
    )
}

fn message(body: &str, attributes: &str) -> String {
    format!(r#"{{"Records":[{}]}}"#, sqs_record(body, attributes))
}

fn destination_record(event: &str) -> String {
    format!(
        r#"{{"requestContext":{{"requestId":"r-1","functionArn":"{PRIMARY}:$LATEST","condition":"RetriesExhausted"}},"requestPayload":{event},"responsePayload":{{"errorType":"Sandbox.Timedout"}}}}"#
    )
}
