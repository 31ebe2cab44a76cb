//! From what happened to what is shown: a line, or nothing.

mod dispatcher;
mod tasks;
mod waits;

use std::time::Duration;

use immortal_core::names::{HANDED_OVER, STOPPED};
use immortal_emulator::{EntryKind, EntrySource, JournalEntry, Message};

use self::{tasks::TimelineTasks, waits::PlannedWaits};
use super::{dead_letter, plan::LocalPlan};

/// One line of the timeline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TimelineLine {
    pub(crate) at: Duration,
    pub(crate) place: String,
    pub(crate) text: String,
    pub(crate) kind: LineKind,
    /// Whether it may be cut to the width of the screen.
    pub(crate) is_brief: bool,
}

/// What a line tells, and so how it looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LineKind {
    /// Something happened.
    Step,
    /// The event was handled.
    Good,
    /// A life ended, or a call failed.
    Bad,
    /// The handler wrote a line.
    Log,
    /// Lambda, the dispatcher or the runner wrote a line.
    Note,
}

/// What `lambda_runtime` warns of where `--no-hand-over` says that a process has several invocations.
const SEQUENTIAL_WARNING: &str = "but the concurrency-tokio feature is not enabled; running sequentially";

/// Looks a message up in the dead-letter queue, by its id.
pub(crate) type DeadLetters<'a> = &'a dyn Fn(&str) -> Option<Message>;

/// Knows the names, which task is which attempt, and what waits.
#[derive(Debug)]
pub(crate) struct JobTimeline {
    primary: String,
    dispatcher: String,
    dead_letter_queue: String,
    source_queue: String,
    result_queue: Option<String>,
    no_hand_over: bool,
    verbose: bool,
    tasks: TimelineTasks,
    waits: PlannedWaits,
    begin: Option<Duration>,
    /// What runs, each by its place, the latest last.
    running: Vec<String>,
}

impl JobTimeline {
    pub(crate) fn new(plan: &LocalPlan) -> Self {
        Self {
            primary: plan.primary.clone(),
            dispatcher: plan.dispatcher.clone(),
            dead_letter_queue: plan.dead_letter_queue.clone(),
            source_queue: plan.source_queue.clone(),
            result_queue: plan.on_success.as_ref().map(|(name, _)| name.clone()),
            no_hand_over: plan.is_without_hand_over(),
            verbose: plan.verbose,
            tasks: TimelineTasks::default(),
            waits: PlannedWaits::default(),
            begin: None,
            running: Vec::new(),
        }
    }

    /// What runs or waits now, if anything does.
    pub(crate) fn status(&self) -> Option<&str> {
        self.waits.status().or_else(|| self.running.last().map(String::as_str))
    }

    /// How long it is since the first thing that happened.
    pub(crate) fn since_begin(&self, at: Duration) -> Duration {
        at.saturating_sub(self.begin.unwrap_or(at))
    }

    /// The lines to show once this has happened: mostly one, or none.
    pub(crate) fn lines(&mut self, entry: &JournalEntry, dead_letters: DeadLetters<'_>) -> Vec<TimelineLine> {
        let line = self.line(entry, dead_letters);
        let lines = self.waits.pass(entry, line.clone());
        if self.verbose { line.into_iter().collect() } else { lines }
    }

    /// The line for the next thing that happened; `None` if it isn't worth one.
    fn line(&mut self, entry: &JournalEntry, dead_letters: DeadLetters<'_>) -> Option<TimelineLine> {
        self.begin.get_or_insert(entry.at);
        if let EntrySource::Task { arn, .. } = &entry.source {
            self.tasks.note(arn, &entry.kind);
        }
        let place = self.place(entry);
        let (kind, text) = match &entry.source {
            EntrySource::Lambda { function, request_id } => self.lambda(function, request_id, &entry.kind)?,
            EntrySource::Task { arn, .. } => self.task(arn, &place, &entry.kind)?,
            EntrySource::Queue { name } => self.queue(name, entry, dead_letters)?,
            EntrySource::Api => self.call(&entry.kind)?,
        };
        let is_brief = !self.verbose && self.is_told_elsewhere(entry);
        Some(TimelineLine { at: self.since_begin(entry.at), place, text, kind, is_brief })
    }

