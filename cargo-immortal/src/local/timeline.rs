//! From what happened on the emulator to what is shown: a step, or nothing.

mod dispatcher;
mod tasks;
mod waits;

use std::time::Duration;

use immortal_emulator::{EntryKind, EntrySource, JournalEntry, Message};

use self::{tasks::TimelineTasks, waits::PlannedWaits};
use super::{dead_letter, plan::LocalPlan};
use crate::report::{JobPlace, JobStep, StepKind, StepSpan, dispatcher_message, early_end, is_metric};

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

    /// The steps to show once this has happened: mostly one, or none.
    pub(crate) fn steps(&mut self, entry: &JournalEntry, dead_letters: DeadLetters<'_>) -> Vec<JobStep> {
        let step = self.step(entry, dead_letters);
        let steps = self.waits.pass(entry, step.clone());
        if self.verbose { step.into_iter().collect() } else { steps }
    }

    /// The step for the next thing that happened; `None` if it isn't worth one.
    fn step(&mut self, entry: &JournalEntry, dead_letters: DeadLetters<'_>) -> Option<JobStep> {
        self.begin.get_or_insert(entry.at);
        if let EntrySource::Task { arn, .. } = &entry.source {
            self.tasks.record_entry(arn, &entry.kind);
        }
        let (place, span) = (self.place(entry), span(entry));
        self.follow(&place, span);
        let (kind, text) = match &entry.source {
            EntrySource::Lambda { function, request_id } => self.lambda(function, request_id, &entry.kind)?,
            EntrySource::Task { arn, .. } => self.task(arn, &entry.kind)?,
            EntrySource::Queue { name } => self.queue(name, entry, dead_letters)?,
            EntrySource::Api => self.call(&entry.kind)?,
        };
        let is_brief = !self.verbose && self.is_told_elsewhere(entry);
        Some(JobStep { at: self.since_begin(entry.at), place, text, kind, span, is_brief })
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

    fn place(&self, entry: &JournalEntry) -> JobPlace {
        match (&entry.source, &entry.kind) {
            (EntrySource::Lambda { function, .. }, _) if *function == self.dispatcher => {
                JobPlace::Dispatcher { function: function.clone() }
            }
            (EntrySource::Lambda { function, .. }, _) => JobPlace::Primary { function: function.clone() },
            (EntrySource::Task { arn, .. }, _) => self.tasks.place(arn),
            (EntrySource::Queue { name }, _) => JobPlace::Queue { name: name.clone() },
            (EntrySource::Api, EntryKind::Called { service, .. }) => JobPlace::Api { service: (*service).to_owned() },
            (EntrySource::Api, _) => JobPlace::Api { service: String::new() },
        }
    }

    /// Keeps track of what runs.
    fn follow(&mut self, place: &JobPlace, span: StepSpan) {
        let status = match place {
            JobPlace::Primary { function } | JobPlace::Dispatcher { function } => format!("{function} runs in Lambda"),
            JobPlace::Task { .. } => format!("{} runs on {place}", self.primary),
            JobPlace::Queue { .. } | JobPlace::Api { .. } => return,
        };
        match span {
            StepSpan::Begins => self.running.push(status),
            StepSpan::Ends => {
                let ended = self.running.iter().position(|running| *running == status);
                ended.map(|ended| self.running.remove(ended));
            }
            StepSpan::Moment | StepSpan::Lasts(_) => {}
        }
    }

    fn lambda(&self, function: &str, request_id: &str, what: &EntryKind) -> Option<(StepKind, String)> {
        if let EntryKind::Log { line, .. } = what {
            if function != self.dispatcher {
                let is_ours = self.no_hand_over && line.contains(SEQUENTIAL_WARNING);
                return (!is_ours).then(|| (StepKind::Log, text(line)));
            }
            let line = if self.verbose { Some(line.clone()) } else { dispatcher_message(line) };
            return line.map(|line| (StepKind::Note, text(&line)));
        }
        if function == self.dispatcher {
            return dispatcher::line(what, &self.waits);
        }
        Some(match what {
            EntryKind::Invoked => (StepKind::Step, format!("takes the event: request {request_id}")),
            EntryKind::Started { attempt: 1 } => (StepKind::Step, "attempt 0 begins".to_owned()),
            EntryKind::Started { attempt } => {
                (StepKind::Step, format!("attempt 0 begins, for the {} time", nth(*attempt)))
            }
            EntryKind::Answered { .. } => (StepKind::Good, "the handler succeeded".to_owned()),
            EntryKind::ResultDelivered { destination } => {
                (StepKind::Good, format!("result delivered to {destination}"))
            }
            EntryKind::ResultDropped { destination } => (
                StepKind::Bad,
                format!(
                    "the result is gone: {destination} doesn't take it, which on AWS only the metric DestinationDeliveryFailures tells"
                ),
            ),
            EntryKind::Failed { error_type, message } => match early_end(error_type) {
                Some(end) => (StepKind::Step, end.to_owned()),
                None => (StepKind::Bad, format!("failed: {}{message}", type_of(error_type))),
            },
            EntryKind::TimedOut { after } => (StepKind::Bad, format!("killed at its timeout of {} s", after.as_secs())),
            EntryKind::Retrying { after } => {
                (StepKind::Step, format!("Lambda tries again in {:.1} s", after.as_secs_f64()))
            }
            EntryKind::Discarded => (StepKind::Bad, "the event is gone: nothing catches what fails".to_owned()),
            _ => return None,
        })
    }

    fn task(&mut self, arn: &str, what: &EntryKind) -> Option<(StepKind, String)> {
        match what {
            EntryKind::Log { line, .. } if !self.verbose && is_metric(line) => None,
            EntryKind::Log { line, .. } => self.tasks.log(arn, line),
            _ => tasks::line(what, self.tasks.growth(arn)),
        }
    }

    fn queue(&mut self, name: &str, entry: &JournalEntry, dead_letters: DeadLetters<'_>) -> Option<(StepKind, String)> {
        if name == self.source_queue {
            return source_queue(&entry.kind);
        }
        if self.result_queue.as_deref() == Some(name) {
            let is_queued = matches!(entry.kind, EntryKind::Queued { .. });
            return is_queued.then(|| (StepKind::Step, "holds the result".to_owned()));
        }
        Some(match &entry.kind {
            EntryKind::Queued { message_id, .. } if name == self.dead_letter_queue => {
                let reason = dead_letters(message_id).as_ref().and_then(dead_letter::reason);
                let reason = reason.map_or_else(|| "given up".to_owned(), |reason| text(&reason));
                (StepKind::Bad, format!("the event rests here: {reason}"))
            }
            EntryKind::DeadLettered { from, .. } if *from == self.source_queue => {
                (StepKind::Step, "holds the message, which its own queue gave up".to_owned())
            }
            EntryKind::DeadLettered { .. } => (StepKind::Bad, "the event rests here: received too often".to_owned()),
            what if is_redrive(what) => {
                let series = self.tasks.begin_series();
                (StepKind::Step, format!("holds the redriven event, which begins series {series}"))
            }
            EntryKind::Queued { .. } => match self.tasks.next_stop_event() {
                Some(task) => (StepKind::Step, format!("holds the stop event of {task}")),
                None => (StepKind::Step, "holds the failed event".to_owned()),
            },
            EntryKind::Received { count, .. } if *count > 1 => {
                (StepKind::Step, format!("offers it for the {} time", nth(*count)))
            }
            EntryKind::VisibilityChanged { timeout, .. } => {
                let until = self.since_begin(entry.at) + *timeout;
                let (seconds, until) = (timeout.as_secs(), until.as_secs_f64());
                (StepKind::Step, format!("the next attempt waits here for {seconds} s, until {until:.1}"))
            }
            EntryKind::Returned { message_id } if !self.waits.hold(message_id) => {
                (StepKind::Bad, "keeps it: it wasn't dispatched".to_owned())
            }
            _ => return None,
        })
    }

    fn call(&self, what: &EntryKind) -> Option<(StepKind, String)> {
        let EntryKind::Called { operation, status, code, .. } = what else { return None };
        let failed = code.is_some() || !(200..300).contains(status);
        // What is not saved yet is asked for by each job that saves.
        if !self.verbose && operation == "GetObject" && code.as_deref() == Some("NoSuchKey") {
            return None;
        }
        let shown = self.verbose || failed || operation == "RunTask" || operation == "GetFunction";
        let kind = if failed { StepKind::Bad } else { StepKind::Step };
        let answer = match (status, code) {
            (0, _) => "the connection was reset".to_owned(),
            (status, Some(code)) => format!("{status} {code}"),
            (status, None) => status.to_string(),
        };
        shown.then(|| (kind, format!("{operation}: {answer}")))
    }
}

