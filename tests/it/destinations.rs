//! Results: the same record from Fargate as from Lambda, at each kind of destination.

use std::{collections::BTreeMap, time::Duration};

use immortal_emulator::{
    EntryKind, EntrySource, Fault, FaultKind, FaultedCalls, Function, JournalEntry, Queue, StopCode,
};
use serde_json::{Value, json};

use crate::{
    binaries::package,
    chain::{BUCKET, Chain, ChainSetup, EventOutcome},
};

const RESULTS: &str = "results";
/// The destination function.
const AFTER: &str = "after";

/// One destination of each kind, by its ARN.
fn destinations() -> [(&'static str, &'static str); 4] {
    [
        ("queue", "arn:aws:sqs:eu-central-1:123456789012:results"),
        ("topic", "arn:aws:sns:eu-central-1:123456789012:results"),
        ("bus", "arn:aws:events:eu-central-1:123456789012:event-bus/results"),
        ("function", "arn:aws:lambda:eu-central-1:123456789012:function:after"),
    ]
}

fn on_success(kind: &str) -> fn(&mut Function) {
    match kind {
        "queue" => |function| function.on_success = Some(destinations()[0].1.to_owned()),
        "topic" => |function| function.on_success = Some(destinations()[1].1.to_owned()),
        "bus" => |function| function.on_success = Some(destinations()[2].1.to_owned()),
        _ => |function| function.on_success = Some(destinations()[3].1.to_owned()),
    }
}

/// A chain whose primary has a destination of this kind, and whose tasks may use the event bucket.
async fn chain(kind: &str) -> Chain {
    let runner = BTreeMap::from([("IMMORTAL_EVENT_BUCKET".to_owned(), BUCKET.to_owned())]);
    let chain = ChainSetup { function: on_success(kind), runner, ..ChainSetup::new("killed") }.start().await;
    chain.emulator.create_queue(Queue::new(RESULTS));
    chain.emulator.create_topic(RESULTS);
    chain.emulator.create_event_bus(RESULTS);
    chain.emulator.deploy(Function::new(AFTER, package("bare"))).expect("a sound function");
    chain
}

/// The records delivered so far to any destination; those on the bus as whole events.
fn delivered(chain: &Chain) -> Vec<Value> {
    let json = |text: String| serde_json::from_str::<Value>(&text).expect("a record is JSON");
    let mut records: Vec<_> = chain.emulator.messages(RESULTS).into_iter().map(|message| json(message.body)).collect();
    records.extend(chain.emulator.published_messages(destinations()[1].1).into_iter().map(json));
    records.extend(chain.emulator.bus_events(destinations()[2].1));
    records.extend(chain.emulator.journal().into_iter().filter_map(|entry| match (entry.source, entry.kind) {
        (EntrySource::Lambda { function, .. }, EntryKind::Answered { body }) if function == AFTER => {
            let answer: Value = serde_json::from_slice(&body).expect("JSON");
            Some(answer["event"].clone())
        }
        _ => None,
    }));
    records
}

/// A record without times, counts and the attempt in the fixture's response.
fn comparable(mut record: Value) -> Value {
    record["timestamp"] = Value::Null;
    record["requestContext"]["requestId"] = Value::Null;
    record["requestContext"]["approximateInvokeCount"] = Value::Null;
    record["responsePayload"] = Value::Null;
    record["requestPayload"]["lambda"] = Value::Null;
    record
}

