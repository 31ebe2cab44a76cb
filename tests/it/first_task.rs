//! From the invocation in Lambda to the first task.

use std::time::Duration;

use immortal_emulator::{EntryKind, EntrySource, FaultKind};

use crate::{
    binaries::package,
    chain::{Chain, ChainSetup, EventOutcome},
};

/// An event that parsing and serializing would change: order, duplicate keys, big numbers, escapes, spaces.
const AWKWARD: &str = r#"{ "tasks":["succeed"], "lambda":"hang", "z":1.0, "a":123456789012345678901234567890, "a":1e2, "s":"\u00e9\ud83d\ude00\/" }"#;

fn assert_same_lives(chain: &Chain, request: &str, event: &str) {
    let seen = chain.seen_invocations(request);
    let attempts: Vec<_> = seen.iter().map(|seen| seen.attempt).collect();
    assert_eq!(attempts, [0, 1], "{}", chain.journal_text());
    for life in &seen {
        assert_eq!(life.event, event);
        assert_eq!(life.context["request_id"], request);
    }
    assert_eq!(seen[0].comparable_context(), seen[1].comparable_context(), "the context is the same in both attempts");
}

#[tokio::test]
async fn killed_at_its_timeout_it_runs_again_with_the_same_event_and_context() {
    for dead_letter_config in [false, true] {
        let chain = ChainSetup { dead_letter_config, ..ChainSetup::new("killed") }.start().await;
        let request = chain.invoke(AWKWARD).await;
        assert!(matches!(chain.wait_for_outcome(&request).await, EventOutcome::Task(_)));
        assert_same_lives(&chain, &request, AWKWARD);
        let timed_out = chain.emulator.journal().iter().any(|entry| matches!(entry.kind, EntryKind::TimedOut { .. }));
        assert!(timed_out, "Lambda killed it");
        chain.emulator.shutdown().await;
    }
}

#[tokio::test]
async fn two_failures_of_one_batch_each_get_a_task() {
    let chain = ChainSetup::new("killed").start_unmapped().await;
    let mut requests = Vec::new();
    for event in [r#"{"lambda":"fail"}"#, r#"{"lambda":"exit"}"#] {
        requests.push(chain.invoke(event).await);
    }
    for request in &requests {
        let queued = |entry: &immortal_emulator::JournalEntry| match &entry.kind {
            EntryKind::Queued { request_id, .. } => (request_id.as_ref() == Some(request)).then_some(()),
            _ => None,
        };
        chain.emulator.wait_for(queued).await;
    }
    chain.map_failure_queue();
    for request in &requests {
        assert!(matches!(chain.wait_for_outcome(request).await, EventOutcome::Task(_)));
        assert_eq!(chain.task_count(request), 1);
    }
    let entries = chain.emulator.journal();
    let before_dispatch = entries.iter().take_while(|entry| {
        !matches!((&entry.source, &entry.kind), (EntrySource::Lambda { function, .. }, EntryKind::Invoked)
            if function.ends_with("Dlq"))
    });
    let received = before_dispatch.filter(|entry| matches!(entry.kind, EntryKind::Received { .. })).count();
    assert_eq!(received, 2, "one batch held both:\n{}", chain.journal_text());
}

#[tokio::test]
async fn what_succeeds_in_lambda_never_reaches_fargate() {
    let chain = ChainSetup::new("killed").start().await;
    let request = chain.invoke(r#"{"lambda":"succeed"}"#).await;
    let EventOutcome::Lambda(answer) = chain.wait_for_outcome(&request).await else {
        panic!("{}", chain.journal_text())
    };
    assert_eq!(answer["attempt"], 0);
    assert_eq!(chain.task_count(&request), 0);
    let called =
        chain.emulator.journal().iter().any(|entry| matches!(entry.kind, EntryKind::Called { service: "ecs", .. }));
    assert!(!called, "no dispatcher was at work");
}

#[tokio::test]
async fn every_kind_of_failure_gets_a_task() {
    let chain = ChainSetup { timeout: Duration::from_secs(2), ..ChainSetup::new("killed") }.start().await;
    let mut requests = Vec::new();
    for death in ["fail", "panic", "exit", "abort", "kill", "hang", "spin"] {
        requests.push((death, chain.invoke(&format!(r#"{{"lambda":"{death}"}}"#)).await));
    }
    for (death, request) in requests {
        assert!(matches!(chain.wait_for_outcome(&request).await, EventOutcome::Task(_)), "{death}");
        assert_eq!(chain.task_count(&request), 1, "{death}");
    }
}

#[tokio::test]
async fn retries_come_before_the_failure_queue() {
    let chain = ChainSetup { retries: 2, ..ChainSetup::new("killed") }.start().await;
    let request = chain.invoke(r#"{"lambda":"fail"}"#).await;
    assert!(matches!(chain.wait_for_outcome(&request).await, EventOutcome::Task(_)));
    let lives: Vec<_> = chain.seen_invocations(&request).iter().map(|seen| seen.attempt).collect();
    assert_eq!(lives, [0, 0, 0, 1]);
}

#[tokio::test]
async fn without_permission_to_run_tasks_the_event_is_a_dead_letter() {
    let chain = ChainSetup { receives: 3, ..ChainSetup::new("killed") }.start().await;
    chain.emulator.inject(immortal_emulator::Fault {
        operation: "RunTask",
        kind: FaultKind::AccessDenied,
        calls: immortal_emulator::FaultedCalls::All,
    });
    let request = chain.invoke(r#"{"lambda":"fail"}"#).await;
    assert_eq!(chain.wait_for_outcome(&request).await, EventOutcome::DeadLetter);
    assert_eq!(chain.emulator.messages(crate::chain::DEAD_LETTERS).len(), 1);
}

#[tokio::test]
async fn redeployed_code_runs_in_the_same_image() {
    let chain = ChainSetup::new("killed").start().await;
    let mut hashes = Vec::new();
    for code in ["killed", "handed_over"] {
        chain.redeploy(package(code));
        let request = chain.invoke(r#"{"lambda":"fail"}"#).await;
        assert!(matches!(chain.wait_for_outcome(&request).await, EventOutcome::Task(_)), "{code}");
        let logs = chain.logs(&request);
        let hash = logs.iter().find_map(|line| Some(line.split_once("runs with the code of hash ")?.1.to_owned()));
        hashes.push(hash.unwrap_or_else(|| panic!("the runner doesn't say what it runs:\n{}", logs.join("\n"))));
    }
    assert_ne!(hashes[0], hashes[1], "the image is of the first code, and each task ran the latest");
}
