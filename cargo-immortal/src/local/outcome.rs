//! How it ended, seen in what happened.

use std::process::ExitCode;

use bytes::Bytes;
use immortal_emulator::{EntryKind, EntrySource, JournalEntry, OutputStream};

use super::{
    plan::LocalPlan,
    timeline::{is_redrive, type_of},
};
use crate::report::{HandlerEnd, handler_end};

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
    /// The queue that triggers the primary, where one does: a message is handled once it is deleted there.
    source_queue: Option<String>,
    /// Whether Lambda sends the primary's answer to a destination, which is then waited for.
    has_destination: bool,
    /// What the primary answered, until the message or the result is where it belongs.
    response: Bytes,
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
        let source_queue = plan.source_queue().map(|queue| queue.name);
        let has_destination = plan.on_success.is_some();
        Self {
            source_queue,
            has_destination,
            ..Self::named(&plan.primary, &plan.failure_queue, &plan.dead_letter_queue)
        }
    }

    fn named(primary: &str, failure_queue: &str, dead_letter_queue: &str) -> Self {
        Self {
            primary: primary.to_owned(),
            failure_queue: failure_queue.to_owned(),
            dead_letter_queue: dead_letter_queue.to_owned(),
            source_queue: None,
            has_destination: false,
            response: Bytes::new(),
            tasks: Vec::new(),
            series: 0,
            is_sent: false,
            last_error: None,
        }
    }

    /// The outcome, once this is what it follows from.
    pub(crate) fn see(&mut self, entry: &JournalEntry) -> Option<JobOutcome> {
        match (&entry.source, &entry.kind) {
            (EntrySource::Lambda { function, .. }, EntryKind::Answered { body })
                if *function == self.primary && self.source_queue.is_some() =>
            {
                self.response.clone_from(body);
                self.last_error = Some("attempt 0: its response names the message as failed".to_owned());
                None
            }
            (EntrySource::Lambda { function, .. }, EntryKind::Answered { body })
                if *function == self.primary && self.has_destination =>
            {
                self.response.clone_from(body);
                None
            }
            (EntrySource::Lambda { .. }, EntryKind::ResultDelivered { .. } | EntryKind::ResultDropped { .. }) => {
                Some(JobOutcome::Handled { series: self.series, attempt: 0, answer: self.response.clone() })
            }
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
        if self.source_queue.as_deref() == Some(name) {
            let handled = || JobOutcome::Handled { series: 0, attempt: 0, answer: self.response.clone() };
            return matches!(what, EntryKind::Deleted { .. }).then(handled);
        }
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
                if let Some(HandlerEnd::Failed(error)) = handler_end(line) {
                    task.error = Some(error.to_owned());
                }
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
#[path = "outcome_tests.rs"]
mod tests;