    /// Whether what a line says in full is said by other lines too: what the dispatcher did shows in its calls, and why an
    /// event was given up is said at the end.
    fn is_told_elsewhere(&self, entry: &JournalEntry) -> bool {
        match (&entry.source, &entry.kind) {
            (EntrySource::Lambda { function, .. }, EntryKind::Log { .. }) => *function == self.dispatcher,
            (EntrySource::Queue { name }, EntryKind::Queued { .. }) => *name == self.dead_letter_queue,
            _ => false,
        }
    }

    fn place(&self, entry: &JournalEntry) -> String {
        match (&entry.source, &entry.kind) {
            (EntrySource::Lambda { function, .. }, _) => format!("Lambda {function}"),
            (EntrySource::Task { arn, .. }, _) => format!("Fargate, {}", self.tasks.name(arn)),
            (EntrySource::Queue { name }, _) => format!("SQS {name}"),
            (EntrySource::Api, EntryKind::Called { service, .. }) => format!("API {service}"),
            (EntrySource::Api, _) => "API".to_owned(),
        }
    }

    fn lambda(&mut self, function: &str, request_id: &str, what: &EntryKind) -> Option<(LineKind, String)> {
        if let EntryKind::Log { line, .. } = what {
            if function != self.dispatcher {
                let is_ours = self.no_hand_over && line.contains(SEQUENTIAL_WARNING);
                return (!is_ours).then(|| (LineKind::Log, text(line)));
            }
            let line = if self.verbose { Some(line.clone()) } else { dispatcher::log(line) };
            return line.map(|line| (LineKind::Note, text(&line)));
        }
        let status = || format!("{function} runs in Lambda");
        match what {
            EntryKind::Started { .. } => self.running.push(status()),
            EntryKind::Answered { .. } | EntryKind::Failed { .. } | EntryKind::TimedOut { .. } => self.ended(&status()),
            _ => (),
        }
        if function == self.dispatcher {
            return dispatcher::line(what, &self.waits);
        }
        Some(match what {
            EntryKind::Invoked => (LineKind::Step, format!("takes the event: request {request_id}")),
            EntryKind::Started { attempt: 1 } => (LineKind::Step, "attempt 0 begins".to_owned()),
            EntryKind::Started { attempt } => {
                (LineKind::Step, format!("attempt 0 begins, for the {} time", nth(*attempt)))
            }
            EntryKind::Answered { .. } => (LineKind::Good, "the handler succeeded".to_owned()),
            EntryKind::ResultDelivered { destination } => {
                (LineKind::Good, format!("result delivered to {destination}"))
            }
            EntryKind::ResultDropped { destination } => (
                LineKind::Bad,
                format!(
                    "the result is gone: {destination} doesn't take it, which on AWS only the metric DestinationDeliveryFailures tells"
                ),
            ),
            EntryKind::Failed { error_type, .. } if error_type == HANDED_OVER => {
                (LineKind::Step, "hands the event over, before its deadline".to_owned())
            }
            EntryKind::Failed { error_type, .. } if error_type == STOPPED => {
                (LineKind::Step, "ends early, as it was told to before its deadline".to_owned())
            }
            EntryKind::Failed { error_type, message } => {
                (LineKind::Bad, format!("failed: {}{message}", type_of(error_type)))
            }
            EntryKind::TimedOut { after } => (LineKind::Bad, format!("killed at its timeout of {} s", after.as_secs())),
            EntryKind::Retrying { after } => {
                (LineKind::Step, format!("Lambda tries again in {:.1} s", after.as_secs_f64()))
            }
            EntryKind::Discarded => (LineKind::Bad, "the event is gone: nothing catches what fails".to_owned()),
            _ => return None,
        })
    }

    fn task(&mut self, arn: &str, place: &str, what: &EntryKind) -> Option<(LineKind, String)> {
        let status = format!("{} runs on {place}", self.primary);
        match what {
            EntryKind::TaskStarted { .. } => self.running.push(status),
            EntryKind::TaskStopped { .. } => self.ended(&status),
            _ => (),
        }
        match what {
            EntryKind::Log { line, .. } if !self.verbose && is_metric(line) => None,
            EntryKind::Log { line, .. } => self.tasks.log(arn, line),
            _ => tasks::line(what, self.tasks.growth(arn)),
        }
    }

    fn ended(&mut self, status: &str) {
        if let Some(ended) = self.running.iter().position(|running| running == status) {
            self.running.remove(ended);
        }
    }

