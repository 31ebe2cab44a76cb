//! How it ended, seen in what happened.

use std::process::ExitCode;

use bytes::Bytes;
use immortal_emulator::{Happening, Place, Stream, What};

use super::{plan::Plan, timeline::is_redrive};

/// How the event ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Some attempt handled it; with the handler's answer.
    Handled { series: u32, attempt: u32, answer: Bytes },
    /// It rests in the dead-letter queue, after so many tasks.
    GivenUp { tasks: u32 },
    /// It is nowhere.
    Gone,
}

/// A task, and what it wrote since its last empty line: the runner's result comes after one, and ends with `END`.
#[derive(Debug)]
struct Task {
    arn: String,
    attempt: u32,
    lines: Vec<String>,
    ended: bool,
}

/// Waits for the end.
#[derive(Debug)]
pub(crate) struct Watch {
    primary: String,
    failure_queue: String,
    dead_letter_queue: String,
    tasks: Vec<Task>,
    /// How often it was redriven.
    series: u32,
    /// The dispatcher sent a dead letter, and isn't done with the record yet.
    is_sent: bool,
}

impl Watch {
    pub(crate) fn new(plan: &Plan) -> Self {
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
        }
    }

    /// The outcome, once this is what it follows from.
    pub(crate) fn see(&mut self, happening: &Happening) -> Option<Outcome> {
        match (&happening.place, &happening.what) {
            (Place::Lambda { function, .. }, What::Answered { body }) if *function == self.primary => {
                Some(Outcome::Handled { series: self.series, attempt: 0, answer: body.clone() })
            }
            (Place::Lambda { .. }, What::Discarded) => Some(Outcome::Gone),
            (Place::Queue { name }, what) => self.see_queue(name, what),
            (Place::Task { arn, .. }, what) => self.see_task(arn, what),
            _ => None,
        }
    }

    fn see_queue(&mut self, name: &str, what: &What) -> Option<Outcome> {
        let is_failure_queue = name == self.failure_queue;
        let is_given_up = match what {
            What::Queued { .. } if name == self.dead_letter_queue => {
                self.is_sent = true;
                false
            }
            What::DeadLettered { .. } => name == self.dead_letter_queue,
            What::Deleted { .. } | What::Returned { .. } => is_failure_queue && std::mem::take(&mut self.is_sent),
            what => {
                self.series += u32::from(is_failure_queue && is_redrive(what));
                false
            }
        };
        let tasks = self.tasks.len().try_into().unwrap_or(u32::MAX);
        is_given_up.then_some(Outcome::GivenUp { tasks })
    }

    fn see_task(&mut self, arn: &str, what: &What) -> Option<Outcome> {
        if let What::TaskStarted { attempt, .. } = what {
            self.tasks.push(Task {
                arn: arn.to_owned(),
                attempt: attempt.unwrap_or(1),
                lines: Vec::new(),
                ended: false,
            });
        }
        let task = self.tasks.iter_mut().find(|task| task.arn == arn)?;
        match what {
            What::Log { stream: Stream::Stdout, line } => task.wrote(line),
            What::TaskStopped { exit_code: Some(0), .. } => {
                return Some(Outcome::Handled {
                    series: self.series,
                    attempt: task.attempt,
                    answer: task.lines.join("\n").into(),
                });
            }
            _ => (),
        }
        None
    }
}

impl Task {
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

impl Outcome {
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

    fn watch() -> Watch {
        Watch::named("ingest", "ingest-failures", "ingest-dead-letters")
    }

    fn seen(happenings: impl IntoIterator<Item = (Place, What)>) -> Option<Outcome> {
        let mut watch = watch();
        let see = |(place, what)| watch.see(&Happening { at: Duration::ZERO, place, what });
        happenings.into_iter().find_map(see)
    }

    fn lambda(function: &str) -> Place {
        Place::Lambda { function: function.into(), request_id: "r-1".into() }
    }

    fn task() -> Place {
        Place::Task { arn: "t".into(), started_by: None }
    }

    fn stdout(line: &str) -> (Place, What) {
        (task(), What::Log { stream: Stream::Stdout, line: line.into() })
    }

    fn stopped(exit_code: i32) -> (Place, What) {
        let stop_code = StopCode::EssentialContainerExited;
        (task(), What::TaskStopped { exit_code: Some(exit_code), stop_code, reason: String::new() })
    }

    #[test]
    fn an_answer_in_lambda_is_the_end() {
        let answered = || What::Answered { body: Bytes::from_static(b"42") };
        let end = Some(Outcome::Handled { series: 0, attempt: 0, answer: Bytes::from_static(b"42") });
        assert_eq!(seen([(lambda("ingest"), answered())]), end);
        assert_eq!(seen([(lambda("ingestDlq"), answered())]), None);
    }

    #[test]
    fn a_task_ends_it_with_its_last_result() {
        let started = || (task(), What::TaskStarted { attempt: Some(2), spot: false });
        let lines = || ["START RequestId: r-1", "busy", "", r#"{"n":1}"#, "END RequestId: r-1", "REPORT"].map(stdout);
        let mut success = vec![started()];
        success.extend(lines());
        success.push(stopped(0));
        let end = Outcome::Handled { series: 0, attempt: 2, answer: Bytes::from_static(br#"{"n":1}"#) };
        assert_eq!(seen(success), Some(end));
        assert_eq!(seen([started(), stopped(1)]), None, "another attempt may follow");
    }

    fn queue(name: &str, what: What) -> (Place, What) {
        (Place::Queue { name: name.into() }, what)
    }

    fn queued(name: &str, request_id: Option<&str>) -> (Place, What) {
        queue(name, What::Queued { message_id: "m".into(), request_id: request_id.map(str::to_owned) })
    }

    fn deleted() -> (Place, What) {
        queue("ingest-failures", What::Deleted { message_id: "m".into() })
    }

    #[test]
    fn a_dead_letter_is_the_end_once_its_record_is_done() {
        let started = || (task(), What::TaskStarted { attempt: Some(1), spot: false });
        let given_up = |tasks| Some(Outcome::GivenUp { tasks });
        assert_eq!(seen([queued("ingest-failures", Some("r-1")), deleted()]), None);
        assert_eq!(seen([queued("ingest-dead-letters", None)]), None, "the dispatcher is at work on it");
        assert_eq!(seen([started(), stopped(2), queued("ingest-dead-letters", None), deleted()]), given_up(1));
        let moved = What::DeadLettered { message_id: "m".into(), from: "ingest-failures".into() };
        assert_eq!(seen([queue("ingest-dead-letters", moved)]), given_up(0));
        assert_eq!(seen([(lambda("ingestDlq"), What::Discarded)]), Some(Outcome::Gone));
    }

    #[test]
    fn a_redrive_begins_the_next_series() {
        let started = || (task(), What::TaskStarted { attempt: Some(1), spot: false });
        let end =
            seen([queued("ingest-failures", Some("r-1")), queued("ingest-failures", None), started(), stopped(0)]);
        assert_eq!(end, Some(Outcome::Handled { series: 1, attempt: 1, answer: Bytes::new() }));
    }
}
