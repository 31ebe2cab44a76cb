//! The dispatcher when AWS calls fail. The task is `true`, because these tests are not about tasks.

use std::time::Duration;

use immortal_emulator::{EmulatorOptions, EntryKind, Fault, FaultKind, FaultedCalls};

use crate::chain::{BUCKET, Chain, ChainSetup, DEAD_LETTERS, FAILURES};

fn setup() -> ChainSetup {
    let options = EmulatorOptions { time_scale: 0.01, run_task_rate: None, ..EmulatorOptions::default() };
    ChainSetup { task: Some(&["true"]), options, receives: 3, ..ChainSetup::new("killed") }
}

fn fault(kind: FaultKind, calls: FaultedCalls) -> Fault {
    Fault { operation: "RunTask", kind, calls }
}

/// Sends one failure with this fault in place, and returns the chain and whether the message was deleted.
async fn one_failure(kind: FaultKind, calls: FaultedCalls) -> (Chain, bool) {
    let chain = setup().start_unmapped().await;
    chain.emulator.inject(fault(kind, calls));
    let message = chain.send_failure(REQUEST, "{}", "Task timed out after 3.00 seconds");
    chain.map_failure_queue();
    let done = chain.wait_until_settled(&message).await;
    (chain, done)
}

const REQUEST: &str = "5e0b7e6c-5a3c-4f0e-8d0e-1f2a3b4c5d6e";

#[tokio::test]
async fn transient_errors_are_retried_until_one_task_is_started() {
    let passing = [
        FaultKind::Throttle,
        FaultKind::Status(500),
        FaultKind::Status(503),
        FaultKind::ResetBefore,
        FaultKind::ResetAfter,
        FaultKind::Failures(
            "Capacity is unavailable at this time. Please try again later or in a different availability zone",
        ),
        FaultKind::Empty,
        FaultKind::RequestLimitExceeded,
    ];
    for kind in passing {
        let (chain, done) = one_failure(kind.clone(), FaultedCalls::Next(2)).await;
        assert!(done, "{kind:?}");
        assert_eq!(chain.wait_for_stopped_tasks(REQUEST, 1).await, 1, "{kind:?}\n{}", chain.journal_text());
        assert_eq!(chain.calls("RunTask").len(), 3, "{kind:?}: two failed calls and the one that counts");
        chain.emulator.shutdown().await;
    }
}

#[tokio::test]
async fn permanent_errors_return_the_record_at_once_and_say_what_to_fix() {
    let lasting = [
        (FaultKind::AccessDenied, "ecs:RunTask"),
        (FaultKind::Failures("MISSING"), "MISSING"),
        (
            FaultKind::Error { status: 400, code: "ClusterNotFoundException", message: "Cluster not found.".into() },
            "IMMORTAL_CLUSTER",
        ),
        (
            FaultKind::Error { status: 400, code: "InvalidParameterException", message: "subnet-0a is gone".into() },
            "subnet-0a is gone",
        ),
    ];
    for (kind, expected) in lasting {
        let (chain, done) = one_failure(kind.clone(), FaultedCalls::All).await;
        assert!(!done, "{kind:?}");
        assert_eq!(chain.task_count(REQUEST), 0, "{kind:?}");
        assert_eq!(chain.calls("RunTask").len(), 3, "{kind:?}: one call each time it is received");
        let story = chain.journal_text();
        assert!(story.contains(expected), "{kind:?} says {expected}:\n{story}");
        let lies = chain.emulator.messages(DEAD_LETTERS);
        assert_eq!(lies.len(), 1, "{kind:?}");
        assert_eq!(lies[0].body, "{}");
        chain.emulator.shutdown().await;
    }
}