    fn queue(&mut self, name: &str, entry: &JournalEntry, dead_letters: DeadLetters<'_>) -> Option<(LineKind, String)> {
        if name == self.source_queue {
            return source_queue(&entry.kind);
        }
        if self.result_queue.as_deref() == Some(name) {
            let is_queued = matches!(entry.kind, EntryKind::Queued { .. });
            return is_queued.then(|| (LineKind::Step, "holds the result".to_owned()));
        }
        Some(match &entry.kind {
            EntryKind::Queued { message_id, .. } if name == self.dead_letter_queue => {
                let reason = dead_letters(message_id).as_ref().and_then(dead_letter::reason);
                let reason = reason.map_or_else(|| "given up".to_owned(), |reason| text(&reason));
                (LineKind::Bad, format!("the event rests here: {reason}"))
            }
            EntryKind::DeadLettered { from, .. } if *from == self.source_queue => {
                (LineKind::Step, "holds the message, which its own queue gave up".to_owned())
            }
            EntryKind::DeadLettered { .. } => (LineKind::Bad, "the event rests here: received too often".to_owned()),
            what if is_redrive(what) => {
                let series = self.tasks.begin_series();
                (LineKind::Step, format!("holds the redriven event, which begins series {series}"))
            }
            EntryKind::Queued { .. } => match self.tasks.next_stop_event() {
                Some(task) => (LineKind::Step, format!("holds the stop event of {task}")),
                None => (LineKind::Step, "holds the failed event".to_owned()),
            },
            EntryKind::Received { count, .. } if *count > 1 => {
                (LineKind::Step, format!("offers it for the {} time", nth(*count)))
            }
            EntryKind::VisibilityChanged { timeout, .. } => {
                let until = self.since_begin(entry.at) + *timeout;
                let (seconds, until) = (timeout.as_secs(), until.as_secs_f64());
                (LineKind::Step, format!("the next attempt waits here for {seconds} s, until {until:.1}"))
            }
            EntryKind::Returned { message_id } if !self.waits.hold(message_id) => {
                (LineKind::Bad, "keeps it: it wasn't dispatched".to_owned())
            }
            _ => return None,
        })
    }

    fn call(&self, what: &EntryKind) -> Option<(LineKind, String)> {
        let EntryKind::Called { operation, status, code, .. } = what else { return None };
        let failed = code.is_some() || !(200..300).contains(status);
        // What is not saved yet is asked for by each job that saves.
        if !self.verbose && operation == "GetObject" && code.as_deref() == Some("NoSuchKey") {
            return None;
        }
        let shown = self.verbose || failed || operation == "RunTask" || operation == "GetFunction";
        let kind = if failed { LineKind::Bad } else { LineKind::Step };
        let answer = match (status, code) {
            (0, _) => "the connection was reset".to_owned(),
            (status, Some(code)) => format!("{status} {code}"),
            (status, None) => status.to_string(),
        };
        shown.then(|| (kind, format!("{operation}: {answer}")))
    }
}

/// The queue that triggers the primary.
fn source_queue(what: &EntryKind) -> Option<(LineKind, String)> {
    Some(match what {
        EntryKind::Queued { message_id, .. } => (LineKind::Step, format!("holds the message {message_id}")),
        EntryKind::Returned { .. } => {
            (LineKind::Step, "has the message back, until its visibility timeout is over".to_owned())
        }
        EntryKind::Deleted { .. } => (LineKind::Good, "is done with the message".to_owned()),
        _ => return None,
    })
}

/// Whether a message that came into the failure queue was redriven: Lambda and EventBridge say whose request it is about.
pub(crate) fn is_redrive(what: &EntryKind) -> bool {
    matches!(what, EntryKind::Queued { request_id: None, .. })
}

/// An error's type as a prefix; the type of a boxed error, as Lambda knows it, says nothing.
pub(crate) fn type_of(error_type: &str) -> String {
    if error_type.starts_with('&') { String::new() } else { format!("{error_type}: ") }
}

/// A line as it can be shown among others: Lambda's own have tabs.
fn text(line: &str) -> String {
    line.trim_end().replace('\t', "  ")
}

/// Whether a line is in the embedded metric format, which is for `CloudWatch` and not for a person:
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>
fn is_metric(line: &str) -> bool {
    serde_json::from_str::<serde_json::Value>(line).is_ok_and(|line| line["_aws"]["CloudWatchMetrics"].is_array())
}

fn nth(number: u32) -> String {
    let suffix = match number {
        1 => "st",
        2 => "nd",
        3 => "rd",
        _ => "th",
    };
    format!("{number}{suffix}")
}

#[cfg(test)]
mod tests;