#[tokio::test]
async fn lambda_and_fargate_send_the_same_record_to_each_kind_of_destination() {
    for (kind, arn) in destinations() {
        let chain = chain(kind).await;
        let in_lambda = chain.invoke(r#"{"lambda":"succeed", "n":1e2}"#).await;
        assert!(matches!(chain.wait_for_outcome(&in_lambda).await, EventOutcome::Lambda(_)));
        chain.wait_until_idle().await;
        let on_fargate = chain.invoke(r#"{"lambda":"fail", "n":1e2}"#).await;
        assert!(matches!(chain.wait_for_outcome(&on_fargate).await, EventOutcome::Task(_)), "{}", chain.journal_text());
        chain.wait_until_idle().await;
        let records = delivered(&chain);
        let [first, second] = &records[..] else { panic!("{kind}: {records:?} {}", chain.journal_text()) };
        let (first, second) = if kind == "bus" {
            assert_eq!((&second["source"], &second["detail-type"]), (&first["source"], &first["detail-type"]));
            assert_eq!(second["resources"], first["resources"]);
            (&first["detail"], &second["detail"])
        } else {
            (first, second)
        };
        println!("{kind}, from Lambda:  {first}\n{kind}, from Fargate: {second}");
        assert_eq!(comparable(first.clone()), comparable(second.clone()), "{kind}");
        assert_eq!(second["requestContext"]["requestId"], json!(on_fargate));
        assert_eq!(second["requestContext"]["approximateInvokeCount"], 2);
        assert_eq!(second["responsePayload"]["attempt"], 1);
        let logs = chain.logs(&on_fargate).join("\n");
        assert!(logs.contains(&format!("result delivered to {arn}")), "{logs}");
    }
}

#[tokio::test]
async fn a_result_too_large_is_sent_without_its_event_or_as_an_object_key() {
    let large = format!(r#"{{"lambda":"fail","text":"{}"}}"#, "x".repeat(600_000));
    let table = [
        ("queue", large.clone(), false),
        ("topic", large, true),
        ("queue", r#"{"lambda":"fail","padding":5000000}"#.to_owned(), true),
        ("bus", r#"{"lambda":"fail","padding":5000000}"#.to_owned(), true),
        ("function", r#"{"lambda":"fail","padding":5000000}"#.to_owned(), true),
    ];
    for (kind, event, is_address) in table {
        let chain = chain(kind).await;
        let request = chain.invoke(&event).await;
        assert!(
            matches!(chain.wait_for_outcome(&request).await, EventOutcome::Task(_)),
            "{}",
            chain.journal_text_of(&request)
        );
        chain.wait_until_idle().await;
        let records = delivered(&chain);
        let [record] = &records[..] else { panic!("{kind}: {} records", records.len()) };
        let record = if kind == "bus" { &record["detail"] } else { record };
        assert_eq!(record["requestPayload"], Value::Null);
        let key = format!("immortal/killed/{request}/result");
        if !is_address {
            assert_eq!(record["responsePayload"]["attempt"], 1, "{kind}");
            assert!(chain.emulator.object(BUCKET, &key).is_none());
            continue;
        }
        assert_eq!(record["immortal"]["recordObject"], json!(format!("s3://{BUCKET}/{key}")), "{kind}");
        let whole = chain.emulator.object(BUCKET, &key).expect("the whole record");
        let whole: Value = serde_json::from_slice(&whole).expect("JSON");
        assert_eq!(whole["requestPayload"].to_string().len(), event.len());
        assert_eq!(whole["responsePayload"]["attempt"], 1);
    }
}

#[tokio::test]
async fn a_destination_that_fails_temporarily_still_gets_the_result() {
    let table = [
        ("queue", "SendMessage"),
        ("queue", "GetFunctionEventInvokeConfig"),
        ("topic", "Publish"),
        ("bus", "PutEvents"),
        ("function", "Invoke"),
    ];
    for (kind, operation) in table {
        for fault in [FaultKind::Throttle, FaultKind::Status(503), FaultKind::ResetBefore] {
            let chain = chain(kind).await;
            chain.emulator.inject(Fault { operation, kind: fault.clone(), calls: FaultedCalls::Nth(1) });
            let request = chain.invoke(r#"{"lambda":"fail"}"#).await;
            assert!(matches!(chain.wait_for_outcome(&request).await, EventOutcome::Task(_)));
            chain.wait_until_idle().await;
            assert_eq!(delivered(&chain).len(), 1, "{operation} {fault:?}: {}", chain.journal_text());
        }
    }
}

#[tokio::test]
async fn a_result_that_no_destination_accepts_is_kept_and_the_job_is_done() {
    let table = [("queue", "SendMessage"), ("topic", "Publish"), ("bus", "PutEvents"), ("function", "Invoke")];
    for (kind, operation) in table {
        let chain = chain(kind).await;
        chain.emulator.inject(Fault { operation, kind: FaultKind::AccessDenied, calls: FaultedCalls::All });
        let request = chain.invoke(r#"{"lambda":"fail"}"#).await;
        assert!(matches!(chain.wait_for_outcome(&request).await, EventOutcome::Task(_)), "{}", chain.journal_text());
        chain.wait_until_idle().await;
        assert_eq!((chain.task_count(&request), delivered(&chain).len()), (1, 0));
        let kept = chain.emulator.object(BUCKET, &format!("immortal/killed/{request}/result")).expect("it is kept");
        let kept: Value = serde_json::from_slice(&kept).expect("JSON");
        assert_eq!(kept["requestContext"]["requestId"], json!(request));
        let logs = chain.logs(&request).join("\n");
        let said = logs.lines().find(|line| line.contains("can't be delivered")).expect("it is said");
        assert!(
            said.contains(&request) && said.contains("allow the task role") && said.contains("is kept as"),
            "{said}"
        );
    }
}

#[tokio::test]
async fn a_missing_permission_to_read_the_destination_is_reported() {
    let chain = chain("queue").await;
    let operation = "GetFunctionEventInvokeConfig";
    chain.emulator.inject(Fault { operation, kind: FaultKind::AccessDenied, calls: FaultedCalls::All });
    let request = chain.invoke(r#"{"lambda":"fail"}"#).await;
    assert!(matches!(chain.wait_for_outcome(&request).await, EventOutcome::Task(_)), "{}", chain.journal_text());
    let logs = chain.logs(&request).join("\n");
    assert!(logs.contains("allow the task role lambda:GetFunctionEventInvokeConfig"), "{logs}");
    assert!(logs.contains(&format!("the result of request {request} can't be delivered")), "{logs}");
    assert!(chain.emulator.object(BUCKET, &format!("immortal/killed/{request}/result")).is_some(), "it is kept");
}

#[tokio::test]
async fn a_job_is_done_even_if_its_task_stops_before_the_result_is_delivered() {
    let runner = BTreeMap::from([("IMMORTAL_STOP_TIMEOUT".to_owned(), "2".to_owned())]);
    let chain = ChainSetup { function: on_success("queue"), runner, ..ChainSetup::new("killed") }.start().await;
    chain.emulator.create_queue(Queue::new(RESULTS));
    chain.emulator.inject(Fault { operation: "SendMessage", kind: FaultKind::Throttle, calls: FaultedCalls::All });
    let request = chain.invoke(r#"{"lambda":"fail"}"#).await;
    let task = chain.emulator.wait_for(|entry| match (&entry.source, &entry.kind) {
        (EntrySource::Task { arn, .. }, EntryKind::Log { line, .. }) => {
            line.contains("SendMessage of SQS with the result").then(|| arn.clone())
        }
        _ => None,
    });
    let task = task.await;
    chain.emulator.interrupt(&task, StopCode::SpotInterruption).expect("it runs");
    assert!(matches!(chain.wait_for_outcome(&request).await, EventOutcome::Task(_)), "{}", chain.journal_text());
    chain.wait_until_idle().await;
    assert_eq!(chain.task_count(&request), 1, "{}", chain.journal_text());
    let logs = chain.logs(&request).join("\n");
    assert!(logs.contains(&format!("the result of request {request} is not delivered")), "{logs}");
}

/// Delivery is at least once: the killed attempt can't report that it sent the record, so the next one sends its own.
#[tokio::test]
async fn a_result_is_sent_again_if_the_runner_is_killed_after_sending_it() {
    let chain = chain("queue").await;
    let late = FaultKind::Delayed(Duration::from_hours(1));
    chain.emulator.inject(Fault { operation: "SendMessage", kind: late, calls: FaultedCalls::Nth(1) });
    let request = chain.invoke(r#"{"lambda":"fail"}"#).await;
    let task = chain.wait_until_handling(&request, 1).await;
    let queued = |entry: &JournalEntry| {
        let source = EntrySource::Queue { name: RESULTS.to_owned() };
        (entry.source == source && matches!(entry.kind, EntryKind::Queued { .. })).then_some(())
    };
    chain.emulator.wait_for(queued).await;
    // The runner still waits for the response of SQS when the emulator's two (scaled) minutes have passed.
    chain.emulator.interrupt(&task, StopCode::SpotInterruption).expect("it runs");
    let EventOutcome::Task(second) = chain.wait_for_outcome(&request).await else { panic!("{}", chain.journal_text()) };
    assert_ne!(second, task, "{}", chain.journal_text());
    chain.wait_until_idle().await;
    let records = delivered(&chain);
    let attempts: Vec<_> = records.iter().map(|record| &record["responsePayload"]["attempt"]).collect();
    assert_eq!(attempts, [1, 2], "{}", chain.journal_text());
    assert!(records.iter().all(|record| record["requestContext"]["requestId"] == request.as_str()));
}

#[tokio::test]
async fn the_task_may_name_another_destination_or_none() {
    for (named, expected) in [("none", 0), ("arn:aws:sns:eu-central-1:123456789012:results", 1)] {
        let runner = BTreeMap::from([("IMMORTAL_ON_SUCCESS".to_owned(), named.to_owned())]);
        let chain = ChainSetup { function: on_success("queue"), runner, ..ChainSetup::new("killed") }.start().await;
        chain.emulator.create_queue(Queue::new(RESULTS));
        chain.emulator.create_topic(RESULTS);
        let request = chain.invoke(r#"{"lambda":"fail"}"#).await;
        assert!(matches!(chain.wait_for_outcome(&request).await, EventOutcome::Task(_)), "{}", chain.journal_text());
        chain.wait_until_idle().await;
        assert_eq!(chain.emulator.messages(RESULTS).len(), 0, "{named}");
        assert_eq!(chain.emulator.published_messages(destinations()[1].1).len(), expected, "{named}");
    }
}

#[tokio::test]
async fn a_function_of_a_queue_has_no_destination() {
    let setup = ChainSetup { function: on_success("topic"), source_queue: true, ..ChainSetup::new("queue_worker") };
    let chain = setup.start().await;
    chain.emulator.create_topic(RESULTS);
    let id = chain.send(r#"{"lambda":"fail"}"#, &[]);
    chain.map_source_queue(1);
    assert!(matches!(chain.wait_for_outcome(&id).await, EventOutcome::Task(_)), "{}", chain.journal_text());
    chain.wait_until_idle().await;
    assert_eq!(chain.emulator.published_messages(destinations()[1].1).len(), 0);
    assert!(chain.calls("GetFunctionEventInvokeConfig").is_empty());
}

/// A streamed response may not be valid JSON, and may be longer than what is kept of it.
#[tokio::test]
async fn a_streamed_response_is_a_string_in_the_record_or_null_if_too_long() {
    let runner = BTreeMap::from([("IMMORTAL_EVENT_BUCKET".to_owned(), BUCKET.to_owned())]);
    let setup =
        ChainSetup { function: on_success("queue"), roles: Some("killed"), runner, ..ChainSetup::new("streamed") };
    let chain = setup.start().await;
    chain.emulator.create_queue(Queue::new(RESULTS));
    let killed = "Immortal.HandedOver: before the deadline";
    chain.send_failure("r-text", r#"{"megabytes":1,"breaks_off":false}"#, killed);
    assert!(matches!(chain.wait_for_outcome("r-text").await, EventOutcome::Task(_)), "{}", chain.journal_text());
    chain.wait_until_idle().await;
    assert_eq!(delivered(&chain)[0]["immortal"]["recordObject"], "s3://events/immortal/streamed/r-text/result");
    let whole = chain.emulator.object(BUCKET, "immortal/streamed/r-text/result").expect("the whole record");
    let whole: Value = serde_json::from_slice(&whole).expect("JSON");
    // A stream of `lambda_runtime` begins with a prelude of status and headers.
    let text = whole["responsePayload"].as_str().expect("a text");
    assert!(text.len() > 1024 * 1024 && text.ends_with("xxx"), "{}", text.len());

    chain.send_failure("r-long", r#"{"megabytes":7,"breaks_off":false}"#, killed);
    assert!(matches!(chain.wait_for_outcome("r-long").await, EventOutcome::Task(_)), "{}", chain.journal_text());
    chain.wait_until_idle().await;
    let record = &delivered(&chain)[1];
    assert_eq!((&record["requestContext"]["requestId"], &record["responsePayload"]), (&json!("r-long"), &Value::Null));
    let logs = chain.logs("r-long").join("\n");
    assert!(logs.contains("bytes is longer than a record holds"), "{}", logs.len());
}
