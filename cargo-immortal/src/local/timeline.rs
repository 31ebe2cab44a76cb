//! From what happened to what is shown: a line, or nothing.

use std::time::Duration;

use immortal_core::names::HANDED_OVER;
use immortal_emulator::{EntryKind, EntrySource, JournalEntry};

use super::plan::Plan;

/// One line of the timeline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) at: Duration,
    pub(crate) place: String,
    pub(crate) text: String,
    pub(crate) kind: Kind,
}

/// What a line tells, and so how it looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
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

/// Knows the names, and which task is which attempt.
#[derive(Debug)]
pub(crate) struct Timeline {
    primary: String,
    dispatcher: String,
    dead_letter_queue: String,
    verbose: bool,
    tasks: Vec<Task>,
    begin: Option<Duration>,
    /// What runs, each by its place, the latest last.
    running: Vec<String>,
}

/// A task, as far as its lines have to be told apart.
#[derive(Debug)]
struct Task {
    arn: String,
    attempt: Option<u32>,
    /// Between the runner's `START` and `END`, lines are the handler's, its result the last of them.
    in_handler: bool,
}

impl Timeline {
    pub(crate) fn new(plan: &Plan) -> Self {
        Self {
            primary: plan.primary.clone(),
            dispatcher: plan.dispatcher.clone(),
            dead_letter_queue: plan.dead_letter_queue.clone(),
            verbose: plan.verbose,
            tasks: Vec::new(),
            begin: None,
            running: Vec::new(),
        }
    }

    /// What runs now, if anything does.
    pub(crate) fn status(&self) -> Option<&str> {
        self.running.last().map(String::as_str)
    }

    /// How long it is since the first thing that happened.
    pub(crate) fn since_begin(&self, at: Duration) -> Duration {
        at.saturating_sub(self.begin.unwrap_or(at))
    }

    /// The line for the next thing that happened; `None` if it isn't worth one.
    pub(crate) fn line(&mut self, entry: &JournalEntry) -> Option<Line> {
        self.begin.get_or_insert(entry.at);
        if let (EntrySource::Task { arn, .. }, EntryKind::TaskStarted { attempt, .. }) = (&entry.source, &entry.kind) {
            self.tasks.push(Task { arn: arn.clone(), attempt: *attempt, in_handler: false });
        }
        let place = self.place(entry);
        let (kind, text) = match &entry.source {
            EntrySource::Lambda { function, request_id } => self.lambda(function, request_id, &entry.kind)?,
            EntrySource::Task { arn, .. } => self.task(arn, &place, &entry.kind)?,
            EntrySource::Queue { name } => self.queue(name, &entry.kind)?,
            EntrySource::Api => self.call(&entry.kind)?,
        };
        Some(Line { at: self.since_begin(entry.at), place, text, kind })
    }

    fn place(&self, entry: &JournalEntry) -> String {
        match (&entry.source, &entry.kind) {
            (EntrySource::Lambda { function, .. }, _) => format!("Lambda {function}"),
            (EntrySource::Task { arn, .. }, _) => match self.tasks.iter().find(|task| task.arn == *arn) {
                Some(Task { attempt: Some(attempt), .. }) => format!("Fargate, attempt {attempt}"),
                _ => format!("Fargate {}", arn.rsplit('/').next().unwrap_or_default()),
            },
            (EntrySource::Queue { name }, _) => format!("SQS {name}"),
            (EntrySource::Api, EntryKind::Called { service, .. }) => format!("API {service}"),
            (EntrySource::Api, _) => "API".to_owned(),
        }
    }

    fn lambda(&mut self, function: &str, request_id: &str, what: &EntryKind) -> Option<(Kind, String)> {
        if let EntryKind::Log { line, .. } = what {
            let kind = if function == self.dispatcher { Kind::Note } else { Kind::Log };
            return Some((kind, text(line)));
        }
        let status = || format!("{function} runs in Lambda");
        match what {
            EntryKind::Started { .. } => self.running.push(status()),
            EntryKind::Answered { .. } | EntryKind::Failed { .. } | EntryKind::TimedOut { .. } => self.ended(&status()),
            _ => (),
        }
        if function == self.dispatcher {
            return dispatcher(what);
        }
        Some(match what {
            EntryKind::Invoked => (Kind::Step, format!("takes the event: request {request_id}")),
            EntryKind::Started { attempt: 1 } => (Kind::Step, "attempt 0 begins".to_owned()),
            EntryKind::Started { attempt } => (Kind::Step, format!("attempt 0 begins, for the {} time", nth(*attempt))),
            EntryKind::Answered { .. } => (Kind::Good, "the handler succeeded".to_owned()),
            EntryKind::Failed { error_type, .. } if error_type == HANDED_OVER => {
                (Kind::Step, "hands the event over, before its deadline".to_owned())
            }
            EntryKind::Failed { error_type, message } => {
                (Kind::Bad, format!("failed: {}{message}", type_of(error_type)))
            }
            EntryKind::TimedOut { after } => (Kind::Bad, format!("killed at its timeout of {} s", after.as_secs())),
            EntryKind::Retrying { after } => {
                (Kind::Step, format!("Lambda tries again in {:.1} s", after.as_secs_f64()))
            }
            EntryKind::Discarded => (Kind::Bad, "the event is gone: nothing catches what fails".to_owned()),
            _ => return None,
        })
    }

