//! What is delivered again, late: failures, stopped tasks, and dead letters of a dispatcher that died.

use std::time::Duration;

use immortal_emulator::{EntryKind, FaultKind, FaultedCalls, StopCode};

use super::{KILLED, copy_letters, ends, fault, series_of_letters, setup};
use crate::chain::{Chain, DEAD_LETTERS, FAILURES, Setup};

const REQUEST: &str = "5e0b7e6c-5a3c-4f0e-8d0e-1f2a3b4c5d6e";

/// The failure of [`REQUEST`] comes once more, and is done with.
async fn twin(chain: &Chain, event: &str, tasks: usize) {
    let message = chain.fail(REQUEST, event, KILLED);
    assert!(chain.settled(&message).await, "{}", chain.story());
    assert_eq!(chain.tasks(REQUEST), tasks, "{}", chain.story());
}

#[tokio::test]
async fn a_twin_of_a_failure_starts_nothing_while_attempt_2_waits_runs_and_has_succeeded() {
    let chain = setup().start_unmapped().await;
    let event = ends("1 stop0");
    chain.emulator.inject_for(REQUEST, fault("RunTask", FaultKind::AccessDenied, FaultedCalls::Nth(2)));
    chain.fail(REQUEST, &event, KILLED);
    chain.map();
    chain.returned().await;
    twin(&chain, &event, 1).await;
    chain.emulator.advance(Duration::from_mins(6));
    let task = chain.waiting(REQUEST).await;
    twin(&chain, &event, 2).await;
    chain.emulator.interrupt(&task, StopCode::SpotInterruption).expect("it runs");
    chain.wait_until_idle().await;
    chain.emulator.advance(Duration::from_mins(50));
    twin(&chain, &event, 2).await;
    chain.assert_job(REQUEST, 2, true);
}

/// By then the token of attempt 1 is forgotten.
#[tokio::test]
async fn a_failure_received_again_hours_later_starts_nothing_beside_the_attempt_at_work() {
    let chain = setup().start_unmapped().await;
    let request = chain.invoke(r#"{"lambda":"fail","ends":"1 stop0"}"#).await;
    chain.wait_until_idle().await;
    let [failure] = &chain.emulator.messages(FAILURES)[..] else { panic!("{}", chain.story()) };
    chain.emulator.inject_for(&request, fault("DeleteMessage", FaultKind::Duplicated, FaultedCalls::Nth(1)));
    chain.map();
    let task = chain.waiting(&request).await;
    chain.emulator.advance(Duration::from_hours(2));
    assert!(chain.settled(&failure.id).await, "{}", chain.story());
    assert!(!chain.calls("ListTasks").is_empty(), "the token is forgotten, so tasks at work are asked for");
    chain.emulator.interrupt(&task, StopCode::SpotInterruption).expect("it runs");
    chain.wait_until_idle().await;
    chain.assert_job(&request, 2, true);
}

/// Fails as attempt 1, whatever its event is.
const FAILS_ONCE: &[&str] = &["/bin/sh", "-c", r#"[ "$IMMORTAL_ATTEMPT" -gt 1 ]"#];

#[tokio::test]
async fn a_stopped_task_told_of_again_hours_later_starts_nothing_once_its_event_is_deleted() {
    let dispatcher = [("IMMORTAL_INLINE_EVENTS".to_owned(), "false".to_owned())].into();
    let chain = Setup { task: Some(FAILS_ONCE), dispatcher, ..setup() }.start_unmapped().await;
    // Of the first attempt's end; the failure itself is written by the test.
    chain.emulator.inject_for(REQUEST, fault("DeleteMessage", FaultKind::Duplicated, FaultedCalls::Nth(1)));
    chain.fail(REQUEST, "{}", KILLED);
    chain.map();
    let deleted = |kind: &EntryKind| matches!(kind, EntryKind::Called { operation, .. } if operation == "DeleteObject");
    chain.emulator.wait_for(|entry| deleted(&entry.kind).then_some(())).await;
    let copies = chain.emulator.messages(FAILURES);
    let copy = copies.iter().find(|message| message.body.contains("\"exitCode\":1")).expect("a copy remains");
    chain.emulator.advance(Duration::from_hours(2));
    assert!(chain.settled(&copy.id).await, "{}", chain.story());
    assert!(!chain.calls("HeadObject").is_empty(), "{}", chain.story());
    chain.wait_until_idle().await;
    chain.assert_job(REQUEST, 2, true);
}

/// How a dispatcher can send a dead letter and not be done with its record.
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
        chain.fail(REQUEST, &ends("2"), KILLED);
        chain.passing(chain.wait_until_idle()).await;
        assert_eq!(series_of_letters(&chain, REQUEST), [1, 1], "{unfinished:?}\n{}", chain.story());
        chain.assert_job(REQUEST, 1, false);
        // Copies of both, side by side, and later both themselves.
        copy_letters(&chain, REQUEST);
        chain.wait_until_idle().await;
        assert_eq!(chain.tasks(REQUEST), 2, "{unfinished:?}\n{}", chain.story());
        chain.emulator.advance(Duration::from_mins(50));
        assert_eq!(chain.emulator.redrive(DEAD_LETTERS, Some(FAILURES)).expect("both exist"), 2);
        chain.wait_until_idle().await;
        chain.assert_job(REQUEST, 2, true);
        chain.emulator.shutdown().await;
    }
}
