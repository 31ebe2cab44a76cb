//! What waits does so in its queue, and what ECS may have forgotten is asked for.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{
    chain::{batch, last, manifest, message, named, variable},
    service::{NOW, Service, invoke, invoke_at},
    state_changes::stopped,
};
use crate::manifest::Manifest;

const FIRST: &str = "arn:aws:ecs:eu-central-1:111111111111:task/default/1";
const HOUR: i64 = 3_600_000;
/// [`NOW`], as ECS writes it.
const STOPPED_AT: &str = "2023-11-14T22:13:20Z";

/// A record that holds a stopped task's event, received for the nth time.
fn queued(event: &Value, received: u32) -> String {
    batch(&[json!({ "messageId": "m-2", "eventSource": "aws:sqs", "body": event.to_string(),
        "eventSourceARN": "arn:aws:sqs:eu-central-1:111111111111:failures", "receiptHandle": "receipt of m-2",
        "attributes": { "SentTimestamp": NOW.to_string(), "ApproximateReceiveCount": received.to_string() } })])
}

fn interrupted(call: &Value, interruptions: u32) -> Value {
    let mut event = stopped(call, FIRST, None, "TaskFailedToStart");
    event["detail"]["stoppedAt"] = json!(STOPPED_AT);
    let variables = event["detail"]["overrides"]["containerOverrides"][0]["environment"].as_array_mut();
    let variables = variables.expect("a list");
    variables.retain(|variable| variable["name"] != "IMMORTAL_ATTEMPT");
    variables.push(json!({ "name": "IMMORTAL_ATTEMPT", "value": (interruptions + 1).to_string() }));
    variables.push(json!({ "name": "IMMORTAL_INTERRUPTIONS", "value": interruptions.to_string() }));
    event
}

#[tokio::test]
async fn a_start_that_keeps_failing_waits_in_the_queue_and_not_in_the_function() {
    let table = [(1, 5), (2, 30), (3, 120), (4, 300), (5, 900), (9, 900)];
    for (interruptions, seconds) in table {
        let service = Service::start().await;
        let dispatcher = service.dispatcher(&[], manifest()).await;
        invoke(&dispatcher, &batch(&[message("m-1", "r-1", "1", NOW)])).await.expect("attempt 1");
        let record = queued(&interrupted(&last(&service), interruptions), 1);
        let begin = Instant::now();
        assert_eq!(named(&invoke(&dispatcher, &record).await.expect("an answer")), ["m-2"]);
        assert!(begin.elapsed() < Duration::from_secs(4), "it doesn't wait itself");
        service.with(|state| assert_eq!(state.delays, [("receipt of m-2".to_owned(), seconds)], "{interruptions}"));
        // A record that comes early waits for what is left.
        let early = NOW + i64::try_from(seconds).expect("small") * 1000 - 1_500;
        assert_eq!(named(&invoke_at(&dispatcher, &record, early).await.expect("an answer")), ["m-2"]);
        service.with(|state| assert_eq!(state.delays.last().map(|(_, left)| *left), Some(2)));
        let due = early + 1_500;
        assert!(named(&invoke_at(&dispatcher, &record, due).await.expect("an answer")).is_empty());
        assert_eq!(variable(&last(&service), "IMMORTAL_INTERRUPTIONS"), Some((interruptions + 1).to_string()));
    }
}

