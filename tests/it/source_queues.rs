//! A queue that triggers the primary: what the primary fails on comes by that queue's redrive policy.

use std::collections::HashSet;

use immortal_emulator::{
    EmulatorOptions, EntryKind, EntrySource, Fault, FaultKind, FaultedCalls, MessageAttribute, StopCode,
};
use serde_json::{Value, json};

use crate::chain::{Chain, DEAD_LETTERS, FAILURES, Fate, SOURCE, Seen, Setup};

fn setup() -> Setup {
    Setup { source_queue: true, ..Setup::of("queue_worker") }
}

/// What the primary saw in Lambda: one event per invocation.
fn seen_in_lambda(chain: &Chain) -> Vec<Value> {
    let entries = chain.emulator.journal();
    let lines = entries.into_iter().filter_map(|entry| match (entry.source, entry.kind) {
        (EntrySource::Lambda { function, .. }, EntryKind::Log { line, .. }) if function == "queue_worker" => Some(line),
        _ => None,
    });
    lines.filter_map(|line| Some(event(&Seen::read(line.strip_prefix("saw ")?)))).collect()
}

fn event(seen: &Seen) -> Value {
    serde_json::from_str(&seen.event).expect("JSON")
}

/// A record without what each delivery has of its own.
fn lasting(mut record: Value) -> Value {
    record["receiptHandle"] = json!("");
    record["attributes"]["ApproximateFirstReceiveTimestamp"] = record["attributes"]["SentTimestamp"].clone();
    record
}

#[tokio::test]
async fn a_message_that_dies_in_lambda_is_handled_on_fargate_as_its_queue_delivered_it() {
    let chain = setup().start().await;
    let attributes = [
        ("RequestID", MessageAttribute::text("not-this-one")),
        ("Number", MessageAttribute::number("-1.50")),
        ("Bytes", MessageAttribute::binary([0, 159, 146, 150, 255])),
        ("Text", MessageAttribute::text("ä\n\"😀\"")),
    ];
    let body = "{ \"lambda\":\"exit\", \"n\":1e2, \"s\":\"\\u00e9 ä😀\\/\t\" }";
    let id = chain.send(body, &attributes);
    chain.map_source(1);
    assert!(matches!(chain.fate(&id).await, Fate::Task(_)), "{}", chain.story());

    let [seen] = &chain.seen(&id)[..] else { panic!("{}", chain.story()) };
    assert_eq!((seen.attempt, &seen.context["request_id"]), (1, &json!(id)));
    let (first, second) = (seen_in_lambda(&chain), event(seen));
    assert_eq!(second["Records"].as_array().map(Vec::len), Some(1));
    let record = &second["Records"][0];
    assert_eq!(lasting(first[0]["Records"][0].clone()), *record);
    assert_eq!((record["body"].as_str(), record["receiptHandle"].as_str()), (Some(body), Some("")));
    assert!(record["md5OfMessageAttributes"].is_string(), "{record}");
    assert!(record["attributes"].get("DeadLetterQueueSourceArn").is_none(), "{record}");
}

