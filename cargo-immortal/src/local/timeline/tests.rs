#[expect(clippy::needless_raw_string_hashes, reason = "as expect-test writes them")]
mod story;

use bytes::Bytes;
use immortal_emulator::{StopCode, Stream};

use super::*;

fn timeline(verbose: bool) -> Timeline {
    Timeline {
        primary: "ingest".into(),
        dispatcher: "ingestDlq".into(),
        dead_letter_queue: "ingest-dead-letters".into(),
        verbose,
        tasks: Tasks::default(),
        waits: Waits::default(),
        begin: None,
        running: Vec::new(),
    }
}

fn lambda(function: &str) -> Place {
    Place::Lambda { function: function.into(), request_id: "r-1".into() }
}

fn task() -> Place {
    Place::Task { arn: "arn:aws:ecs:x:1:task/default/abc".into(), started_by: Some("r-1".into()) }
}

fn queue(name: &str) -> Place {
    Place::Queue { name: name.into() }
}

fn called(operation: &str, status: u16, code: Option<&str>) -> What {
    let code = code.map(str::to_owned);
    What::Called { service: "ecs", operation: operation.into(), status, code, overlapping: 1 }
}

fn failed(error_type: &str) -> What {
    What::Failed { error_type: error_type.into(), message: "no".into() }
}

fn no_letter(_: &str) -> Option<Message> {
    None
}

/// `place: text`, after a mark of its kind.
fn shown(timeline: &mut Timeline, place: Place, what: What) -> Option<String> {
    let lines = timeline.lines(&Happening { at: Duration::ZERO, place, what }, &no_letter);
    assert!(lines.len() < 2, "{lines:?}");
    let line = lines.into_iter().next()?;
    let mark = match line.kind {
        Kind::Step => ' ',
        Kind::Good => '+',
        Kind::Bad => '!',
        Kind::Log => '|',
        Kind::Note => '.',
    };
    Some(format!("{mark} {}: {}", line.place, line.text))
}