/// What an entry is of something that takes time.
fn span(entry: &JournalEntry) -> StepSpan {
    match (&entry.source, &entry.kind) {
        (EntrySource::Lambda { .. }, EntryKind::Started { .. })
        | (EntrySource::Task { .. }, EntryKind::TaskStarted { .. }) => StepSpan::Begins,
        (
            EntrySource::Lambda { .. },
            EntryKind::Answered { .. } | EntryKind::Failed { .. } | EntryKind::TimedOut { .. },
        )
        | (EntrySource::Task { .. }, EntryKind::TaskStopped { .. }) => StepSpan::Ends,
        (EntrySource::Queue { .. }, EntryKind::VisibilityChanged { timeout, .. }) => StepSpan::Lasts(*timeout),
        _ => StepSpan::Moment,
    }
}

/// The queue that triggers the primary.
fn source_queue(what: &EntryKind) -> Option<(StepKind, String)> {
    Some(match what {
        EntryKind::Queued { message_id, .. } => (StepKind::Step, format!("holds the message {message_id}")),
        EntryKind::Returned { .. } => {
            (StepKind::Step, "has the message back, until its visibility timeout is over".to_owned())
        }
        EntryKind::Deleted { .. } => (StepKind::Good, "is done with the message".to_owned()),
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