#[tokio::test]
async fn a_batch_with_one_slow_message_comes_back_message_by_message() {
    for batch in [1, 10] {
        let chain = setup().start().await;
        let mut ids = vec![chain.send(r#"{"lambda":"hang"}"#, &[])];
        ids.extend((1..10).map(|number| chain.send(&format!(r#"{{"lambda":"succeed","n":{number}}}"#), &[])));
        chain.map_source(batch);
        chain.wait_until_idle().await;
        let tasks: usize = ids.iter().map(|id| chain.tasks(id)).sum();
        assert_eq!(tasks, if batch == 1 { 1 } else { 10 }, "{}", chain.story());
        for id in &ids {
            for seen in chain.seen(id) {
                let event = event(&seen);
                assert_eq!(event["Records"].as_array().map(Vec::len), Some(1));
                assert_eq!(event["Records"][0]["messageId"], json!(id));
            }
        }
        assert_eq!(chain.tasks(&ids[0]), 1);
        nothing_left(&chain);
    }
}

#[tokio::test]
async fn a_message_named_in_the_response_is_the_handlers_error_in_lambda_and_on_fargate() {
    let chain = setup().start().await;
    let named = chain.send(r#"{"lambda":"name","tasks":["name","misname","succeed"]}"#, &[]);
    let others: Vec<_> = (0..3).map(|_| chain.send(r#"{"lambda":"succeed"}"#, &[])).collect();
    chain.map_source(10);
    chain.wait_until_idle().await;
    assert_eq!(chain.exits(&named), [Some(1), Some(1), Some(0)], "{}", chain.story());
    assert!(others.iter().all(|id| chain.tasks(id) == 0), "{}", chain.story());
    let logs = chain.logs(&named).join("\n");
    assert!(logs.contains("named the message in the batchItemFailures"), "{logs}");
    assert!(logs.contains("failure of a whole batch"), "{logs}");
    nothing_left(&chain);
}

#[tokio::test]
async fn killed_in_each_attempt_it_is_a_dead_letter_whose_redrive_is_of_the_same_queue() {
    let chain = setup().start().await;
    let body = r#"{"lambda":"exit","tasks":["exit","abort","kill","name","succeed"]}"#;
    let id = chain.send(body, &[("Kind", MessageAttribute::text("video"))]);
    chain.map_source(1);
    let letter: Value = serde_json::from_str(&chain.given_up(&id).await).expect("JSON");
    assert_eq!((&letter["immortal"]["source"], &letter["immortal"]["series"]), (&json!("sqs"), &json!(1)));
    let record = &letter["requestPayload"]["Records"][0];
    assert_eq!(
        (record["body"].as_str(), &record["messageAttributes"]["Kind"]["stringValue"]),
        (Some(body), &json!("video"))
    );

    chain.wait_until_idle().await;
    chain.emulator.redrive(DEAD_LETTERS, Some(FAILURES)).expect("a dead-letter queue");
    chain.wait_until_idle().await;
    assert_eq!(chain.exits(&id), [Some(3), Some(134), Some(137), Some(1), Some(0)], "{}", chain.story());
    let events: HashSet<_> = chain.seen(&id).into_iter().map(|seen| seen.event).collect();
    assert_eq!(events.len(), 1, "the same event in each attempt of both series: {events:?}");
    nothing_left(&chain);
}

/// It has another id then, and nothing says where it was before.
#[tokio::test]
async fn moved_by_hand_it_is_known_by_the_only_source_queue() {
    let chain = Setup { receives: 2, ..setup() }.start().await;
    let denied = Fault { operation: "RunTask", kind: FaultKind::AccessDenied, calls: FaultedCalls::All };
    chain.emulator.inject(denied);
    let id = chain.send(r#"{"lambda":"fail"}"#, &[("Kind", MessageAttribute::binary([7]))]);
    chain.map_source(1);
    chain.wait_until_idle().await;
    assert_eq!(chain.emulator.messages(DEAD_LETTERS).len(), 1, "{}", chain.story());
    chain.emulator.end_faults("RunTask");
    chain.emulator.redrive(DEAD_LETTERS, Some(FAILURES)).expect("a dead-letter queue");
    chain.wait_until_idle().await;
    let tasks = chain.tasks_by_request();
    let [(other, 1)] = &tasks.iter().map(|(id, count)| (id.as_str(), *count)).collect::<Vec<_>>()[..] else {
        panic!("{}", chain.story())
    };
    assert_ne!(*other, id);
    let record = &event(&chain.seen(other)[0])["Records"][0];
    assert_eq!((&record["body"], &record["messageId"]), (&json!(r#"{"lambda":"fail"}"#), &json!(other)));
    assert_eq!(record["messageAttributes"]["Kind"]["binaryValue"], "Bw==");
    nothing_left(&chain);
}

#[tokio::test]
async fn what_is_delivered_twice_starts_one_task() {
    let chain = setup().start().await;
    let twice = |calls| Fault { operation: "DeleteMessage", kind: FaultKind::Duplicated, calls };
    let killed = chain.send(r#"{"lambda":"exit"}"#, &[]);
    chain.emulator.inject_for(&killed, twice(FaultedCalls::Nth(1)));
    chain.map_source(1);
    chain.wait_until_idle().await;
    assert_eq!(chain.tasks(&killed), 1, "{}", chain.story());

    // The source queue itself delivers what was done once more: that is what at-least-once means, and it is done again.
    chain.emulator.inject(twice(FaultedCalls::Nth(1)));
    let doubled = chain.send(r#"{"lambda":"succeed"}"#, &[]);
    chain.wait_until_idle().await;
    assert_eq!(chain.tasks(&doubled), 1, "{}", chain.story());
    nothing_left(&chain);
}

#[tokio::test]
async fn whatever_a_message_looks_like_it_is_a_body() {
    let chain = setup().start().await;
    let record = chain.record("r-1", r#"{"lambda":"fail"}"#, "RetriesExhausted", Some((None, "no")));
    let task = json!({ "source": "aws.ecs", "detail-type": "ECS Task State Change",
        "detail": { "taskArn": "arn:aws:ecs:eu-central-1:111111111111:task/default/1", "lastStatus": "STOPPED" } });
    let notification = json!({ "Type": "Notification", "MessageId": "n", "TopicArn": "t", "Message": record });
    let bodies = [record, task.to_string(), notification.to_string(), "no JSON".to_owned(), "[]".to_owned()];
    let attributes = [("RequestID", MessageAttribute::text("r-2")), ("ErrorMessage", MessageAttribute::text("no"))];
    let ids: Vec<_> = bodies.iter().map(|body| chain.send(body, &attributes)).collect();
    chain.map_source(1);
    chain.wait_until_idle().await;
    for (id, body) in ids.iter().zip(&bodies) {
        let [seen] = &chain.seen(id)[..] else { panic!("{body}: {}", chain.story()) };
        assert_eq!(event(seen)["Records"][0]["body"], json!(body));
    }
    nothing_left(&chain);
}

#[tokio::test]
async fn an_interrupted_task_of_a_message_goes_on() {
    let chain = setup().start().await;
    let id = chain.send(r#"{"lambda":"fail","tasks":["hang","succeed"]}"#, &[]);
    chain.map_source(1);
    let task = chain.at_work(&id, 1).await;
    chain.emulator.interrupt(&task, StopCode::SpotInterruption).expect("it runs");
    chain.wait_until_idle().await;
    assert_eq!(chain.exits(&id).last(), Some(&Some(0)), "{}", chain.story());
    nothing_left(&chain);
}

/// Succeeds, whatever it is to do.
const SUCCEEDS: &[&str] = &["/bin/sh", "-c", "exit 0"];

#[tokio::test]
async fn of_a_thousand_messages_of_which_a_fifth_is_killed_none_is_lost_and_none_is_done_twice() {
    let options = EmulatorOptions { time_scale: 0.01, run_task_rate: None, ..EmulatorOptions::default() };
    let chain = Setup { task: Some(SUCCEEDS), options, ..setup() }.start().await;
    let messages = (0..1000_u32).map(|number| {
        let lambda = if number.is_multiple_of(5) { "exit" } else { "succeed" };
        (chain.send(&format!(r#"{{"lambda":"{lambda}","n":{number}}}"#), &[]), lambda)
    });
    let messages: Vec<_> = messages.collect();
    chain.map_source(1);
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
        assert_eq!((in_lambda, on_fargate), expected, "{id}: {}", chain.story_of(id));
    }
    nothing_left(&chain);
}

fn nothing_left(chain: &Chain) {
    for queue in [SOURCE, FAILURES, DEAD_LETTERS] {
        assert!(chain.emulator.messages(queue).is_empty(), "{queue}: {}", chain.story());
    }
}
