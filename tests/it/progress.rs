//! Saved progress is available to the next attempt, however the previous one ended.

use immortal_emulator::{EntryKind, EntrySource, Fault, FaultKind, FaultedCalls, Function, StopCode};
use serde_json::json;
use std::time::Duration;

use crate::chain::{BUCKET, Chain, ChainSetup, DEAD_LETTERS, EventOutcome, FAILURES};

fn with_bucket(function: &mut Function) {
    function.environment.insert("IMMORTAL_EVENT_BUCKET".into(), BUCKET.into());
}

fn setup() -> ChainSetup {
    ChainSetup { timeout: Duration::from_secs(3), function: with_bucket, ..ChainSetup::new("saving") }
}

fn key(request: &str) -> String {
    format!("immortal/saving/{request}/progress")
}

/// The numbers that the handler printed after this word, in order.
fn said(chain: &Chain, request: &str, word: &str) -> Vec<u32> {
    let of_request = |source: &EntrySource| match source {
        EntrySource::Lambda { request_id, .. } => request_id == request,
        EntrySource::Task { started_by, .. } => started_by.as_deref() == Some(request),
        _ => false,
    };
    let entries = chain.emulator.journal();
    let lines = entries.iter().filter(|entry| of_request(&entry.source)).filter_map(|entry| match &entry.kind {
        EntryKind::Log { line, .. } => line.strip_prefix(word)?.trim().parse().ok(),
        _ => None,
    });
    lines.collect()
}

fn put_fault(kind: FaultKind, calls: FaultedCalls) -> Fault {
    Fault { operation: "PutObject", kind, calls }
}

#[tokio::test]
async fn work_is_done_once_however_often_it_is_interrupted() {
    let chain = setup().start().await;
    let stop = |at: u32| json!({ "at": at, "by": "stop" });
    let event = json!({ "steps": 9, "ends": [stop(3), stop(5), stop(8)] }).to_string();
    let request = chain.invoke(&event).await;
    let mut interrupted = Vec::new();
    for _ in 0..2 {
        let task = chain.wait_for_other_waiting_task(&request, &interrupted).await;
        chain.emulator.interrupt(&task, StopCode::SpotInterruption).expect("it is at work");
        interrupted.push(task);
    }
    assert!(matches!(chain.wait_for_outcome(&request).await, EventOutcome::Task(_)), "{}", chain.journal_text());
    assert_eq!(said(&chain, &request, "step "), (0..9).collect::<Vec<_>>(), "{}", chain.journal_text());
    assert_eq!(said(&chain, &request, "from "), [0, 3, 5, 8]);
    chain.wait_until_idle().await;
    assert_eq!(chain.emulator.object(BUCKET, &key(&request)), None, "the dispatcher deletes the progress");
}

#[tokio::test]
async fn a_redriven_job_continues_from_its_saved_progress() {
    let chain = setup().start().await;
    let fail = |at: u32| json!({ "at": at, "by": "fail" });
    let event = json!({ "steps": 6, "ends": [fail(1), fail(2), fail(3), fail(4)] }).to_string();
    let request = chain.invoke(&event).await;
    chain.wait_for_dead_letter(&request).await;
    chain.wait_until_idle().await;
    assert!(chain.emulator.object(BUCKET, &key(&request)).is_some(), "it is kept");
    chain.emulator.redrive(DEAD_LETTERS, Some(FAILURES)).expect("both exist");
    chain.wait_until_idle().await;
    assert!(chain.is_done(&request), "{}", chain.journal_text());
    assert_eq!(said(&chain, &request, "step "), (0..6).collect::<Vec<_>>(), "{}", chain.journal_text());
    assert_eq!(chain.emulator.object(BUCKET, &key(&request)), None);
}

