//! What happened to each job, according to the emulator's journal.

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use immortal_emulator::{EntryKind, EntrySource, JournalEntry};

use crate::{
    deployment::{DEAD_LETTERS, PRIMARY},
    job_plan::HandlerEnd,
};

/// A task of a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TaskSpan {
    pub(crate) arn: String,
    pub(crate) series: u32,
    pub(crate) attempt: u32,
    pub(crate) created: Duration,
    /// When it had stopped; `None`: it runs.
    pub(crate) stopped: Option<Duration>,
    pub(crate) exit_code: Option<i32>,
    /// The SHA-256 of each event that its handler got, in hex.
    pub(crate) seen: Vec<String>,
}

/// What happened to one job.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct JobHistory {
    /// How often the handler answered in Lambda.
    pub(crate) answered: u32,
    /// The SHA-256 of each event that the handler got in Lambda, in hex.
    pub(crate) seen_in_lambda: Vec<String>,
    pub(crate) tasks: Vec<TaskSpan>,
}

impl JobHistory {
    /// Whether some attempt succeeded.
    pub(crate) fn is_done(&self) -> bool {
        self.answered > 0 || self.tasks.iter().any(|task| task.exit_code == Some(0))
    }
}

/// Where an attempt runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum AttemptPlace {
    Lambda,
    Fargate,
}

/// The histories of all jobs, by request id.
#[derive(Debug, Default)]
pub(crate) struct JobHistories {
    jobs: HashMap<String, JobHistory>,
    /// The tasks at work.
    running: HashSet<String>,
    /// The dead letters at rest, with their copies.
    letters: usize,
    /// How many tasks `RunTask` created.
    pub(crate) tasks: usize,
    done: usize,
    /// How often the handler took each end, by its own log.
    handler_ends: HashMap<(AttemptPlace, HandlerEnd), u64>,
}

impl JobHistories {
    /// Takes the next entry of the journal.
    pub(crate) fn add(&mut self, entry: &JournalEntry) {
        match (&entry.source, &entry.kind) {
            (EntrySource::Lambda { function, request_id }, kind) if function == PRIMARY => {
                self.add_in_lambda(request_id, kind);
            }
            // A task without `startedBy` belongs to no job: its empty request id was never sent.
            (EntrySource::Task { arn, started_by }, kind) => {
                self.add_of_task(arn, started_by.as_deref().unwrap_or_default(), kind, entry.at);
            }
            (EntrySource::Queue { name }, EntryKind::Queued { .. } | EntryKind::DeadLettered { .. })
                if name == DEAD_LETTERS =>
            {
                self.letters += 1;
            }
            _ => {}
        }
    }

    fn add_in_lambda(&mut self, request: &str, kind: &EntryKind) {
        let job = self.jobs.entry(request.to_owned()).or_default();
        let was_done = job.is_done();
        match kind {
            EntryKind::Answered { .. } => job.answered += 1,
            EntryKind::Log { line, .. } => {
                job.seen_in_lambda.extend(seen_event(line));
                if let Some(end) = handler_end(line) {
                    *self.handler_ends.entry((AttemptPlace::Lambda, end)).or_default() += 1;
                }
            }
            _ => {}
        }
        self.done += usize::from(!was_done && job.is_done());
    }

    fn add_of_task(&mut self, arn: &str, request: &str, kind: &EntryKind, at: Duration) {
        let job = self.jobs.entry(request.to_owned()).or_default();
        let was_done = job.is_done();
        let task = job.tasks.iter_mut().find(|task| task.arn == arn);
        match (kind, task) {
            (EntryKind::TaskCreated { series, attempt }, _) => {
                self.tasks += 1;
                self.running.insert(arn.to_owned());
                job.tasks.push(TaskSpan {
                    arn: arn.to_owned(),
                    series: *series,
                    attempt: attempt.unwrap_or(1),
                    created: at,
                    stopped: None,
                    exit_code: None,
                    seen: Vec::new(),
                });
            }
            (EntryKind::TaskStopped { exit_code, .. }, Some(task)) => {
                self.running.remove(arn);
                (task.stopped, task.exit_code) = (Some(at), *exit_code);
            }
            (EntryKind::Log { line, .. }, Some(task)) => {
                task.seen.extend(seen_event(line));
                if let Some(end) = handler_end(line) {
                    *self.handler_ends.entry((AttemptPlace::Fargate, end)).or_default() += 1;
                }
            }
            _ => {}
        }
        self.done += usize::from(!was_done && job.is_done());
    }

