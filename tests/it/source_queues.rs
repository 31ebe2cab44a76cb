//! A queue that triggers the primary. Its redrive policy sends failed messages to the failure queue.

use std::collections::HashSet;

use immortal_emulator::{
    EmulatorOptions, EntryKind, EntrySource, Fault, FaultKind, FaultedCalls, MessageAttribute, StopCode,
};
use serde_json::{Value, json};

use crate::chain::{Chain, ChainSetup, DEAD_LETTERS, EventOutcome, FAILURES, SOURCE, SeenInvocation};

fn setup() -> ChainSetup {
    ChainSetup { source_queue: true, ..ChainSetup::new("queue_worker") }
}

/// The events that the primary received in Lambda, one per invocation.
fn seen_in_lambda(chain: &Chain) -> Vec<Value> {
    let entries = chain.emulator.journal();
    let lines = entries.into_iter().filter_map(|entry| match (entry.source, entry.kind) {
        (EntrySource::Lambda { function, .. }, EntryKind::Log { line, .. }) if function == "queue_worker" => Some(line),
        _ => None,
    });
    lines.filter_map(|line| Some(event(&SeenInvocation::parse(line.strip_prefix("saw ")?)))).collect()
}

fn event(seen: &SeenInvocation) -> Value {
    serde_json::from_str(&seen.event).expect("JSON")
}

/// A record without the members that differ with each delivery.
fn comparable(mut record: Value) -> Value {
    record["receiptHandle"] = json!("");
    record["attributes"]["ApproximateFirstReceiveTimestamp"] = record["attributes"]["SentTimestamp"].clone();
    record
}

#[tokio::test]
async fn a_message_that_fails_in_lambda_is_handled_on_fargate_as_its_queue_delivered_it() {
    let chain = setup().start().await;
    let attributes = [
        ("RequestID", MessageAttribute::text("not-this-one")),
        ("Number", MessageAttribute::number("-1.50")),
        ("Bytes", MessageAttribute::binary([0, 159, 146, 150, 255])),
        ("Text", MessageAttribute::text("ä\n\"😀\"")),
    ];
    let body = "{ \"lambda\":\"exit\", \"n\":1e2, \"s\":\"\\u00e9 ä😀\\/\t\" }";
    let id = chain.send(body, &attributes);
    chain.map_source_queue(1);
    assert!(matches!(chain.wait_for_outcome(&id).await, EventOutcome::Task(_)), "{}", chain.journal_text());

    let [seen] = &chain.seen_invocations(&id)[..] else { panic!("{}", chain.journal_text()) };
    assert_eq!((seen.attempt, &seen.context["request_id"]), (1, &json!(id)));
    let (first, second) = (seen_in_lambda(&chain), event(seen));
    assert_eq!(second["Records"].as_array().map(Vec::len), Some(1));
    let record = &second["Records"][0];
    assert_eq!(comparable(first[0]["Records"][0].clone()), *record);
    assert_eq!((record["body"].as_str(), record["receiptHandle"].as_str()), (Some(body), Some("")));
    assert!(record["md5OfMessageAttributes"].is_string(), "{record}");
    assert!(record["attributes"].get("DeadLetterQueueSourceArn").is_none(), "{record}");
}