    fn task(&mut self, arn: &str, place: &str, what: &EntryKind) -> Option<(Kind, String)> {
        let status = format!("{} runs on {place}", self.primary);
        match what {
            EntryKind::TaskStarted { .. } => self.running.push(status),
            EntryKind::TaskStopped { .. } => self.ended(&status),
            _ => (),
        }
        Some(match what {
            EntryKind::Log { line, .. } => {
                let task = self.tasks.iter_mut().find(|task| task.arn == arn);
                let kind = task.map_or(Kind::Note, |task| task.kind(line));
                return (!line.is_empty()).then(|| (kind, text(line)));
            }
            EntryKind::TaskStarted { spot: true, .. } => (Kind::Step, "the task begins, on Spot".to_owned()),
            EntryKind::TaskStarted { spot: false, .. } => (Kind::Step, "the task begins".to_owned()),
            EntryKind::TaskStopping { stop_code } => (Kind::Bad, format!("told to stop: {}", stop_code.as_str())),
            EntryKind::TaskStopped { exit_code: Some(0), .. } => {
                (Kind::Good, "the handler succeeded: exit 0".to_owned())
            }
            EntryKind::TaskStopped { exit_code: Some(code), stop_code, reason } => {
                (Kind::Bad, format!("stopped: exit {code}, {}: {reason}", stop_code.as_str()))
            }
            EntryKind::TaskStopped { exit_code: None, stop_code, reason } => {
                (Kind::Bad, format!("never ran: {}: {reason}", stop_code.as_str()))
            }
            _ => return None,
        })
    }

    fn ended(&mut self, status: &str) {
        if let Some(ended) = self.running.iter().position(|running| running == status) {
            self.running.remove(ended);
        }
    }

    fn queue(&self, name: &str, what: &EntryKind) -> Option<(Kind, String)> {
        let dead = name == self.dead_letter_queue;
        Some(match what {
            EntryKind::Queued { .. } if dead => (Kind::Bad, "the event rests here: given up".to_owned()),
            EntryKind::DeadLettered { .. } => (Kind::Bad, "the event rests here: received too often".to_owned()),
            EntryKind::Queued { .. } => (Kind::Step, "holds the failed event".to_owned()),
            EntryKind::Received { count, .. } if *count > 1 => {
                (Kind::Step, format!("offers it for the {} time", nth(*count)))
            }
            EntryKind::Returned { .. } => (Kind::Bad, "keeps it: it wasn't dispatched".to_owned()),
            _ => return None,
        })
    }

    fn call(&self, what: &EntryKind) -> Option<(Kind, String)> {
        let EntryKind::Called { operation, status, code, .. } = what else { return None };
        let failed = code.is_some() || !(200..300).contains(status);
        let shown = self.verbose || failed || operation == "RunTask" || operation == "GetFunction";
        let kind = if failed { Kind::Bad } else { Kind::Step };
        let answer = match (status, code) {
            (0, _) => "the connection was reset".to_owned(),
            (status, Some(code)) => format!("{status} {code}"),
            (status, None) => status.to_string(),
        };
        shown.then(|| (kind, format!("{operation}: {answer}")))
    }
}

impl Task {
    /// Whose line it is.
    fn kind(&mut self, line: &str) -> Kind {
        let platform = ["START RequestId: ", "END RequestId: ", "REPORT RequestId: "];
        if platform.iter().any(|prefix| line.starts_with(prefix)) {
            self.in_handler = line.starts_with(platform[0]);
            return Kind::Note;
        }
        if self.in_handler { Kind::Log } else { Kind::Note }
    }
}

/// An error's type as a prefix; the type of a boxed error, as Lambda knows it, says nothing.
fn type_of(error_type: &str) -> String {
    if error_type.starts_with('&') { String::new() } else { format!("{error_type}: ") }
}

/// A line as it can be shown among others: Lambda's own have tabs.
fn text(line: &str) -> String {
    line.trim_end().replace('\t', "  ")
}

fn dispatcher(what: &EntryKind) -> Option<(Kind, String)> {
    Some(match what {
        EntryKind::Started { .. } => (Kind::Step, "the dispatcher begins".to_owned()),
        EntryKind::Answered { body } => match given_back(body) {
            0 => (Kind::Step, "the dispatcher is done".to_owned()),
            records => (Kind::Bad, format!("the dispatcher gives back {records} of its records")),
        },
        EntryKind::Failed { error_type, message } => {
            (Kind::Bad, format!("the dispatcher failed: {error_type}: {message}"))
        }
        EntryKind::TimedOut { after } => (Kind::Bad, format!("the dispatcher was killed after {} s", after.as_secs())),
        EntryKind::Retrying { after } => (Kind::Step, format!("Lambda tries again in {:.1} s", after.as_secs_f64())),
        EntryKind::Discarded => (Kind::Bad, "the event is gone: nothing catches what fails".to_owned()),
        _ => return None,
    })
}

/// How many records a partial batch response names.
fn given_back(body: &[u8]) -> usize {
    let response: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
    response.get("batchItemFailures").and_then(serde_json::Value::as_array).map_or(0, Vec::len)
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