    /// Notes that so many dead letters were redriven.
    pub(crate) fn add_redrive(&mut self, letters: usize) {
        self.letters = self.letters.saturating_sub(letters);
    }

    /// About how many jobs have come to an end, for the pace: a copy of a letter counts too.
    pub(crate) fn ended(&self) -> usize {
        self.done + self.letters
    }

    /// The tasks at work.
    pub(crate) fn running(&self) -> impl Iterator<Item = &str> {
        self.running.iter().map(String::as_str)
    }

    /// The history of a job; empty if nothing was heard of it.
    pub(crate) fn history(&self, request: &str) -> JobHistory {
        self.jobs.get(request).cloned().unwrap_or_default()
    }

    /// The requests for which an attempt was made.
    pub(crate) fn requests(&self) -> impl Iterator<Item = &str> {
        let was_attempted = |job: &JobHistory| *job != JobHistory::default();
        self.jobs.iter().filter(move |(_, job)| was_attempted(job)).map(|(request, _)| request.as_str())
    }

    /// How often the handler took this end.
    pub(crate) fn handler_ends(&self, place: AttemptPlace, end: HandlerEnd) -> u64 {
        self.handler_ends.get(&(place, end)).copied().unwrap_or_default()
    }
}

/// The SHA-256 of the event that the handler printed.
fn seen_event(line: &str) -> Option<String> {
    line.strip_prefix("saw ").map(str::to_owned)
}

/// The end that the handler printed.
fn handler_end(line: &str) -> Option<HandlerEnd> {
    HandlerEnd::from_code(line.strip_prefix("ends ")?)
}

#[cfg(test)]
mod tests {
    use immortal_emulator::{OutputStream, StopCode};

    use super::*;

    fn log(line: &str) -> EntryKind {
        EntryKind::Log { stream: OutputStream::Stdout, line: line.to_owned() }
    }

    fn history_of(entries: Vec<(EntrySource, EntryKind)>) -> JobHistories {
        let mut histories = JobHistories::default();
        for (second, (source, kind)) in (0..).zip(entries) {
            histories.add(&JournalEntry { at: Duration::from_secs(second), source, kind });
        }
        histories
    }

    #[test]
    fn what_an_attempt_saw_is_its_own() {
        let lambda = || EntrySource::Lambda { function: PRIMARY.into(), request_id: "r-1".into() };
        let task = |arn: &str| EntrySource::Task { arn: arn.into(), started_by: Some("r-1".into()) };
        let created = |attempt| EntryKind::TaskCreated { series: 0, attempt: Some(attempt) };
        let stopped = |exit_code| EntryKind::TaskStopped {
            exit_code: Some(exit_code),
            stop_code: StopCode::EssentialContainerExited,
            reason: String::new(),
        };
        let histories = history_of(vec![
            (lambda(), log("saw e0")),
            (lambda(), log("ends f")),
            (task("t-1"), created(1)),
            (task("t-1"), stopped(70)),
            (task("t-2"), created(2)),
            (task("t-2"), log("saw e2")),
            (task("t-2"), log("ends s")),
            (task("t-2"), log("ends of lines that aren't the handler's")),
            (task("t-2"), stopped(0)),
        ]);
        let job = histories.history("r-1");
        assert_eq!((job.answered, job.seen_in_lambda), (0, vec!["e0".to_owned()]));
        let tasks: Vec<_> = job.tasks.iter().map(|task| (task.attempt, task.exit_code, task.seen.join(","))).collect();
        assert_eq!(tasks, [(1, Some(70), String::new()), (2, Some(0), "e2".to_owned())]);
        let ends = [
            (AttemptPlace::Lambda, HandlerEnd::Fail),
            (AttemptPlace::Fargate, HandlerEnd::Fail),
            (AttemptPlace::Fargate, HandlerEnd::Succeed),
        ];
        assert_eq!(ends.map(|(place, end)| histories.handler_ends(place, end)), [1, 0, 1]);
        assert_eq!((histories.ended(), histories.tasks), (1, 2));
    }

    #[test]
    fn a_task_without_a_request_is_an_attempt_of_nobodys() {
        let nameless = EntrySource::Task { arn: "t-1".into(), started_by: None };
        let other = EntrySource::Lambda { function: PRIMARY.into(), request_id: "r-1".into() };
        let created = EntryKind::TaskCreated { series: 0, attempt: Some(1) };
        let histories = history_of(vec![(nameless, created), (other, EntryKind::Invoked)]);
        assert_eq!(histories.requests().collect::<Vec<_>>(), [""]);
    }
}
