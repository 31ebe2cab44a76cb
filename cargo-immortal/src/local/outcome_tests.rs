use std::time::Duration;

use immortal_emulator::StopCode;

use super::*;

fn watch() -> OutcomeWatch {
    OutcomeWatch::named("ingest", "ingest-failures", "ingest-dead-letters")
}

fn seen(entries: impl IntoIterator<Item = (EntrySource, EntryKind)>) -> Option<JobOutcome> {
    let mut watch = watch();
    let see = |(place, what)| watch.see(&JournalEntry { at: Duration::ZERO, source: place, kind: what });
    entries.into_iter().find_map(see)
}

fn lambda(function: &str) -> EntrySource {
    EntrySource::Lambda { function: function.into(), request_id: "r-1".into() }
}

fn task() -> EntrySource {
    EntrySource::Task { arn: "t".into(), started_by: None }
}

fn stdout(line: &str) -> (EntrySource, EntryKind) {
    (task(), EntryKind::Log { stream: OutputStream::Stdout, line: line.into() })
}

fn stopped(exit_code: i32) -> (EntrySource, EntryKind) {
    let stop_code = StopCode::EssentialContainerExited;
    (task(), EntryKind::TaskStopped { exit_code: Some(exit_code), stop_code, reason: String::new() })
}

#[test]
fn an_answer_in_lambda_is_the_end() {
    let answered = || EntryKind::Answered { body: Bytes::from_static(b"42") };
    let end = Some(JobOutcome::Handled { series: 0, attempt: 0, answer: Bytes::from_static(b"42") });
    assert_eq!(seen([(lambda("ingest"), answered())]), end);
    assert_eq!(seen([(lambda("ingestDlq"), answered())]), None);
}

#[test]
fn a_task_ends_it_with_its_last_result() {
    let started = || (task(), EntryKind::TaskStarted { attempt: Some(2), spot: false, memory: 2048 });
    let lines = || ["START RequestId: r-1", "busy", "", r#"{"n":1}"#, "END RequestId: r-1", "REPORT"].map(stdout);
    let mut success = vec![started()];
    success.extend(lines());
    success.push(stopped(0));
    let end = JobOutcome::Handled { series: 0, attempt: 2, answer: Bytes::from_static(br#"{"n":1}"#) };
    assert_eq!(seen(success), Some(end));
    assert_eq!(seen([started(), stopped(1)]), None, "another attempt may follow");
}

fn queue(name: &str, what: EntryKind) -> (EntrySource, EntryKind) {
    (EntrySource::Queue { name: name.into() }, what)
}

fn queued(name: &str, request_id: Option<&str>) -> (EntrySource, EntryKind) {
    queue(name, EntryKind::Queued { message_id: "m".into(), request_id: request_id.map(str::to_owned) })
}

fn deleted() -> (EntrySource, EntryKind) {
    queue("ingest-failures", EntryKind::Deleted { message_id: "m".into() })
}

#[test]
fn a_dead_letter_is_the_end_once_its_record_is_done() {
    let started = || (task(), EntryKind::TaskStarted { attempt: Some(1), spot: false, memory: 2048 });
    let given_up = |tasks, last_error: Option<&str>| {
        Some(JobOutcome::GivenUp { tasks, last_error: last_error.map(str::to_owned) })
    };
    assert_eq!(seen([queued("ingest-failures", Some("r-1")), deleted()]), None);
    assert_eq!(seen([queued("ingest-dead-letters", None)]), None, "the dispatcher is at work on it");
    assert_eq!(
        seen([started(), stopped(2), queued("ingest-dead-letters", None), deleted()]),
        given_up(1, Some("attempt 1: exit code 2, "))
    );
    let moved = EntryKind::DeadLettered { message_id: "m".into(), from: "ingest-failures".into() };
    assert_eq!(seen([queue("ingest-dead-letters", moved)]), given_up(0, None));
    assert_eq!(seen([(lambda("ingestDlq"), EntryKind::Discarded)]), Some(JobOutcome::Gone));
}

#[test]
fn the_last_error_is_that_of_the_last_attempt() {
    let failed = |error_type: &str| {
        let (error_type, message) = (error_type.to_owned(), "no name".to_owned());
        (lambda("ingest"), EntryKind::Failed { error_type, message })
    };
    let started = || (task(), EntryKind::TaskStarted { attempt: Some(1), spot: false, memory: 2048 });
    let said = |line: &str| (task(), EntryKind::Log { stream: OutputStream::Stderr, line: line.to_owned() });
    let end = || [queued("ingest-dead-letters", None), deleted()];
    let runner = "ERROR request{id=\"r-1\"}: function ingest, request r-1: the handler ";
    let timed_out = EntryKind::TimedOut { after: Duration::from_secs(3) };
    let boxed = "&alloc::boxed::Box<dyn core::error::Error>";
    let table = [
        (vec![failed("Boom")], "attempt 0: Boom: no name"),
        (vec![failed(boxed)], "attempt 0: no name"),
        (vec![(lambda("ingest"), timed_out)], "attempt 0: killed at its timeout of 3 s"),
        (
            vec![
                failed("Boom"),
                started(),
                said(&format!("{runner}returned an error: no name")),
                said("ERROR ingest: the handler is none of these"),
                stdout("END RequestId: r-1"),
                stopped(1),
            ],
            "attempt 1: no name",
        ),
        (
            vec![started(), stdout("END RequestId: r-1"), said(&format!("{runner}exited with 7")), stopped(3)],
            "attempt 1: exited with 7",
        ),
        (vec![failed("Boom"), started(), stopped(137)], "attempt 1: exit code 137, "),
    ];
    for (entries, expected) in table {
        let Some(JobOutcome::GivenUp { last_error, .. }) = seen(entries.into_iter().chain(end())) else {
            panic!("{expected}: it is given up")
        };
        assert_eq!(last_error.as_deref(), Some(expected));
    }
}

#[test]
fn a_redrive_begins_the_next_series() {
    let started = || (task(), EntryKind::TaskStarted { attempt: Some(1), spot: false, memory: 2048 });
    let end = seen([queued("ingest-failures", Some("r-1")), queued("ingest-failures", None), started(), stopped(0)]);
    assert_eq!(end, Some(JobOutcome::Handled { series: 1, attempt: 1, answer: Bytes::new() }));
}
