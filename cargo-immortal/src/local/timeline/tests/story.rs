//! Whole stories, as they are shown.

use std::fmt::Write as _;

use expect_test::{Expect, expect};

use super::*;

/// When, in milliseconds, where and what.
type StoryEntry = (u64, EntrySource, EntryKind);

/// Tells it as it is shown, with this reason in each dead letter.
fn check(verbose: bool, entries: Vec<StoryEntry>, expected: &Expect) {
    let mut timeline = timeline(verbose);
    let letter = |_: &str| Some(dead_letter::example("gave up on r-1: why; fix this; its log: group g, stream s"));
    let mut shown = String::new();
    for (at, place, what) in entries {
        let entry = JournalEntry { at: Duration::from_millis(at), source: place, kind: what };
        for line in timeline.steps(&entry, &letter) {
            let _ = writeln!(shown, "{:.3} {}: {}", line.at.as_secs_f64(), line.place, line.text);
        }
    }
    expected.assert_eq(&shown);
}

fn failures(what: fn(String) -> EntryKind, message: &str) -> (EntrySource, EntryKind) {
    (queue("ingest-failures"), what(message.to_owned()))
}

fn queued(request_id: Option<&str>) -> (EntrySource, EntryKind) {
    let request_id = request_id.map(str::to_owned);
    (queue("ingest-failures"), EntryKind::Queued { message_id: "m".into(), request_id })
}

fn dispatcher(what: EntryKind) -> (EntrySource, EntryKind) {
    (lambda("ingestDlq"), what)
}

fn logged(line: &str) -> (EntrySource, EntryKind) {
    dispatcher(EntryKind::Log { stream: OutputStream::Stdout, line: line.into() })
}

fn answered(body: &'static str) -> (EntrySource, EntryKind) {
    dispatcher(EntryKind::Answered { body: Bytes::from_static(body.as_bytes()) })
}

fn started(attempt: u32) -> (EntrySource, EntryKind) {
    (task(), EntryKind::TaskStarted { attempt: Some(attempt), spot: false, memory: 2048 })
}

fn stopped(exit_code: i32, stop_code: StopCode) -> (EntrySource, EntryKind) {
    (task(), EntryKind::TaskStopped { exit_code: Some(exit_code), stop_code, reason: "why".into() })
}

fn received(count: u32) -> (EntrySource, EntryKind) {
    (queue("ingest-failures"), EntryKind::Received { message_id: "m".into(), count })
}

fn hidden(seconds: u64) -> (EntrySource, EntryKind) {
    let timeout = Duration::from_secs(seconds);
    (queue("ingest-failures"), EntryKind::VisibilityChanged { message_id: "m".into(), timeout })
}

fn deleted() -> (EntrySource, EntryKind) {
    failures(|message_id| EntryKind::Deleted { message_id }, "m")
}

const GIVEN_BACK: &str = r#"{"batchItemFailures":[{"itemIdentifier":"m"}]}"#;
const DONE: &str = r#"{"batchItemFailures":[]}"#;
const METRIC: &str = r#"{"Function":"ingest","_aws":{"CloudWatchMetrics":[]}}"#;

/// A round of the dispatcher that finds the record early.
fn early_round(count: u32, left: u64) -> Vec<(EntrySource, EntryKind)> {
    vec![
        received(count),
        dispatcher(EntryKind::Started { attempt: 1 }),
        logged("it waits"),
        hidden(left),
        (EntrySource::Api, called("ChangeMessageVisibility", 200, None)),
        logged(METRIC),
        answered(GIVEN_BACK),
        failures(|message_id| EntryKind::Returned { message_id }, "m"),
    ]
}

/// The second task is interrupted, and its record waits.
fn wait() -> Vec<StoryEntry> {
    let at = |at: u64, entries: Vec<(EntrySource, EntryKind)>| {
        entries.into_iter().map(move |(place, what)| (at, place, what))
    };
    let interrupted = vec![started(2), stopped(143, StopCode::SpotInterruption), queued(Some("r-1"))];
    at(0, interrupted)
        .chain(at(100, early_round(1, 5)))
        .chain(at(350, early_round(2, 5)))
        .chain(at(4_000, early_round(3, 1)))
        .collect()
}