/// Shows these one after the other, and compares.
fn check(table: impl IntoIterator<Item = (Place, What, Option<&'static str>)>) {
    let mut timeline = timeline(false);
    for (place, what, expected) in table {
        let told = format!("{place:?} {what:?}");
        assert_eq!(shown(&mut timeline, place, what).as_deref(), expected, "{told}");
    }
}

#[test]
fn what_happens_to_functions_and_queues_is_a_line_or_nothing() {
    let log = |stream| What::Log { stream, line: "read it".into() };
    let message = |message_id: &str| message_id.to_owned();
    let second = Duration::from_secs(1);
    let gave_back = Bytes::from_static(br#"{"batchItemFailures":[{"itemIdentifier":"m"}]}"#);
    check([
        (lambda("ingest"), What::Invoked, Some("  Lambda ingest: takes the event: request r-1")),
        (lambda("ingest"), What::Started { attempt: 1 }, Some("  Lambda ingest: attempt 0 begins")),
        (lambda("ingest"), What::Started { attempt: 2 }, Some("  Lambda ingest: attempt 0 begins, for the 2nd time")),
        (lambda("ingest"), log(Stream::Stdout), Some("| Lambda ingest: read it")),
        (lambda("ingest"), log(Stream::Stderr), Some("| Lambda ingest: read it")),
        (lambda("ingest"), What::TimedOut { after: second }, Some("! Lambda ingest: killed at its timeout of 1 s")),
        (lambda("ingest"), failed("Boom"), Some("! Lambda ingest: failed: Boom: no")),
        (lambda("ingest"), failed("&alloc::boxed::Box<dyn core::error::Error>"), Some("! Lambda ingest: failed: no")),
        (lambda("ingest"), failed(HANDED_OVER), Some("  Lambda ingest: hands the event over, before its deadline")),
        (lambda("ingest"), What::Retrying { after: second }, Some("  Lambda ingest: Lambda tries again in 1.0 s")),
        (
            queue("ingest-failures"),
            What::Queued { message_id: message("m"), request_id: Some("r-1".into()) },
            Some("  SQS ingest-failures: holds the failed event"),
        ),
        (queue("ingest-failures"), What::Received { message_id: message("m"), count: 1 }, None),
        (
            queue("ingest-failures"),
            What::Received { message_id: message("m"), count: 2 },
            Some("  SQS ingest-failures: offers it for the 2nd time"),
        ),
        (lambda("ingestDlq"), What::Invoked, None),
        (lambda("ingestDlq"), What::Started { attempt: 1 }, Some("  Lambda ingestDlq: the dispatcher begins")),
        (Place::Api, called("RunTask", 200, None), Some("  API ecs: RunTask: 200")),
        (Place::Api, called("DescribeTasks", 200, None), None),
        (
            Place::Api,
            called("RunTask", 400, Some("ThrottlingException")),
            Some("! API ecs: RunTask: 400 ThrottlingException"),
        ),
        (Place::Api, called("RunTask", 0, None), Some("! API ecs: RunTask: the connection was reset")),
        (
            lambda("ingestDlq"),
            What::Answered { body: Bytes::from_static(br#"{"batchItemFailures":[]}"#) },
            Some("  Lambda ingestDlq: the dispatcher is done"),
        ),
        (
            lambda("ingestDlq"),
            What::Answered { body: gave_back },
            Some("! Lambda ingestDlq: the dispatcher gives back 1 of its records"),
        ),
        (queue("ingest-failures"), What::Deleted { message_id: message("m") }, None),
        (lambda("ingestDlq"), log(Stream::Stdout), Some(". Lambda ingestDlq: read it")),
        (
            queue("ingest-dead-letters"),
            What::Queued { message_id: message("m"), request_id: None },
            Some("! SQS ingest-dead-letters: the event rests here: given up"),
        ),
        (
            queue("ingest-dead-letters"),
            What::DeadLettered { message_id: message("m"), from: "ingest-failures".into() },
            Some("! SQS ingest-dead-letters: the event rests here: received too often"),
        ),
    ]);
}

#[test]
fn what_happens_to_a_task_is_a_line_or_nothing() {
    let log = |stream| What::Log { stream, line: "read it".into() };
    let wrote = |line: &str| What::Log { stream: Stream::Stdout, line: line.into() };
    let stopped = |exit_code| What::TaskStopped {
        exit_code,
        stop_code: StopCode::EssentialContainerExited,
        reason: "why".into(),
    };
    check([
        (task(), log(Stream::Stderr), Some(". Fargate, task abc: read it")),
        (
            task(),
            What::TaskStarted { attempt: Some(2), spot: true },
            Some("  Fargate, attempt 2: the task begins, on Spot"),
        ),
        (task(), log(Stream::Stderr), Some(". Fargate, attempt 2: read it")),
        (task(), wrote("START RequestId: r-1"), Some(". Fargate, attempt 2: START RequestId: r-1")),
        (task(), log(Stream::Stderr), Some("| Fargate, attempt 2: read it")),
        (task(), wrote(""), None),
        (task(), wrote("{}"), Some("| Fargate, attempt 2: {}")),
        (task(), wrote("END RequestId: r-1"), Some(". Fargate, attempt 2: END RequestId: r-1")),
        (task(), wrote("REPORT RequestId: r-1\tx\t"), Some(". Fargate, attempt 2: REPORT RequestId: r-1  x")),
        (
            task(),
            What::TaskStopping { stop_code: StopCode::SpotInterruption },
            Some("! Fargate, attempt 2: told to stop: SpotInterruption"),
        ),
        (task(), stopped(Some(137)), Some("! Fargate, attempt 2: stopped: exit 137, EssentialContainerExited: why")),
        (task(), stopped(None), Some("! Fargate, attempt 2: never ran: EssentialContainerExited: why")),
        (task(), stopped(Some(0)), Some("+ Fargate, attempt 2: the handler succeeded: exit 0")),
    ]);
}

#[test]
fn every_call_is_shown_when_asked_for() {
    let line = shown(&mut timeline(true), Place::Api, called("DescribeTasks", 200, None));
    assert_eq!(line.as_deref(), Some("  API ecs: DescribeTasks: 200"));
}

#[test]
fn times_begin_with_the_event() {
    let mut timeline = timeline(false);
    let mut at = |seconds, what| {
        let happening = Happening { at: Duration::from_secs(seconds), place: lambda("ingest"), what };
        timeline.lines(&happening, &no_letter).first().map(|line| line.at.as_secs())
    };
    assert_eq!(at(9, What::Invoked), Some(0));
    assert_eq!(at(12, What::TimedOut { after: Duration::ZERO }), Some(3));
}

#[test]
fn the_status_is_what_runs() {
    let mut timeline = timeline(false);
    let mut status = |place, what| {
        timeline.lines(&Happening { at: Duration::ZERO, place, what }, &no_letter);
        timeline.status().map(str::to_owned)
    };
    let runs = |text: &str| Some(text.to_owned());
    assert_eq!(status(lambda("ingest"), What::Started { attempt: 1 }), runs("ingest runs in Lambda"));
    assert_eq!(status(lambda("ingest"), What::TimedOut { after: Duration::ZERO }), None);
    let started = What::TaskStarted { attempt: Some(1), spot: false };
    assert_eq!(status(lambda("ingestDlq"), What::Started { attempt: 1 }), runs("ingestDlq runs in Lambda"));
    assert_eq!(status(task(), started), runs("ingest runs on Fargate, attempt 1"));
    let done = What::Answered { body: Bytes::new() };
    assert_eq!(status(lambda("ingestDlq"), done), runs("ingest runs on Fargate, attempt 1"));
    let stopped = What::TaskStopped { exit_code: Some(0), stop_code: StopCode::UserInitiated, reason: String::new() };
    assert_eq!(status(task(), stopped), None);
}
