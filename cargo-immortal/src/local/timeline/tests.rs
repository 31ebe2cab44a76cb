#[expect(clippy::needless_raw_string_hashes, reason = "as expect-test writes them")]
mod story;

use bytes::Bytes;
use immortal_core::names::HANDED_OVER;
use immortal_emulator::{OutputStream, StopCode};

use super::*;

fn timeline(verbose: bool) -> JobTimeline {
    JobTimeline {
        primary: "ingest".into(),
        dispatcher: "ingestDlq".into(),
        dead_letter_queue: "ingest-dead-letters".into(),
        source_queue: "ingest-messages".into(),
        result_queue: None,
        no_hand_over: false,
        verbose,
        tasks: TimelineTasks::default(),
        waits: PlannedWaits::default(),
        begin: None,
        running: Vec::new(),
    }
}

fn lambda(function: &str) -> EntrySource {
    EntrySource::Lambda { function: function.into(), request_id: "r-1".into() }
}

fn task() -> EntrySource {
    EntrySource::Task { arn: "arn:aws:ecs:x:1:task/default/abc".into(), started_by: Some("r-1".into()) }
}

fn queue(name: &str) -> EntrySource {
    EntrySource::Queue { name: name.into() }
}

fn called(operation: &str, status: u16, code: Option<&str>) -> EntryKind {
    let code = code.map(str::to_owned);
    EntryKind::Called { service: "ecs", operation: operation.into(), status, code, overlapping: 1 }
}

fn failed(error_type: &str) -> EntryKind {
    EntryKind::Failed { error_type: error_type.into(), message: "no".into() }
}

fn no_letter(_: &str) -> Option<Message> {
    None
}

/// `place: text`, after a mark of its kind.
fn shown(timeline: &mut JobTimeline, place: EntrySource, what: EntryKind) -> Option<String> {
    let lines = timeline.steps(&JournalEntry { at: Duration::ZERO, source: place, kind: what }, &no_letter);
    assert!(lines.len() < 2, "{lines:?}");
    let line = lines.into_iter().next()?;
    let mark = match line.kind {
        StepKind::Step => ' ',
        StepKind::Good => '+',
        StepKind::Bad => '!',
        StepKind::Log => '|',
        StepKind::Note => '.',
    };
    Some(format!("{mark} {}: {}", line.place, line.text))
}

