//! From what happened to what is shown: a line, or nothing.

mod dispatcher;
mod tasks;
mod waits;

use std::time::Duration;

use immortal_core::names::HANDED_OVER;
use immortal_emulator::{Happening, Message, Place, What};

use self::{tasks::Tasks, waits::Waits};
use super::{dead_letter, plan::Plan};

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

/// Looks a message up in the dead-letter queue, by its id.
pub(crate) type DeadLetters<'a> = &'a dyn Fn(&str) -> Option<Message>;

/// Knows the names, which task is which attempt, and what waits.
#[derive(Debug)]
pub(crate) struct Timeline {
    primary: String,
    dispatcher: String,
    dead_letter_queue: String,
    verbose: bool,
    tasks: Tasks,
    waits: Waits,
    begin: Option<Duration>,
    /// What runs, each by its place, the latest last.
    running: Vec<String>,
}

impl Timeline {
    pub(crate) fn new(plan: &Plan) -> Self {
        Self {
            primary: plan.primary.clone(),
            dispatcher: plan.dispatcher.clone(),
            dead_letter_queue: plan.dead_letter_queue.clone(),
            verbose: plan.verbose,
            tasks: Tasks::default(),
            waits: Waits::default(),
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
    pub(crate) fn lines(&mut self, happening: &Happening, dead_letters: DeadLetters<'_>) -> Vec<Line> {
        let line = self.line(happening, dead_letters);
        let lines = self.waits.pass(happening, line.clone());
        if self.verbose { line.into_iter().collect() } else { lines }
    }

    /// The line for the next thing that happened; `None` if it isn't worth one.
    fn line(&mut self, happening: &Happening, dead_letters: DeadLetters<'_>) -> Option<Line> {
        self.begin.get_or_insert(happening.at);
        if let Place::Task { arn, .. } = &happening.place {
            self.tasks.note(arn, &happening.what);
        }
        let place = self.place(happening);
        let (kind, text) = match &happening.place {
            Place::Lambda { function, request_id } => self.lambda(function, request_id, &happening.what)?,
            Place::Task { arn, .. } => self.task(arn, &place, &happening.what)?,
            Place::Queue { name } => self.queue(name, happening, dead_letters)?,
            Place::Api => self.call(&happening.what)?,
        };
        Some(Line { at: self.since_begin(happening.at), place, text, kind })
    }

    fn place(&self, happening: &Happening) -> String {
        match (&happening.place, &happening.what) {
            (Place::Lambda { function, .. }, _) => format!("Lambda {function}"),
            (Place::Task { arn, .. }, _) => format!("Fargate, {}", self.tasks.name(arn)),
            (Place::Queue { name }, _) => format!("SQS {name}"),
            (Place::Api, What::Called { service, .. }) => format!("API {service}"),
            (Place::Api, _) => "API".to_owned(),
        }
    }

    fn lambda(&mut self, function: &str, request_id: &str, what: &What) -> Option<(Kind, String)> {
        if let What::Log { line, .. } = what {
            let is_dispatcher = function == self.dispatcher;
            let kind = if is_dispatcher { Kind::Note } else { Kind::Log };
            let hidden = is_dispatcher && !self.verbose && dispatcher::is_metric(line);
            return (!hidden).then(|| (kind, text(line)));
        }
        let status = || format!("{function} runs in Lambda");
        match what {
            What::Started { .. } => self.running.push(status()),
            What::Answered { .. } | What::Failed { .. } | What::TimedOut { .. } => self.ended(&status()),
            _ => (),
        }
        if function == self.dispatcher {
            return dispatcher::line(what, &self.waits);
        }
        Some(match what {
            What::Invoked => (Kind::Step, format!("takes the event: request {request_id}")),
            What::Started { attempt: 1 } => (Kind::Step, "attempt 0 begins".to_owned()),
            What::Started { attempt } => (Kind::Step, format!("attempt 0 begins, for the {} time", nth(*attempt))),
            What::Answered { .. } => (Kind::Good, "the handler succeeded".to_owned()),
            What::Failed { error_type, .. } if error_type == HANDED_OVER => {
                (Kind::Step, "hands the event over, before its deadline".to_owned())
            }
            What::Failed { error_type, message } => (Kind::Bad, format!("failed: {}{message}", type_of(error_type))),
            What::TimedOut { after } => (Kind::Bad, format!("killed at its timeout of {} s", after.as_secs())),
            What::Retrying { after } => (Kind::Step, format!("Lambda tries again in {:.1} s", after.as_secs_f64())),
            What::Discarded => (Kind::Bad, "the event is gone: nothing catches what fails".to_owned()),
            _ => return None,
        })
    }

    fn task(&mut self, arn: &str, place: &str, what: &What) -> Option<(Kind, String)> {
        let status = format!("{} runs on {place}", self.primary);
        match what {
            What::TaskStarted { .. } => self.running.push(status),
            What::TaskStopped { .. } => self.ended(&status),
            _ => (),
        }
        match what {
            What::Log { line, .. } => self.tasks.log(arn, line),
            _ => tasks::line(what),
        }
    }

    fn ended(&mut self, status: &str) {
        if let Some(ended) = self.running.iter().position(|running| running == status) {
            self.running.remove(ended);
        }
    }

    fn queue(&mut self, name: &str, happening: &Happening, dead_letters: DeadLetters<'_>) -> Option<(Kind, String)> {
        Some(match &happening.what {
            What::Queued { message_id, .. } if name == self.dead_letter_queue => {
                let reason = dead_letters(message_id).as_ref().and_then(dead_letter::reason);
                let reason = reason.map_or_else(|| "given up".to_owned(), |reason| text(&reason));
                (Kind::Bad, format!("the event rests here: {reason}"))
            }
            What::DeadLettered { .. } => (Kind::Bad, "the event rests here: received too often".to_owned()),
            what if is_redrive(what) => {
                let series = self.tasks.begin_series();
                (Kind::Step, format!("holds the redriven event, which begins series {series}"))
            }
            What::Queued { .. } => match self.tasks.next_stop_event() {
                Some(task) => (Kind::Step, format!("holds the stop event of {task}")),
                None => (Kind::Step, "holds the failed event".to_owned()),
            },
            What::Received { count, .. } if *count > 1 => {
                (Kind::Step, format!("offers it for the {} time", nth(*count)))
            }
            What::VisibilityChanged { timeout, .. } => {
                let until = self.since_begin(happening.at) + *timeout;
                let (seconds, until) = (timeout.as_secs(), until.as_secs_f64());
                (Kind::Step, format!("the next attempt waits here for {seconds} s, until {until:.1}"))
            }
            What::Returned { message_id } if !self.waits.hold(message_id) => {
                (Kind::Bad, "keeps it: it wasn't dispatched".to_owned())
            }
            _ => return None,
        })
    }

    fn call(&self, what: &What) -> Option<(Kind, String)> {
        let What::Called { operation, status, code, .. } = what else { return None };
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

/// Whether a message that came into the failure queue was redriven: Lambda and EventBridge say whose request it is about.
pub(crate) fn is_redrive(what: &What) -> bool {
    matches!(what, What::Queued { request_id: None, .. })
}

/// An error's type as a prefix; the type of a boxed error, as Lambda knows it, says nothing.
fn type_of(error_type: &str) -> String {
    if error_type.starts_with('&') { String::new() } else { format!("{error_type}: ") }
}

/// A line as it can be shown among others: Lambda's own have tabs.
fn text(line: &str) -> String {
    line.trim_end().replace('\t', "  ")
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
