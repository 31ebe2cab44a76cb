//! How it ended, seen in what happened.

use std::process::ExitCode;

use bytes::Bytes;
use immortal_emulator::{EntryKind, EntrySource, JournalEntry, OutputStream};

use super::{
    plan::LocalPlan,
    timeline::{is_redrive, type_of},
};

/// How the event ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum JobOutcome {
    /// Some attempt handled it; with the handler's answer.
    Handled { series: u32, attempt: u32, answer: Bytes },
    /// It rests in the dead-letter queue, after so many tasks; with how the last attempt ended.
    GivenUp { tasks: u32, last_error: Option<String> },
    /// It is nowhere.
    Gone,
}

/// A task, and what it wrote since its last empty line: the runner's result comes after one, and ends with `END`.
#[derive(Debug)]
struct WatchedTask {
    arn: String,
    attempt: u32,
    lines: Vec<String>,
    ended: bool,
    /// What the runner said of the handler's end.
    error: Option<String>,
}

/// Waits for the end.
#[derive(Debug)]
pub(crate) struct OutcomeWatch {
    primary: String,
    failure_queue: String,
    dead_letter_queue: String,
    tasks: Vec<WatchedTask>,
    /// How often it was redriven.
    series: u32,
    /// The dispatcher sent a dead letter, and isn't done with the record yet.
    is_sent: bool,
    /// How the last attempt ended.
    last_error: Option<String>,
}

impl OutcomeWatch {
    pub(crate) fn new(plan: &LocalPlan) -> Self {
        Self::named(&plan.primary, &plan.failure_queue, &plan.dead_letter_queue)
    }

    fn named(primary: &str, failure_queue: &str, dead_letter_queue: &str) -> Self {
        Self {
            primary: primary.to_owned(),
            failure_queue: failure_queue.to_owned(),
            dead_letter_queue: dead_letter_queue.to_owned(),
            tasks: Vec::new(),
            series: 0,
            is_sent: false,
            last_error: None,
        }
    }

    /// The outcome, once this is what it follows from.
    pub(crate) fn see(&mut self, entry: &JournalEntry) -> Option<JobOutcome> {
        match (&entry.source, &entry.kind) {
            (EntrySource::Lambda { function, .. }, EntryKind::Answered { body }) if *function == self.primary => {
                Some(JobOutcome::Handled { series: self.series, attempt: 0, answer: body.clone() })
            }
            (EntrySource::Lambda { .. }, EntryKind::Discarded) => Some(JobOutcome::Gone),
            (EntrySource::Lambda { function, .. }, what) if *function == self.primary => {
                let error = match what {
                    EntryKind::Failed { error_type, message } => Some(format!("{}{message}", type_of(error_type))),
                    EntryKind::TimedOut { after } => Some(format!("killed at its timeout of {} s", after.as_secs())),
                    _ => None,
                };
                self.last_error = error.map(|error| format!("attempt 0: {error}")).or(self.last_error.take());
                None
            }
            (EntrySource::Queue { name }, what) => self.see_queue(name, what),
            (EntrySource::Task { arn, .. }, what) => self.see_task(arn, what),
            _ => None,
        }
    }

    fn see_queue(&mut self, name: &str, what: &EntryKind) -> Option<JobOutcome> {
        let is_failure_queue = name == self.failure_queue;
        let is_given_up = match what {
            EntryKind::Queued { .. } if name == self.dead_letter_queue => {
                self.is_sent = true;
                false
            }
            EntryKind::DeadLettered { .. } => name == self.dead_letter_queue,
            EntryKind::Deleted { .. } | EntryKind::Returned { .. } => {
                is_failure_queue && std::mem::take(&mut self.is_sent)
            }
            what => {
                self.series += u32::from(is_failure_queue && is_redrive(what));
                false
            }
        };
        let tasks = self.tasks.len().try_into().unwrap_or(u32::MAX);
        is_given_up.then(|| JobOutcome::GivenUp { tasks, last_error: self.last_error.clone() })
    }

    fn see_task(&mut self, arn: &str, what: &EntryKind) -> Option<JobOutcome> {
        if let EntryKind::TaskStarted { attempt, .. } = what {
            self.tasks.push(WatchedTask {
                arn: arn.to_owned(),
                attempt: attempt.unwrap_or(1),
                lines: Vec::new(),
                ended: false,
                error: None,
            });
        }
        let task = self.tasks.iter_mut().find(|task| task.arn == arn)?;
        match what {
            EntryKind::Log { stream: OutputStream::Stdout, line } => task.wrote(line),
            // Before or after the line END: they come by two streams.
            EntryKind::Log { stream: OutputStream::Stderr, line } => {
                task.error = error_of_runner(line).map(str::to_owned).or(task.error.take());
            }
            EntryKind::TaskStopped { exit_code: Some(0), .. } => {
                return Some(JobOutcome::Handled {
                    series: self.series,
                    attempt: task.attempt,
                    answer: task.lines.join("\n").into(),
                });
            }
            EntryKind::TaskStopped { exit_code, reason, .. } => {
                let code = exit_code.map_or_else(|| "it never ran".to_owned(), |code| format!("exit code {code}"));
                let error = task.error.take().unwrap_or_else(|| format!("{code}, {reason}"));
                self.last_error = Some(format!("attempt {}: {error}", task.attempt));
            }
            _ => (),
        }
        None
    }
}

/// How the handler ended, as the runner says it in its last line.
fn error_of_runner(line: &str) -> Option<&str> {
    let (_, said) = line.split_once("ERROR request{id=")?;
    let (_, end) = said.split_once("}: function ")?.1.split_once(": the handler ")?;
    Some(end.strip_prefix("returned an error: ").unwrap_or(end))
}

impl WatchedTask {
    fn wrote(&mut self, line: &str) {
        if self.ended {
            return;
        }
        if line.is_empty() {
            self.lines.clear();
        } else if line.starts_with("END RequestId: ") {
            self.ended = true;
        } else {
            self.lines.push(line.to_owned());
        }
    }
}

impl JobOutcome {
    pub(crate) fn exit_code(&self) -> ExitCode {
        match self {
            Self::Handled { .. } => ExitCode::SUCCESS,
            Self::GivenUp { .. } | Self::Gone => ExitCode::FAILURE,
        }
    }
}

#[cfg(test)]
mod tests {
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
        let started = || (task(), EntryKind::TaskStarted { attempt: Some(2), spot: false });
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
        let started = || (task(), EntryKind::TaskStarted { attempt: Some(1), spot: false });
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
        let started = || (task(), EntryKind::TaskStarted { attempt: Some(1), spot: false });
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
        let started = || (task(), EntryKind::TaskStarted { attempt: Some(1), spot: false });
        let end =
            seen([queued("ingest-failures", Some("r-1")), queued("ingest-failures", None), started(), stopped(0)]);
        assert_eq!(end, Some(JobOutcome::Handled { series: 1, attempt: 1, answer: Bytes::new() }));
    }
}