#[tokio::test]
async fn a_record_of_twelve_days_is_a_dead_letter() {
    let service = Service::start().await;
    let variables = [("IMMORTAL_DEAD_LETTER_QUEUE", "http://sqs.invalid/111111111111/dead")];
    let dispatcher = service.dispatcher(&variables, manifest()).await;
    let record = batch(&[message("m-1", "r-1", "1", NOW)]);
    let denied = super::service::ServiceFault::Refuse(400, "AccessDeniedException", "no");
    for (days, back) in [(12, vec!["m-1"]), (13, vec![])] {
        service.with(|state| state.faults = vec![denied.clone()]);
        let response = invoke_at(&dispatcher, &record, NOW + days * 24 * HOUR).await.expect("an answer");
        assert_eq!(named(&response), back, "{days}");
    }
    service.with(|state| {
        let letter = state.letters[0]["MessageBody"].as_str().expect("a body");
        assert!(letter.contains("waited too long") && letter.contains(r#""series":1"#), "{letter}");
    });
}

#[tokio::test]
async fn a_record_that_sqs_would_soon_move_is_a_dead_letter_and_one_that_fails_often_waits_longer() {
    let service = Service::start().await;
    let variables = [("IMMORTAL_DEAD_LETTER_QUEUE", "http://sqs.invalid/111111111111/dead")];
    let dispatcher = service.dispatcher(&variables, manifest()).await;
    let denied = super::service::ServiceFault::Refuse(400, "AccessDeniedException", "no");
    let table =
        [(1, vec!["m-1"], 0), (50, vec!["m-1"], 0), (51, vec!["m-1"], 1), (989, vec!["m-1"], 2), (990, vec![], 2)];
    for (receives, back, delays) in table {
        service.with(|state| state.faults = vec![denied.clone()]);
        let mut record = message("m-1", "r-1", "1", NOW);
        record["attributes"]["ApproximateReceiveCount"] = json!(receives.to_string());
        let response = invoke(&dispatcher, &batch(&[record])).await.expect("an answer");
        assert_eq!(named(&response), back, "{receives}");
        service.with(|state| assert_eq!(state.delays.len(), delays, "{receives}"));
    }
    service.with(|state| {
        assert!(state.delays.iter().all(|(_, seconds)| *seconds == 900), "{:?}", state.delays);
        let letter = state.letters[0]["MessageBody"].as_str().expect("a body");
        assert!(letter.contains("waited too long") && letter.contains(r#""series":1"#), "{letter}");
    });
}

#[tokio::test]
async fn a_stop_at_an_unreadable_time_counts_from_its_message() {
    let service = Service::start().await;
    let dispatcher = service.dispatcher(&[], manifest()).await;
    invoke(&dispatcher, &batch(&[message("m-1", "r-1", "1", NOW)])).await.expect("attempt 1");
    let mut event = interrupted(&last(&service), 5);
    event["detail"]["stoppedAt"] = json!("yesterday");
    let record = queued(&event, 1);
    let due = NOW + 900_000;
    assert_eq!(named(&invoke_at(&dispatcher, &record, due - 1).await.expect("an answer")), ["m-2"]);
    assert!(named(&invoke_at(&dispatcher, &record, due).await.expect("an answer")).is_empty());
}

#[tokio::test]
async fn a_late_duplicate_of_a_job_at_work_starts_nothing() {
    let service = Service::start().await;
    let dispatcher = service.dispatcher(&[], manifest()).await;
    let record = batch(&[message("m-1", "r-1", "1", NOW)]);
    invoke(&dispatcher, &record).await.expect("attempt 1");
    // ECS forgets the token, and the task is at work.
    service.with(|state| {
        let forgotten = state.tasks.drain().next().expect("a task").1;
        state.tasks.insert("forgotten".to_owned(), forgotten);
    });
    let late = NOW + 2 * HOUR;
    assert!(named(&invoke_at(&dispatcher, &record, late).await.expect("an answer")).is_empty());
    service.with(|state| assert_eq!((state.tasks.len(), state.calls.len()), (1, 1)));
    // Of another request, it is somebody else's.
    let other = batch(&[message("m-2", "r-2", "1", NOW)]);
    assert!(named(&invoke_at(&dispatcher, &other, late).await.expect("an answer")).is_empty());
    service.with(|state| assert_eq!(state.tasks.len(), 2));
}

#[tokio::test]
async fn a_spot_record_that_comes_again_finds_the_task_that_fargate_took() {
    let service = Service::start().await;
    let spot = Manifest { spot: true, ..manifest() };
    let dispatcher = service.dispatcher(&[], spot).await;
    let full = r#"{"tasks":[],"failures":[{"arn":"x","reason":"Capacity is unavailable at this time"}]}"#;
    service.with(|state| state.faults = vec![super::service::ServiceFault::Say(full)]);
    let mut record = message("m-1", "r-1", "1", NOW);
    invoke(&dispatcher, &batch(&[record.clone()])).await.expect("started on FARGATE");
    for (status, receives) in [("PENDING", "2"), ("STOPPED", "2"), ("STOPPED", "1")] {
        service.all_are(status);
        // The first receive is that of another message with the same failure.
        record["attributes"]["ApproximateReceiveCount"] = json!(receives);
        assert!(named(&invoke(&dispatcher, &batch(&[record.clone()])).await.expect("an answer")).is_empty());
        service.with(|state| assert_eq!(state.tasks.len(), 1, "{status}, received {receives} times"));
    }
}

#[tokio::test]
async fn beyond_the_bound_of_tasks_a_record_waits() {
    let service = Service::start().await;
    let dispatcher = service.dispatcher(&[("IMMORTAL_MAX_TASKS", "3")], manifest()).await;
    let messages: Vec<_> = (0..5).map(|n| message(&format!("m-{n}"), &format!("r-{n}"), "1", NOW)).collect();
    let waiting = named(&invoke(&dispatcher, &batch(&messages)).await.expect("an answer"));
    assert_eq!(waiting.len(), 2, "{waiting:?}");
    service.with(|state| {
        assert_eq!((state.tasks.len(), state.delays.len()), (3, 2));
        assert!(state.delays.iter().all(|(_, seconds)| (600..=900).contains(seconds)), "{:?}", state.delays);
        assert_eq!(state.listed.len(), 1, "they are counted once an invocation");
        state.tasks.values_mut().take(1).for_each(|(_, task)| task["lastStatus"] = json!("STOPPED"));
    });
    let one = messages.iter().find(|message| message["messageId"] == waiting[0].as_str()).expect("one of them");
    assert!(named(&invoke(&dispatcher, &batch(std::slice::from_ref(one))).await.expect("an answer")).is_empty());
}