#[tokio::test]
async fn in_lambda_saving_survives_s3_errors_and_success_deletes_the_progress() {
    let faults = [
        FaultKind::ResetBefore,
        FaultKind::ResetAfter,
        FaultKind::Status(503),
        FaultKind::Throttle,
        FaultKind::Delayed(Duration::from_millis(300)),
        FaultKind::Error { status: 409, code: "ConditionalRequestConflict", message: "again".into() },
    ];
    for kind in faults {
        let chain = setup().start().await;
        // The first save, and one that replaces it.
        for nth in [1, 4] {
            chain.emulator.inject(put_fault(kind.clone(), FaultedCalls::Nth(nth)));
        }
        let request = chain.invoke(r#"{"steps":4}"#).await;
        assert_eq!(
            chain.wait_for_outcome(&request).await,
            EventOutcome::Lambda(json!(4)),
            "{kind:?}\n{}",
            chain.journal_text()
        );
        assert_eq!(said(&chain, &request, "step "), [0, 1, 2, 3], "{kind:?}");
        assert_eq!(chain.emulator.object(BUCKET, &key(&request)), None, "{kind:?}");
        chain.emulator.shutdown().await;
    }
}

#[tokio::test]
async fn an_event_is_not_handed_over_while_the_progress_of_its_finished_handler_is_deleted() {
    let chain = setup().start().await;
    let late = FaultKind::Delayed(Duration::from_mins(1));
    chain.emulator.inject(Fault { operation: "DeleteObject", kind: late, calls: FaultedCalls::All });
    let request = chain.invoke(r#"{"steps":2}"#).await;
    assert_eq!(chain.wait_for_outcome(&request).await, EventOutcome::Lambda(json!(2)), "{}", chain.journal_text());
    assert_eq!(chain.emulator.object(BUCKET, &key(&request)), None);
}

#[tokio::test]
async fn a_kill_during_a_save_loses_at_most_that_step() {
    // Whether the write took effect before the kill.
    for (kind, steps) in
        [(FaultKind::ResetBefore, vec![0, 1, 1, 2]), (FaultKind::Delayed(Duration::from_mins(1)), vec![0, 1, 2])]
    {
        let chain = setup().start().await;
        for nth in 2..20 {
            chain.emulator.inject(put_fault(kind.clone(), FaultedCalls::Nth(nth)));
        }
        let request = chain.invoke(r#"{"steps":3,"ends":[{"at":1,"by":"kill"}]}"#).await;
        let wait = chain.emulator.wait_for(|entry| matches!(entry.kind, EntryKind::Failed { .. }).then_some(()));
        wait.await;
        chain.emulator.end_faults("PutObject");
        assert!(
            matches!(chain.wait_for_outcome(&request).await, EventOutcome::Task(_)),
            "{kind:?}\n{}",
            chain.journal_text()
        );
        assert_eq!(said(&chain, &request, "step "), steps, "{kind:?}\n{}", chain.journal_text());
        chain.emulator.shutdown().await;
    }
}

#[tokio::test]
async fn an_attempt_with_a_successor_saves_nothing_and_is_not_retried() {
    let chain = setup().start().await;
    let successor = r#"{"series":0,"attempt":7,"writer":"another","sequence":1,"value":2}"#;
    let tasks = [
        ("at-once", r#"{"steps":4}"#, true),
        // It learns of its successor when it saves.
        ("late", r#"{"steps":4,"ends":[{"at":0,"by":"stop"},{"at":9,"by":"stop"}]}"#, false),
    ];
    for (request, event, is_there) in tasks {
        let put = || chain.emulator.put_object(BUCKET, &key(request), successor);
        if is_there {
            put();
        } else {
            // The first save of attempt 1 is delayed until the successor has written.
            chain.emulator.inject(put_fault(FaultKind::ResetBefore, FaultedCalls::Next(1)));
        }
        let message = chain.send_failure(request, event, "Task timed out after 3.00 seconds");
        if !is_there {
            let reset = |kind: &EntryKind| matches!(kind, EntryKind::Called { operation, status: 0, .. } if operation == "PutObject");
            chain.emulator.wait_for(|entry| reset(&entry.kind).then_some(())).await;
            put();
        }
        assert!(chain.wait_until_settled(&message).await, "{}", chain.journal_text());
        chain.wait_for_stopped_tasks(request, 1).await;
        chain.wait_until_idle().await;
        assert_eq!(chain.task_count(request), 1, "{}", chain.journal_text());
        assert!(!chain.is_dead_letter(request), "the successor has the event: {}", chain.journal_text());
        let kept = chain.emulator.object(BUCKET, &key(request)).expect("it is the successor's");
        assert_eq!(kept, successor);
    }
    let ends: Vec<_> = chain.emulator.journal().iter().filter_map(exit_code).collect();
    assert_eq!(ends, [4, 4]);
}

fn exit_code(entry: &immortal_emulator::JournalEntry) -> Option<i32> {
    if let EntryKind::TaskStopped { exit_code, .. } = entry.kind { exit_code } else { None }
}

#[tokio::test]
async fn errors_of_progress_are_reported_and_nothing_is_overwritten() {
    type Case = (&'static str, fn(&mut Function), Option<Fault>, Option<&'static str>, &'static str);
    let denied = || Fault { operation: "GetObject", kind: FaultKind::AccessDenied, calls: FaultedCalls::All };
    let table: [Case; 4] = [
        ("no-bucket", |_| (), None, None, "set IMMORTAL_EVENT_BUCKET of the function"),
        ("denied", with_bucket, Some(denied()), None, "s3:ListBucket on arn:aws:s3:::events with the condition"),
        ("of-another-type", with_bucket, None, Some(r#""seven""#), "can't be read as `u32`"),
        ("cut", with_bucket, None, Some("{"), "can't be read as"),
    ];
    for (request, function, fault, value, expected) in table {
        let chain = ChainSetup { function, ..setup() }.start().await;
        if let Some(fault) = fault {
            chain.emulator.inject(fault);
        }
        let object = value.map(|value| {
            let end = if value == "{" { "" } else { "}" };
            format!(r#"{{"series":0,"attempt":0,"writer":"w","sequence":1,"value":{value}{end}"#)
        });
        if let Some(object) = &object {
            chain.emulator.put_object(BUCKET, &key(request), object.clone());
        }
        chain.send_failure(request, r#"{"steps":1}"#, "Task timed out after 3.00 seconds");
        chain.wait_for_dead_letter(request).await;
        let story = chain.journal_text();
        assert!(story.contains(expected) && story.contains(&format!("request {request}")), "{request}: {story}");
        let left =
            chain.emulator.object(BUCKET, &key(request)).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        assert_eq!(left, object, "{request}");
        chain.emulator.shutdown().await;
    }
}
