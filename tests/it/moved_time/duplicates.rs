//! Late duplicates: of failures, of stop events, and of dead letters whose dispatcher was killed.

use std::time::Duration;

use immortal_emulator::{EntryKind, FaultKind, FaultedCalls, StopCode};

use super::{KILLED, copy_letters, ends, fault, series_of_letters, setup};
use crate::chain::{Chain, ChainSetup, DEAD_LETTERS, FAILURES};

const REQUEST: &str = "5e0b7e6c-5a3c-4f0e-8d0e-1f2a3b4c5d6e";

/// Sends the failure of [`REQUEST`] once more, and waits until it is deleted.
async fn send_duplicate(chain: &Chain, event: &str, tasks: usize) {
    let message = chain.send_failure(REQUEST, event, KILLED);
    assert!(chain.wait_until_settled(&message).await, "{}", chain.journal_text());
    assert_eq!(chain.task_count(REQUEST), tasks, "{}", chain.journal_text());
}

#[tokio::test]
async fn a_duplicate_of_a_failure_starts_nothing_while_attempt_2_waits_runs_or_has_succeeded() {
    let chain = setup().start_unmapped().await;
    let event = ends("1 stop0");
    chain.emulator.inject_for(REQUEST, fault("RunTask", FaultKind::AccessDenied, FaultedCalls::Nth(2)));
    chain.send_failure(REQUEST, &event, KILLED);
    chain.map_failure_queue();
    chain.returned().await;
    send_duplicate(&chain, &event, 1).await;
    chain.emulator.advance(Duration::from_mins(6));
    let task = chain.wait_for_waiting_task(REQUEST).await;
    send_duplicate(&chain, &event, 2).await;
    chain.emulator.interrupt(&task, StopCode::SpotInterruption).expect("it runs");
    chain.wait_until_idle().await;
    chain.emulator.advance(Duration::from_mins(50));
    send_duplicate(&chain, &event, 2).await;
    chain.assert_job(REQUEST, 2, true);
}

/// By then ECS has forgotten the client token of attempt 1.
#[tokio::test]
async fn a_duplicate_of_a_failure_hours_later_starts_nothing_beside_the_running_attempt() {
    let chain = setup().start_unmapped().await;
    let request = chain.invoke(r#"{"lambda":"fail","ends":"1 stop0"}"#).await;
    chain.wait_until_idle().await;
    let [failure] = &chain.emulator.messages(FAILURES)[..] else { panic!("{}", chain.journal_text()) };
    chain.emulator.inject_for(&request, fault("DeleteMessage", FaultKind::Duplicated, FaultedCalls::Nth(1)));
    chain.map_failure_queue();
    let task = chain.wait_for_waiting_task(&request).await;
    chain.emulator.advance(Duration::from_hours(2));
    assert!(chain.wait_until_settled(&failure.id).await, "{}", chain.journal_text());
    assert!(!chain.calls("ListTasks").is_empty(), "the token is forgotten, so tasks at work are asked for");
    chain.emulator.interrupt(&task, StopCode::SpotInterruption).expect("it runs");
    chain.wait_until_idle().await;
    chain.assert_job(&request, 2, true);
}

/// A task that fails as attempt 1 only.
const FAILS_ONCE: &[&str] = &["/bin/sh", "-c", r#"[ "$IMMORTAL_ATTEMPT" -gt 1 ]"#];

#[tokio::test]
async fn a_duplicate_stop_event_hours_later_starts_nothing_once_the_event_object_is_deleted() {
    let dispatcher = [("IMMORTAL_INLINE_EVENTS".to_owned(), "false".to_owned())].into();
    let chain = ChainSetup { task: Some(FAILS_ONCE), dispatcher, ..setup() }.start_unmapped().await;
    // The event object of the first attempt; the failure itself is sent by the test.
    chain.emulator.inject_for(REQUEST, fault("DeleteMessage", FaultKind::Duplicated, FaultedCalls::Nth(1)));
    chain.send_failure(REQUEST, "{}", KILLED);
    chain.map_failure_queue();
    let deleted = |kind: &EntryKind| matches!(kind, EntryKind::Called { operation, .. } if operation == "DeleteObject");
    chain.emulator.wait_for(|entry| deleted(&entry.kind).then_some(())).await;
    let copies = chain.emulator.messages(FAILURES);
    let copy = copies.iter().find(|message| message.body.contains("\"exitCode\":1")).expect("a copy remains");
    chain.emulator.advance(Duration::from_hours(2));
    assert!(chain.wait_until_settled(&copy.id).await, "{}", chain.journal_text());
    assert!(!chain.calls("HeadObject").is_empty(), "{}", chain.journal_text());
    chain.wait_until_idle().await;
    chain.assert_job(REQUEST, 2, true);
}

/// A dispatcher that is killed after it has sent a dead letter does not delete its record.
#[tokio::test]
async fn two_dead_letters_of_one_job_begin_one_series() {
    let gone = || FaultKind::SandboxesGone("killedDlq".into());
    let unfinished = [
        fault("SendMessage", gone(), FaultedCalls::Nth(1)),
        fault("DeleteMessage", FaultKind::Duplicated, FaultedCalls::Nth(1)),
    ];
    for unfinished in unfinished {
        let chain = setup().start().await;
        chain.emulator.inject_for(REQUEST, unfinished.clone());
        chain.send_failure(REQUEST, &ends("2"), KILLED);
        chain.advancing_until(chain.wait_until_idle()).await;
        assert_eq!(series_of_letters(&chain, REQUEST), [1, 1], "{unfinished:?}\n{}", chain.journal_text());
        chain.assert_job(REQUEST, 1, false);
        // Copies of both concurrently, and later the originals.
        copy_letters(&chain, REQUEST);
        chain.wait_until_idle().await;
        assert_eq!(chain.task_count(REQUEST), 2, "{unfinished:?}\n{}", chain.journal_text());
        chain.emulator.advance(Duration::from_mins(50));
        assert_eq!(chain.emulator.redrive(DEAD_LETTERS, Some(FAILURES)).expect("both exist"), 2);
        chain.wait_until_idle().await;
        chain.assert_job(REQUEST, 2, true);
        chain.emulator.shutdown().await;
    }
}