#[tokio::test]
async fn a_conflict_that_names_a_task_means_it_was_started() {
    let chain = setup().start_unmapped().await;
    // One request id with two events means two requests with one client token.
    let messages = [chain.send_failure(REQUEST, r#"{"n":1}"#, ""), chain.send_failure(REQUEST, r#"{"n":2}"#, "")];
    chain.map_failure_queue();
    for message in &messages {
        assert!(chain.wait_until_settled(message).await, "{}", chain.journal_text());
    }
    assert_eq!(chain.wait_for_stopped_tasks(REQUEST, 1).await, 1);
    assert!(chain.journal_text().contains("ConflictException"), "{}", chain.journal_text());
}

#[tokio::test]
async fn an_invalid_record_does_not_affect_its_batch() {
    let chain = setup().start_unmapped().await;
    let poison = chain.emulator.send_message(FAILURES, "no failure", [].into()).expect("the queue exists");
    let sound: Vec<_> = (0..9)
        .map(|number| {
            let request = format!("request-{number}");
            let message = chain.send_failure(&request, "{}", "");
            (request, message)
        })
        .collect();
    chain.map_failure_queue();
    for (request, message) in &sound {
        assert!(chain.wait_until_settled(message).await, "{request}");
        assert_eq!(chain.wait_for_stopped_tasks(request, 1).await, 1);
    }
    assert!(chain.wait_until_settled(&poison).await, "it is done with the record once it is a dead letter");
    let letters = chain.emulator.messages(DEAD_LETTERS);
    assert_eq!((letters.len(), letters[0].body.as_str()), (1, "no failure"));
    assert!(letters[0].attributes.contains_key("ImmortalReason"), "it says why");
}

#[tokio::test]
async fn a_failure_delivered_again_starts_no_other_task() {
    let chain = setup().start_unmapped().await;
    let messages: Vec<_> = (0..4).map(|_| chain.send_failure(REQUEST, r#"{"n":1}"#, "")).collect();
    chain.map_failure_queue();
    for message in &messages {
        assert!(chain.wait_until_settled(message).await);
    }
    assert_eq!(chain.wait_for_stopped_tasks(REQUEST, 1).await, 1, "{}", chain.journal_text());
    // Within the minute after the start in which `ListTasks` is not called.
    let late = chain.send_failure(REQUEST, r#"{"n":1}"#, "");
    assert!(chain.wait_until_settled(&late).await);
    assert_eq!(chain.task_count(REQUEST), 1);
}

#[tokio::test]
async fn a_conflict_means_started_even_if_the_task_has_failed() {
    let gone = "arn:aws:ecs:eu-central-1:123456789012:task/default/0123456789abcdef0123456789abcdef";
    let (chain, done) = one_failure(FaultKind::Conflict(vec![gone.into()]), FaultedCalls::Next(1)).await;
    assert!(done, "{}", chain.journal_text());
    assert_eq!(chain.task_count(REQUEST), 0, "what follows is its own stop event's business\n{}", chain.journal_text());
}

#[tokio::test]
async fn a_batch_takes_as_long_as_its_slowest_call() {
    let chain = setup().start_unmapped().await;
    chain.emulator.inject(fault(FaultKind::Delayed(Duration::from_secs(2)), FaultedCalls::All));
    let messages: Vec<_> = (0..10).map(|number| chain.send_failure(&format!("request-{number}"), "{}", "")).collect();
    chain.map_failure_queue();
    for message in &messages {
        assert!(chain.wait_until_settled(message).await);
    }
    let most = chain.calls("RunTask").iter().map(|(_, overlapping)| *overlapping).max();
    assert_eq!(most, Some(10), "all ten calls were under way at once");
}

/// A task that prints the location of its event, and fails. The dead letter names the object, so it is not deleted.
const SAYS_WHERE: &[&str] = &["/bin/sh", "-c", r#"echo "$IMMORTAL_EVENT_S3"; exit 1"#];

/// Incompressible text from a seeded generator.
fn noise(seed: u64) -> String {
    let mut random = fastrand::Rng::with_seed(seed);
    let noise: String = std::iter::repeat_with(|| random.alphanumeric()).take(200_000).collect();
    format!(r#"{{ "noise":"{noise}", "n":1.0 }}"#)
}

#[tokio::test]
async fn a_large_event_is_stored_in_the_bucket_apart_from_another_with_its_request_id() {
    let chain = ChainSetup { task: Some(SAYS_WHERE), ..setup() }.start().await;
    let (event, other) = (noise(7), noise(8));
    for event in [&event, &other] {
        let message = chain.send_failure(REQUEST, event, "");
        assert!(chain.wait_until_settled(&message).await, "{}", chain.journal_text());
    }
    assert_eq!(chain.wait_for_stopped_tasks(REQUEST, 3).await, 3, "{}", chain.journal_text());
    let places = chain.logs(REQUEST);
    assert_eq!(places, vec![places[0].clone(); 3], "each attempt reads the same object");
    let key = places[0].strip_prefix(&format!("s3://{BUCKET}/")).expect("in the bucket");
    assert!(key.starts_with(&format!("immortal/killed/{REQUEST}/")), "{key}");
    assert_eq!(chain.emulator.object(BUCKET, key).expect("put by the dispatcher"), event.as_bytes());
}

#[tokio::test]
async fn with_a_fifth_of_all_calls_failing_each_event_has_one_task_or_is_returned() {
    let chain = setup().start_unmapped().await;
    let each = 0.2 / 8.0;
    let failing = [
        FaultKind::Throttle,
        FaultKind::Status(500),
        FaultKind::Status(503),
        FaultKind::ResetBefore,
        FaultKind::ResetAfter,
        FaultKind::Failures("Capacity is unavailable at this time."),
        FaultKind::Empty,
        FaultKind::AccessDenied,
    ];
    for kind in failing {
        chain.emulator.inject(fault(kind, FaultedCalls::Probability(each)));
    }
    let messages: Vec<_> = (0..1000)
        .map(|number| {
            let request = format!("request-{number}");
            let message = chain.send_failure(&request, &format!(r#"{{"n":{number}}}"#), "");
            (request, message)
        })
        .collect();
    chain.map_failure_queue();
    let mut done = Vec::new();
    for (request, message) in &messages {
        let settled = chain.wait_until_settled(message).await;
        if settled {
            chain.wait_for_stopped_tasks(request, 1).await;
        }
        done.push(settled);
    }
    let tasks = chain.tasks_by_request();
    for ((request, _), done) in messages.iter().zip(done) {
        // A call may take effect and appear to have failed: then the record is returned although its task runs.
        let tasks = tasks.get(request).copied().unwrap_or(0);
        assert!(tasks == 1 || (tasks == 0 && !done), "{request}: {tasks} tasks, done: {done}");
    }
    let failed = chain.calls("RunTask").iter().filter(|(status, _)| *status != 200).count();
    assert!(failed > 100, "the faults were there: {failed} calls failed");
}

#[tokio::test]
async fn no_log_contains_the_event_at_any_log_level() {
    let dispatcher = [("AWS_LAMBDA_LOG_LEVEL".to_owned(), "TRACE".to_owned())].into();
    let chain = ChainSetup { dispatcher, ..setup() }.start().await;
    let message = chain.send_failure(REQUEST, r#"{"mark":"known-to-the-caller-only"}"#, "");
    assert!(chain.wait_until_settled(&message).await, "{}", chain.journal_text());
    assert_eq!(chain.wait_for_stopped_tasks(REQUEST, 1).await, 1);
    let entries = chain.emulator.journal();
    let lines = entries.iter().filter_map(|entry| match &entry.kind {
        EntryKind::Log { line, .. } => Some(line),
        _ => None,
    });
    let lines: Vec<_> = lines.collect();
    assert!(!lines.is_empty());
    for secret in ["known-to-the-caller-only", "AWS4-HMAC"] {
        assert!(lines.iter().all(|line| !line.contains(secret)), "{secret} in {lines:#?}");
    }
}