#[test]
fn a_wait_is_told_once_and_how_it_ends() {
    let last = [
        received(4),
        dispatcher(EntryKind::Started { attempt: 1 }),
        logged("next attempt"),
        (EntrySource::Api, called("RunTask", 200, None)),
        answered(DONE),
        deleted(),
    ];
    let entries = wait().into_iter().chain(last.map(|(place, what)| (5_010, place, what)));
    check(
        false,
        entries.collect(),
        &expect![[r#"
         0.000 Fargate, attempt 2: the task begins
         0.000 Fargate, attempt 2: stopped: exit 143, SpotInterruption: why
         0.000 SQS ingest-failures: holds the stop event of attempt 2
         0.100 Lambda ingestDlq: the dispatcher begins
         0.100 Lambda ingestDlq: it waits
         0.100 SQS ingest-failures: the next attempt waits here for 5 s, until 5.1
         0.100 Lambda ingestDlq: the dispatcher lets 1 of its records wait
         5.010 Lambda ingestDlq: the dispatcher begins
         5.010 Lambda ingestDlq: next attempt
         5.010 API ecs: RunTask: 200
         5.010 Lambda ingestDlq: the dispatcher is done
    "#]],
    );
}

#[test]
fn a_wait_that_ends_otherwise_hides_nothing() {
    let refused = [
        received(4),
        dispatcher(EntryKind::Started { attempt: 1 }),
        (EntrySource::Api, called("RunTask", 400, Some("AccessDeniedException"))),
        answered(GIVEN_BACK),
        failures(|message_id| EntryKind::Returned { message_id }, "m"),
    ];
    let nothing_to_do = [received(4), dispatcher(EntryKind::Started { attempt: 1 }), answered(DONE), deleted()];
    let crashed = [received(4), dispatcher(EntryKind::Started { attempt: 1 }), dispatcher(failed("Boom"))];
    let tell = |last: &[(EntrySource, EntryKind)], expected: &Expect| {
        let last = last.iter().map(|(place, what)| (5_010, place.clone(), what.clone()));
        check(false, wait().into_iter().take(11).chain(last).collect(), expected);
    };
    tell(
        &refused,
        &expect![[r#"
         0.000 Fargate, attempt 2: the task begins
         0.000 Fargate, attempt 2: stopped: exit 143, SpotInterruption: why
         0.000 SQS ingest-failures: holds the stop event of attempt 2
         0.100 Lambda ingestDlq: the dispatcher begins
         0.100 Lambda ingestDlq: it waits
         0.100 SQS ingest-failures: the next attempt waits here for 5 s, until 5.1
         0.100 Lambda ingestDlq: the dispatcher lets 1 of its records wait
         5.010 Lambda ingestDlq: the dispatcher begins
         5.010 API ecs: RunTask: 400 AccessDeniedException
         5.010 Lambda ingestDlq: the dispatcher gives back 1 of its records
         5.010 SQS ingest-failures: keeps it: it wasn't dispatched
    "#]],
    );
    tell(
        &nothing_to_do,
        &expect![[r#"
         0.000 Fargate, attempt 2: the task begins
         0.000 Fargate, attempt 2: stopped: exit 143, SpotInterruption: why
         0.000 SQS ingest-failures: holds the stop event of attempt 2
         0.100 Lambda ingestDlq: the dispatcher begins
         0.100 Lambda ingestDlq: it waits
         0.100 SQS ingest-failures: the next attempt waits here for 5 s, until 5.1
         0.100 Lambda ingestDlq: the dispatcher lets 1 of its records wait
         5.010 Lambda ingestDlq: the dispatcher begins
         5.010 Lambda ingestDlq: the dispatcher is done
    "#]],
    );
    tell(
        &crashed,
        &expect![[r#"
         0.000 Fargate, attempt 2: the task begins
         0.000 Fargate, attempt 2: stopped: exit 143, SpotInterruption: why
         0.000 SQS ingest-failures: holds the stop event of attempt 2
         0.100 Lambda ingestDlq: the dispatcher begins
         0.100 Lambda ingestDlq: it waits
         0.100 SQS ingest-failures: the next attempt waits here for 5 s, until 5.1
         0.100 Lambda ingestDlq: the dispatcher lets 1 of its records wait
         5.010 Lambda ingestDlq: the dispatcher begins
         5.010 Lambda ingestDlq: the dispatcher failed: Boom: no
    "#]],
    );
}

#[test]
fn every_early_round_is_shown_when_asked_for() {
    check(
        true,
        wait().into_iter().take(19).collect(),
        &expect![[r#"
         0.000 Fargate, attempt 2: the task begins
         0.000 Fargate, attempt 2: stopped: exit 143, SpotInterruption: why
         0.000 SQS ingest-failures: holds the stop event of attempt 2
         0.100 Lambda ingestDlq: the dispatcher begins
         0.100 Lambda ingestDlq: it waits
         0.100 SQS ingest-failures: the next attempt waits here for 5 s, until 5.1
         0.100 API ecs: ChangeMessageVisibility: 200
         0.100 Lambda ingestDlq: {"Function":"ingest","_aws":{"CloudWatchMetrics":[]}}
         0.100 Lambda ingestDlq: the dispatcher lets 1 of its records wait
         0.350 SQS ingest-failures: offers it for the 2nd time
         0.350 Lambda ingestDlq: the dispatcher begins
         0.350 Lambda ingestDlq: it waits
         0.350 SQS ingest-failures: the next attempt waits here for 5 s, until 5.3
         0.350 API ecs: ChangeMessageVisibility: 200
         0.350 Lambda ingestDlq: {"Function":"ingest","_aws":{"CloudWatchMetrics":[]}}
         0.350 Lambda ingestDlq: the dispatcher lets 1 of its records wait
    "#]],
    );
}

#[test]
fn a_dead_letter_says_why_and_a_redrive_begins_a_series() {
    let again = EntrySource::Task { arn: "arn:aws:ecs:x:1:task/default/def".into(), started_by: Some("r-1".into()) };
    let entries = [
        started(3),
        stopped(137, StopCode::EssentialContainerExited),
        queued(Some("r-1")),
        received(1),
        dispatcher(EntryKind::Started { attempt: 1 }),
        (queue("ingest-dead-letters"), EntryKind::Queued { message_id: "d".into(), request_id: None }),
        answered(DONE),
        deleted(),
        queued(None),
        dispatcher(EntryKind::Started { attempt: 1 }),
        (EntrySource::Api, called("RunTask", 200, None)),
        answered(DONE),
        (again.clone(), EntryKind::TaskStarted { attempt: Some(1), spot: true, memory: 2048 }),
        (again, stopped(0, StopCode::EssentialContainerExited).1),
        queued(Some("r-1")),
    ];
    check(
        false,
        entries.map(|(place, what)| (0, place, what)).into(),
        &expect![[r#"
         0.000 Fargate, attempt 3: the task begins
         0.000 Fargate, attempt 3: stopped: exit 137, EssentialContainerExited: why
         0.000 SQS ingest-failures: holds the stop event of attempt 3
         0.000 Lambda ingestDlq: the dispatcher begins
         0.000 SQS ingest-dead-letters: the event rests here: gave up on r-1: why; fix this; its log: group g, stream s
         0.000 Lambda ingestDlq: the dispatcher is done
         0.000 SQS ingest-failures: holds the redriven event, which begins series 1
         0.000 Lambda ingestDlq: the dispatcher begins
         0.000 API ecs: RunTask: 200
         0.000 Lambda ingestDlq: the dispatcher is done
         0.000 Fargate, series 1, attempt 1: the task begins, on Spot
         0.000 Fargate, series 1, attempt 1: the handler succeeded: exit 0
         0.000 SQS ingest-failures: holds the stop event of series 1, attempt 1
    "#]],
    );
}

#[test]
fn a_task_that_never_ran_has_a_stop_event_too() {
    let what = EntryKind::TaskStopped { exit_code: None, stop_code: StopCode::TaskFailedToStart, reason: "why".into() };
    let entries = [(task(), what), queued(Some("r-1"))];
    check(
        false,
        entries.map(|(place, what)| (0, place, what)).into(),
        &expect![[r#"
         0.000 Fargate, task abc: never ran: TaskFailedToStart: why
         0.000 SQS ingest-failures: holds the stop event of task abc
    "#]],
    );
}