/// Shows these one after the other, and compares.
fn check(table: impl IntoIterator<Item = (EntrySource, EntryKind, Option<&'static str>)>) {
    let mut timeline = timeline(false);
    for (place, what, expected) in table {
        let told = format!("{place:?} {what:?}");
        assert_eq!(shown(&mut timeline, place, what).as_deref(), expected, "{told}");
    }
}

/// A user's own line stays, whatever it says.
#[test]
fn the_warning_that_no_hand_over_causes_is_left_out_and_nothing_else() {
    let warning = "WARN AWS_LAMBDA_MAX_CONCURRENCY is set to '2', but the concurrency-tokio feature is not enabled; \
                   running sequentially";
    let own = "AWS_LAMBDA_MAX_CONCURRENCY is what I read";
    for (no_hand_over, line, is_shown) in
        [(true, warning, false), (false, warning, true), (true, own, true), (false, own, true)]
    {
        let mut timeline = JobTimeline { no_hand_over, ..timeline(false) };
        let log = EntryKind::Log { stream: OutputStream::Stderr, line: line.into() };
        assert_eq!(shown(&mut timeline, lambda("ingest"), log).is_some(), is_shown, "{no_hand_over} {line}");
    }
}

#[test]
fn what_happens_to_functions_and_queues_is_a_line_or_nothing() {
    let log = |stream| EntryKind::Log { stream, line: "read it".into() };
    let message = |message_id: &str| message_id.to_owned();
    let second = Duration::from_secs(1);
    let gave_back = Bytes::from_static(br#"{"batchItemFailures":[{"itemIdentifier":"m"}]}"#);
    check([
        (lambda("ingest"), EntryKind::Invoked, Some("  Lambda ingest: takes the event: request r-1")),
        (lambda("ingest"), EntryKind::Started { attempt: 1 }, Some("  Lambda ingest: attempt 0 begins")),
        (
            lambda("ingest"),
            EntryKind::Started { attempt: 2 },
            Some("  Lambda ingest: attempt 0 begins, for the 2nd time"),
        ),
        (lambda("ingest"), log(OutputStream::Stdout), Some("| Lambda ingest: read it")),
        (lambda("ingest"), log(OutputStream::Stderr), Some("| Lambda ingest: read it")),
        (
            lambda("ingest"),
            EntryKind::TimedOut { after: second },
            Some("! Lambda ingest: killed at its timeout of 1 s"),
        ),
        (lambda("ingest"), failed("Boom"), Some("! Lambda ingest: failed: Boom: no")),
        (lambda("ingest"), failed("&alloc::boxed::Box<dyn core::error::Error>"), Some("! Lambda ingest: failed: no")),
        (
            lambda("ingest"),
            failed("Immortal.Stopped"),
            Some("  Lambda ingest: ends early, as it was told to before its deadline"),
        ),
        (lambda("ingest"), failed(HANDED_OVER), Some("  Lambda ingest: hands the event over, before its deadline")),
        (lambda("ingest"), EntryKind::Retrying { after: second }, Some("  Lambda ingest: Lambda tries again in 1.0 s")),
        (
            queue("ingest-failures"),
            EntryKind::Queued { message_id: message("m"), request_id: Some("r-1".into()) },
            Some("  SQS ingest-failures: holds the failed event"),
        ),
        (queue("ingest-failures"), EntryKind::Received { message_id: message("m"), count: 1 }, None),
        (
            queue("ingest-failures"),
            EntryKind::Received { message_id: message("m"), count: 2 },
            Some("  SQS ingest-failures: offers it for the 2nd time"),
        ),
        (lambda("ingestDlq"), EntryKind::Invoked, None),
        (lambda("ingestDlq"), EntryKind::Started { attempt: 1 }, Some("  Lambda ingestDlq: the dispatcher begins")),
        (EntrySource::Api, called("RunTask", 200, None), Some("  API ecs: RunTask: 200")),
        (EntrySource::Api, called("DescribeTasks", 200, None), None),
        (
            EntrySource::Api,
            called("RunTask", 400, Some("ThrottlingException")),
            Some("! API ecs: RunTask: 400 ThrottlingException"),
        ),
        (EntrySource::Api, called("RunTask", 0, None), Some("! API ecs: RunTask: the connection was reset")),
        (
            lambda("ingestDlq"),
            EntryKind::Answered { body: Bytes::from_static(br#"{"batchItemFailures":[]}"#) },
            Some("  Lambda ingestDlq: the dispatcher is done"),
        ),
        (
            lambda("ingestDlq"),
            EntryKind::Answered { body: gave_back },
            Some("! Lambda ingestDlq: the dispatcher gives back 1 of its records"),
        ),
        (queue("ingest-failures"), EntryKind::Deleted { message_id: message("m") }, None),
        (lambda("ingestDlq"), log(OutputStream::Stdout), Some(". Lambda ingestDlq: read it")),
        (
            queue("ingest-dead-letters"),
            EntryKind::Queued { message_id: message("m"), request_id: None },
            Some("! SQS ingest-dead-letters: the event rests here: given up"),
        ),
        (
            queue("ingest-dead-letters"),
            EntryKind::DeadLettered { message_id: message("m"), from: "ingest-failures".into() },
            Some("! SQS ingest-dead-letters: the event rests here: received too often"),
        ),
    ]);
}

#[test]
fn what_happens_to_a_task_is_a_line_or_nothing() {
    let log = |stream| EntryKind::Log { stream, line: "read it".into() };
    let wrote = |line: &str| EntryKind::Log { stream: OutputStream::Stdout, line: line.into() };
    let stopped = |exit_code| EntryKind::TaskStopped {
        exit_code,
        stop_code: StopCode::EssentialContainerExited,
        reason: "why".into(),
    };
    check([
        (task(), log(OutputStream::Stderr), Some(". Fargate, task abc: read it")),
        (
            task(),
            EntryKind::TaskStarted { attempt: Some(2), spot: true, memory: 2048 },
            Some("  Fargate, attempt 2: the task begins, on Spot"),
        ),
        (task(), log(OutputStream::Stderr), Some(". Fargate, attempt 2: read it")),
        (task(), wrote("START RequestId: r-1"), Some(". Fargate, attempt 2: START RequestId: r-1")),
        (task(), log(OutputStream::Stderr), Some("| Fargate, attempt 2: read it")),
        (task(), wrote(""), None),
        (task(), wrote("{}"), Some("| Fargate, attempt 2: {}")),
        (task(), wrote("END RequestId: r-1"), Some(". Fargate, attempt 2: END RequestId: r-1")),
        (task(), wrote("REPORT RequestId: r-1\tx\t"), Some(". Fargate, attempt 2: REPORT RequestId: r-1  x")),
        (
            task(),
            EntryKind::TaskStopping { stop_code: StopCode::SpotInterruption },
            Some("! Fargate, attempt 2: told to stop: SpotInterruption"),
        ),
        (task(), stopped(Some(137)), Some("! Fargate, attempt 2: stopped: exit 137, EssentialContainerExited: why")),
        (task(), stopped(None), Some("! Fargate, attempt 2: never ran: EssentialContainerExited: why")),
        (task(), stopped(Some(0)), Some("+ Fargate, attempt 2: the handler succeeded: exit 0")),
    ]);
}

#[test]
fn every_call_is_shown_when_asked_for() {
    let line = shown(&mut timeline(true), EntrySource::Api, called("DescribeTasks", 200, None));
    assert_eq!(line.as_deref(), Some("  API ecs: DescribeTasks: 200"));
}

#[test]
fn times_begin_with_the_event() {
    let mut timeline = timeline(false);
    let mut at = |seconds, what| {
        let entry = JournalEntry { at: Duration::from_secs(seconds), source: lambda("ingest"), kind: what };
        timeline.steps(&entry, &no_letter).first().map(|line| line.at.as_secs())
    };
    assert_eq!(at(9, EntryKind::Invoked), Some(0));
    assert_eq!(at(12, EntryKind::TimedOut { after: Duration::ZERO }), Some(3));
}

#[test]
fn the_status_is_what_runs() {
    let mut timeline = timeline(false);
    let mut status = |place, what| {
        timeline.steps(&JournalEntry { at: Duration::ZERO, source: place, kind: what }, &no_letter);
        timeline.status().map(str::to_owned)
    };
    let runs = |text: &str| Some(text.to_owned());
    assert_eq!(status(lambda("ingest"), EntryKind::Started { attempt: 1 }), runs("ingest runs in Lambda"));
    assert_eq!(status(lambda("ingest"), EntryKind::TimedOut { after: Duration::ZERO }), None);
    let started = EntryKind::TaskStarted { attempt: Some(1), spot: false, memory: 2048 };
    assert_eq!(status(lambda("ingestDlq"), EntryKind::Started { attempt: 1 }), runs("ingestDlq runs in Lambda"));
    assert_eq!(status(task(), started), runs("ingest runs on Fargate, attempt 1"));
    let done = EntryKind::Answered { body: Bytes::new() };
    assert_eq!(status(lambda("ingestDlq"), done), runs("ingest runs on Fargate, attempt 1"));
    let stopped =
        EntryKind::TaskStopped { exit_code: Some(0), stop_code: StopCode::UserInitiated, reason: String::new() };
    assert_eq!(status(task(), stopped), None);
}

#[test]
fn a_task_that_has_more_memory_than_the_one_before_it_says_so() {
    let mut timeline = timeline(false);
    let mut begins = |arn: &str, memory| {
        let source = EntrySource::Task { arn: arn.into(), started_by: None };
        let kind = EntryKind::TaskStarted { attempt: Some(1), spot: false, memory };
        let lines = timeline.steps(&JournalEntry { at: Duration::ZERO, source, kind }, &no_letter);
        lines.into_iter().map(|line| line.text).collect::<Vec<_>>()
    };
    assert_eq!(begins("task/1", 2048), ["the task begins"]);
    assert_eq!(begins("task/2", 2048), ["the task begins"]);
    assert_eq!(begins("task/3", 4096), ["the task begins, with 4096 MiB of memory instead of 2048"]);
}
