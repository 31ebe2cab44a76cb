//! From what happened to what is shown: a line, or nothing.

use std::time::Duration;

use immortal_core::names::HANDED_OVER;
use immortal_emulator::{Happening, Place, What};

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
    pub(crate) fn line(&mut self, happening: &Happening) -> Option<Line> {
        self.begin.get_or_insert(happening.at);
        if let (Place::Task { arn, .. }, What::TaskStarted { attempt, .. }) = (&happening.place, &happening.what) {
            self.tasks.push(Task { arn: arn.clone(), attempt: *attempt, in_handler: false });
        }
        let place = self.place(happening);
        let (kind, text) = match &happening.place {
            Place::Lambda { function, request_id } => self.lambda(function, request_id, &happening.what)?,
            Place::Task { arn, .. } => self.task(arn, &place, &happening.what)?,
            Place::Queue { name } => self.queue(name, &happening.what)?,
            Place::Api => self.call(&happening.what)?,
        };
        Some(Line { at: self.since_begin(happening.at), place, text, kind })
    }

    fn place(&self, happening: &Happening) -> String {
        match (&happening.place, &happening.what) {
            (Place::Lambda { function, .. }, _) => format!("Lambda {function}"),
            (Place::Task { arn, .. }, _) => match self.tasks.iter().find(|task| task.arn == *arn) {
                Some(Task { attempt: Some(attempt), .. }) => format!("Fargate, attempt {attempt}"),
                _ => format!("Fargate {}", arn.rsplit('/').next().unwrap_or_default()),
            },
            (Place::Queue { name }, _) => format!("SQS {name}"),
            (Place::Api, What::Called { service, .. }) => format!("API {service}"),
            (Place::Api, _) => "API".to_owned(),
        }
    }

    fn lambda(&mut self, function: &str, request_id: &str, what: &What) -> Option<(Kind, String)> {
        if let What::Log { line, .. } = what {
            let kind = if function == self.dispatcher { Kind::Note } else { Kind::Log };
            return Some((kind, text(line)));
        }
        let status = || format!("{function} runs in Lambda");
        match what {
            What::Started { .. } => self.running.push(status()),
            What::Answered { .. } | What::Failed { .. } | What::TimedOut { .. } => self.ended(&status()),
            _ => (),
        }
        if function == self.dispatcher {
            return dispatcher(what);
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
        Some(match what {
            What::Log { line, .. } => {
                let task = self.tasks.iter_mut().find(|task| task.arn == arn);
                let kind = task.map_or(Kind::Note, |task| task.kind(line));
                return (!line.is_empty()).then(|| (kind, text(line)));
            }
            What::TaskStarted { spot: true, .. } => (Kind::Step, "the task begins, on Spot".to_owned()),
            What::TaskStarted { spot: false, .. } => (Kind::Step, "the task begins".to_owned()),
            What::TaskStopping { stop_code } => (Kind::Bad, format!("told to stop: {}", stop_code.as_str())),
            What::TaskStopped { exit_code: Some(0), .. } => (Kind::Good, "the handler succeeded: exit 0".to_owned()),
            What::TaskStopped { exit_code: Some(code), stop_code, reason } => {
                (Kind::Bad, format!("stopped: exit {code}, {}: {reason}", stop_code.as_str()))
            }
            What::TaskStopped { exit_code: None, stop_code, reason } => {
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

    fn queue(&self, name: &str, what: &What) -> Option<(Kind, String)> {
        let dead = name == self.dead_letter_queue;
        Some(match what {
            What::Queued { .. } if dead => (Kind::Bad, "the event rests here: given up".to_owned()),
            What::DeadLettered { .. } => (Kind::Bad, "the event rests here: received too often".to_owned()),
            What::Queued { .. } => (Kind::Step, "holds the failed event".to_owned()),
            What::Received { count, .. } if *count > 1 => {
                (Kind::Step, format!("offers it for the {} time", nth(*count)))
            }
            What::Returned { .. } => (Kind::Bad, "keeps it: it wasn't dispatched".to_owned()),
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

fn dispatcher(what: &What) -> Option<(Kind, String)> {
    Some(match what {
        What::Started { .. } => (Kind::Step, "the dispatcher begins".to_owned()),
        What::Answered { body } => match given_back(body) {
            0 => (Kind::Step, "the dispatcher is done".to_owned()),
            records => (Kind::Bad, format!("the dispatcher gives back {records} of its records")),
        },
        What::Failed { error_type, message } => (Kind::Bad, format!("the dispatcher failed: {error_type}: {message}")),
        What::TimedOut { after } => (Kind::Bad, format!("the dispatcher was killed after {} s", after.as_secs())),
        What::Retrying { after } => (Kind::Step, format!("Lambda tries again in {:.1} s", after.as_secs_f64())),
        What::Discarded => (Kind::Bad, "the event is gone: nothing catches what fails".to_owned()),
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
mod tests {
    use bytes::Bytes;
    use immortal_emulator::{StopCode, Stream};

    use super::*;

    fn timeline(verbose: bool) -> Timeline {
        Timeline {
            primary: "ingest".into(),
            dispatcher: "ingestDlq".into(),
            dead_letter_queue: "ingest-dead-letters".into(),
            verbose,
            tasks: Vec::new(),
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

    /// `place: text`, after a mark of its kind.
    fn shown(timeline: &mut Timeline, place: Place, what: What) -> Option<String> {
        let line = timeline.line(&Happening { at: Duration::ZERO, place, what })?;
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
            (
                lambda("ingest"),
                What::Started { attempt: 2 },
                Some("  Lambda ingest: attempt 0 begins, for the 2nd time"),
            ),
            (lambda("ingest"), log(Stream::Stdout), Some("| Lambda ingest: read it")),
            (lambda("ingest"), log(Stream::Stderr), Some("| Lambda ingest: read it")),
            (lambda("ingest"), What::TimedOut { after: second }, Some("! Lambda ingest: killed at its timeout of 1 s")),
            (lambda("ingest"), failed("Boom"), Some("! Lambda ingest: failed: Boom: no")),
            (
                lambda("ingest"),
                failed("&alloc::boxed::Box<dyn core::error::Error>"),
                Some("! Lambda ingest: failed: no"),
            ),
            (lambda("ingest"), failed(HANDED_OVER), Some("  Lambda ingest: hands the event over, before its deadline")),
            (lambda("ingest"), What::Retrying { after: second }, Some("  Lambda ingest: Lambda tries again in 1.0 s")),
            (
                queue("ingest-failures"),
                What::Queued { message_id: message("m"), request_id: None },
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
            (task(), log(Stream::Stderr), Some(". Fargate abc: read it")),
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
            (
                task(),
                stopped(Some(137)),
                Some("! Fargate, attempt 2: stopped: exit 137, EssentialContainerExited: why"),
            ),
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
            timeline.line(&happening).map(|line| line.at.as_secs())
        };
        assert_eq!(at(9, What::Invoked), Some(0));
        assert_eq!(at(12, What::TimedOut { after: Duration::ZERO }), Some(3));
    }

    #[test]
    fn the_status_is_what_runs() {
        let mut timeline = timeline(false);
        let mut status = |place, what| {
            timeline.line(&Happening { at: Duration::ZERO, place, what });
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
        let stopped =
            What::TaskStopped { exit_code: Some(0), stop_code: StopCode::UserInitiated, reason: String::new() };
        assert_eq!(status(task(), stopped), None);
    }
}