#[tokio::test]
async fn the_messages_of_a_failed_batch_are_handled_one_by_one() {
    for batch in [1, 10] {
        let chain = setup().start().await;
        let mut ids = vec![chain.send(r#"{"lambda":"hang"}"#, &[])];
        ids.extend((1..10).map(|number| chain.send(&format!(r#"{{"lambda":"succeed","n":{number}}}"#), &[])));
        chain.map_source_queue(batch);
        chain.wait_until_idle().await;
        let tasks: usize = ids.iter().map(|id| chain.task_count(id)).sum();
        assert_eq!(tasks, if batch == 1 { 1 } else { 10 }, "{}", chain.journal_text());
        for id in &ids {
            for seen in chain.seen_invocations(id) {
                let event = event(&seen);
                assert_eq!(event["Records"].as_array().map(Vec::len), Some(1));
                assert_eq!(event["Records"][0]["messageId"], json!(id));
            }
        }
        assert_eq!(chain.task_count(&ids[0]), 1);
        nothing_left(&chain);
    }
}

#[tokio::test]
async fn a_message_named_in_the_response_is_the_handlers_error_in_lambda_and_on_fargate() {
    let chain = setup().start().await;
    let named = chain.send(r#"{"lambda":"name","tasks":["name","misname","succeed"]}"#, &[]);
    let others: Vec<_> = (0..3).map(|_| chain.send(r#"{"lambda":"succeed"}"#, &[])).collect();
    chain.map_source_queue(10);
    chain.wait_until_idle().await;
    assert_eq!(chain.exit_codes(&named), [Some(1), Some(1), Some(0)], "{}", chain.journal_text());
    assert!(others.iter().all(|id| chain.task_count(id) == 0), "{}", chain.journal_text());
    let logs = chain.logs(&named).join("\n");
    assert!(logs.contains("named the message in the batchItemFailures"), "{logs}");
    assert!(logs.contains("failure of a whole batch"), "{logs}");
    nothing_left(&chain);
}

#[tokio::test]
async fn a_redriven_dead_letter_of_a_message_keeps_its_source_queue() {
    let chain = setup().start().await;
    let body = r#"{"lambda":"exit","tasks":["exit","abort","kill","name","succeed"]}"#;
    let id = chain.send(body, &[("Kind", MessageAttribute::text("video"))]);
    chain.map_source_queue(1);
    let letter: Value = serde_json::from_str(&chain.wait_for_dead_letter(&id).await).expect("JSON");
    assert_eq!((&letter["immortal"]["source"], &letter["immortal"]["series"]), (&json!("sqs"), &json!(1)));
    let record = &letter["requestPayload"]["Records"][0];
    assert_eq!(
        (record["body"].as_str(), &record["messageAttributes"]["Kind"]["stringValue"]),
        (Some(body), &json!("video"))
    );

    chain.wait_until_idle().await;
    chain.emulator.redrive(DEAD_LETTERS, Some(FAILURES)).expect("a dead-letter queue");
    chain.wait_until_idle().await;
    assert_eq!(chain.exit_codes(&id), [Some(3), Some(134), Some(137), Some(1), Some(0)], "{}", chain.journal_text());
    let events: HashSet<_> = chain.seen_invocations(&id).into_iter().map(|seen| seen.event).collect();
    assert_eq!(events.len(), 1, "the same event in each attempt of both series: {events:?}");
    nothing_left(&chain);
}

/// A moved message has another id, and no trace of its source.
#[tokio::test]
async fn a_message_moved_by_hand_is_attributed_to_the_only_source_queue() {
    let chain = ChainSetup { receives: 2, ..setup() }.start().await;
    let denied = Fault { operation: "RunTask", kind: FaultKind::AccessDenied, calls: FaultedCalls::All };
    chain.emulator.inject(denied);
    let id = chain.send(r#"{"lambda":"fail"}"#, &[("Kind", MessageAttribute::binary([7]))]);
    chain.map_source_queue(1);
    chain.wait_until_idle().await;
    assert_eq!(chain.emulator.messages(DEAD_LETTERS).len(), 1, "{}", chain.journal_text());
    chain.emulator.end_faults("RunTask");
    chain.emulator.redrive(DEAD_LETTERS, Some(FAILURES)).expect("a dead-letter queue");
    chain.wait_until_idle().await;
    let tasks = chain.tasks_by_request();
    let [(other, 1)] = &tasks.iter().map(|(id, count)| (id.as_str(), *count)).collect::<Vec<_>>()[..] else {
        panic!("{}", chain.journal_text())
    };
    assert_ne!(*other, id);
    let record = &event(&chain.seen_invocations(other)[0])["Records"][0];
    assert_eq!((&record["body"], &record["messageId"]), (&json!(r#"{"lambda":"fail"}"#), &json!(other)));
    assert_eq!(record["messageAttributes"]["Kind"]["binaryValue"], "Bw==");
    nothing_left(&chain);
}

#[tokio::test]
async fn a_message_delivered_twice_starts_one_task() {
    let chain = setup().start().await;
    let twice = |calls| Fault { operation: "DeleteMessage", kind: FaultKind::Duplicated, calls };
    let killed = chain.send(r#"{"lambda":"exit"}"#, &[]);
    chain.emulator.inject_for(&killed, twice(FaultedCalls::Nth(1)));
    chain.map_source_queue(1);
    chain.wait_until_idle().await;
    assert_eq!(chain.task_count(&killed), 1, "{}", chain.journal_text());

    // The source queue itself may deliver a handled message again: delivery is at least once, so it is handled again.
    chain.emulator.inject(twice(FaultedCalls::Nth(1)));
    let doubled = chain.send(r#"{"lambda":"succeed"}"#, &[]);
    chain.wait_until_idle().await;
    assert_eq!(chain.task_count(&doubled), 1, "{}", chain.journal_text());
    nothing_left(&chain);
}

#[tokio::test]
async fn a_message_body_is_never_interpreted() {
    let chain = setup().start().await;
    let record = chain.destination_record("r-1", r#"{"lambda":"fail"}"#, "RetriesExhausted", Some((None, "no")));
    let task = json!({ "source": "aws.ecs", "detail-type": "ECS Task State Change",
        "detail": { "taskArn": "arn:aws:ecs:eu-central-1:111111111111:task/default/1", "lastStatus": "STOPPED" } });
    let notification = json!({ "Type": "Notification", "MessageId": "n", "TopicArn": "t", "Message": record });
    let bodies = [record, task.to_string(), notification.to_string(), "no JSON".to_owned(), "[]".to_owned()];
    let attributes = [("RequestID", MessageAttribute::text("r-2")), ("ErrorMessage", MessageAttribute::text("no"))];
    let ids: Vec<_> = bodies.iter().map(|body| chain.send(body, &attributes)).collect();
    chain.map_source_queue(1);
    chain.wait_until_idle().await;
    for (id, body) in ids.iter().zip(&bodies) {
        let [seen] = &chain.seen_invocations(id)[..] else { panic!("{body}: {}", chain.journal_text()) };
        assert_eq!(event(seen)["Records"][0]["body"], json!(body));
    }
    nothing_left(&chain);
}

#[tokio::test]
async fn an_interrupted_task_of_a_message_continues() {
    let chain = setup().start().await;
    let id = chain.send(r#"{"lambda":"fail","tasks":["hang","succeed"]}"#, &[]);
    chain.map_source_queue(1);
    let task = chain.wait_until_handling(&id, 1).await;
    chain.emulator.interrupt(&task, StopCode::SpotInterruption).expect("it runs");
    chain.wait_until_idle().await;
    assert_eq!(chain.exit_codes(&id).last(), Some(&Some(0)), "{}", chain.journal_text());
    nothing_left(&chain);
}

/// A task that always succeeds.
const SUCCEEDS: &[&str] = &["/bin/sh", "-c", "exit 0"];

#[tokio::test]
async fn of_a_thousand_messages_none_is_lost_and_none_is_handled_twice() {
    let options = EmulatorOptions { time_scale: 0.01, run_task_rate: None, ..EmulatorOptions::default() };
    let chain = ChainSetup { task: Some(SUCCEEDS), options, ..setup() }.start().await;
    let messages = (0..1000_u32).map(|number| {
        let lambda = if number.is_multiple_of(5) { "exit" } else { "succeed" };
        (chain.send(&format!(r#"{{"lambda":"{lambda}","n":{number}}}"#), &[]), lambda)
    });
    let messages: Vec<_> = messages.collect();
    chain.map_source_queue(1);
    chain.wait_until_idle().await;
    let tasks = chain.tasks_by_request();
    let done = chain.emulator.journal().into_iter().filter_map(|entry| match (entry.source, entry.kind) {
        (EntrySource::Queue { name }, EntryKind::Deleted { message_id }) if name == SOURCE => Some(message_id),
        _ => None,
    });
    let done: Vec<_> = done.collect();
    let done_in_lambda: HashSet<_> = done.iter().collect();
    assert_eq!((done.len(), done_in_lambda.len()), (800, 800));
    for (id, lambda) in &messages {
        let (in_lambda, on_fargate) = (done_in_lambda.contains(id), tasks.get(id).copied().unwrap_or(0));
        let expected = if *lambda == "exit" { (false, 1) } else { (true, 0) };
        assert_eq!((in_lambda, on_fargate), expected, "{id}: {}", chain.journal_text_of(id));
    }
    nothing_left(&chain);
}

fn nothing_left(chain: &Chain) {
    for queue in [SOURCE, FAILURES, DEAD_LETTERS] {
        assert!(chain.emulator.messages(queue).is_empty(), "{queue}: {}", chain.journal_text());
    }
}
