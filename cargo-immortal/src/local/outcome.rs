//! How it ended: seen in what happened, and said as the last words.

use std::{fmt::Write, process::ExitCode, time::Duration};

use bytes::Bytes;
use immortal_emulator::{ACCOUNT, EntryKind, EntrySource, JournalEntry, Message, OutputStream, REGION};

use super::plan::Plan;

/// How the event ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Some life handled it; with the handler's answer.
    Handled { attempt: u32, answer: Bytes },
    /// It rests in the dead-letter queue.
    GivenUp,
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
    dead_letter_queue: String,
    tasks: Vec<Task>,
}

impl Watch {
    pub(crate) fn new(plan: &Plan) -> Self {
        Self { primary: plan.primary.clone(), dead_letter_queue: plan.dead_letter_queue.clone(), tasks: Vec::new() }
    }

    /// The outcome, once this is what it follows from.
    pub(crate) fn see(&mut self, entry: &JournalEntry) -> Option<Outcome> {
        match (&entry.source, &entry.kind) {
            (EntrySource::Lambda { function, .. }, EntryKind::Answered { body }) if *function == self.primary => {
                Some(Outcome::Handled { attempt: 0, answer: body.clone() })
            }
            (EntrySource::Lambda { .. }, EntryKind::Discarded) => Some(Outcome::Gone),
            (EntrySource::Queue { name }, EntryKind::Queued { .. } | EntryKind::DeadLettered { .. })
                if *name == self.dead_letter_queue =>
            {
                Some(Outcome::GivenUp)
            }
            (EntrySource::Task { arn, .. }, what) => self.see_task(arn, what),
            _ => None,
        }
    }

    fn see_task(&mut self, arn: &str, what: &EntryKind) -> Option<Outcome> {
        if let EntryKind::TaskStarted { attempt, .. } = what {
            self.tasks.push(Task {
                arn: arn.to_owned(),
                attempt: attempt.unwrap_or(1),
                lines: Vec::new(),
                ended: false,
            });
        }
        let task = self.tasks.iter_mut().find(|task| task.arn == arn)?;
        match what {
            EntryKind::Log { stream: OutputStream::Stdout, line } => task.wrote(line),
            EntryKind::TaskStopped { exit_code: Some(0), .. } => {
                return Some(Outcome::Handled { attempt: task.attempt, answer: task.lines.join("\n").into() });
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
            Self::GivenUp | Self::Gone => ExitCode::FAILURE,
        }
    }

    /// What is said last: where it ended, and the handler's answer or what to do next.
    pub(crate) fn last_words(&self, plan: &Plan, at: Duration, dead: &[Message]) -> String {
        let seconds = at.as_secs_f64();
        match self {
            Self::Handled { attempt, answer } => {
                let place = if *attempt == 0 { "in Lambda" } else { "on Fargate" };
                let answer = String::from_utf8_lossy(answer);
                format!("\nhandled {place}, by attempt {attempt}, after {seconds:.1} s\n{}\n", answer.trim_end())
            }
            Self::GivenUp => {
                let mut words = format!(
                    "\ngiven up after {seconds:.1} s: the event is in the dead-letter queue {}\n",
                    plan.dead_letter_queue
                );
                for message in dead {
                    let _ = writeln!(words, "  message {}, {} bytes", message.id, message.body.len());
                }
                let arn = |queue: &str| format!("arn:aws:sqs:{REGION}:{ACCOUNT}:{queue}");
                let _ = writeln!(
                    words,
                    "on AWS, this sends it through all its lives again:\n  aws sqs start-message-move-task \
                     --source-arn {} --destination-arn {}",
                    arn(&plan.dead_letter_queue),
                    arn(&plan.failure_queue)
                );
                words
            }
            Self::Gone => format!("\nlost after {seconds:.1} s: no queue and no task has the event\n"),
        }
    }
}

#[cfg(test)]
mod tests {
    use immortal_emulator::StopCode;

    use super::*;

    fn watch() -> Watch {
        Watch { primary: "ingest".into(), dead_letter_queue: "ingest-dead-letters".into(), tasks: Vec::new() }
    }

    fn seen(entries: impl IntoIterator<Item = (EntrySource, EntryKind)>) -> Option<Outcome> {
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
        let end = Some(Outcome::Handled { attempt: 0, answer: Bytes::from_static(b"42") });
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
        let end = Outcome::Handled { attempt: 2, answer: Bytes::from_static(br#"{"n":1}"#) };
        assert_eq!(seen(success), Some(end));
        assert_eq!(seen([started(), stopped(1)]), None, "another attempt may follow");
    }

    #[test]
    fn only_the_dead_letter_queue_is_the_end() {
        let queued = |name: &str| {
            let what = EntryKind::Queued { message_id: "m".into(), request_id: None };
            seen([(EntrySource::Queue { name: name.into() }, what)])
        };
        assert_eq!(queued("ingest-failures"), None);
        assert_eq!(queued("ingest-dead-letters"), Some(Outcome::GivenUp));
        assert_eq!(seen([(lambda("ingestDlq"), EntryKind::Discarded)]), Some(Outcome::Gone));
    }
}
