//! What happened to each job, as the emulator's journal tells it.

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use immortal_emulator::{EntryKind, EntrySource, JournalEntry};

use crate::deployment::{DEAD_LETTERS, PRIMARY};

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
}

/// What happened to one job.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct JobHistory {
    /// How often the handler answered in Lambda.
    pub(crate) answered: u32,
    pub(crate) tasks: Vec<TaskSpan>,
    /// The SHA-256 of the event that each attempt had, in hex.
    pub(crate) seen: Vec<String>,
}

impl JobHistory {
    /// Whether some attempt succeeded.
    pub(crate) fn is_done(&self) -> bool {
        self.answered > 0 || self.tasks.iter().any(|task| task.exit_code == Some(0))
    }
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
}

impl JobHistories {
    /// Takes the next entry of the journal.
    pub(crate) fn add(&mut self, entry: &JournalEntry) {
        match (&entry.source, &entry.kind) {
            (EntrySource::Lambda { function, request_id }, what) if function == PRIMARY => {
                self.add_in_lambda(request_id, what);
            }
            (EntrySource::Task { arn, started_by: Some(request) }, what) => {
                self.add_of_task(arn, request, what, entry.at);
            }
            (EntrySource::Queue { name }, EntryKind::Queued { .. } | EntryKind::DeadLettered { .. })
                if name == DEAD_LETTERS =>
            {
                self.letters += 1;
            }
            _ => {}
        }
    }

    fn add_in_lambda(&mut self, request: &str, what: &EntryKind) {
        let job = self.jobs.entry(request.to_owned()).or_default();
        let was_done = job.is_done();
        match what {
            EntryKind::Answered { .. } => job.answered += 1,
            EntryKind::Log { line, .. } => job.seen.extend(line.strip_prefix("saw ").map(str::to_owned)),
            _ => {}
        }
        self.done += usize::from(!was_done && job.is_done());
    }

    fn add_of_task(&mut self, arn: &str, request: &str, what: &EntryKind, at: Duration) {
        let job = self.jobs.entry(request.to_owned()).or_default();
        let was_done = job.is_done();
        match what {
            EntryKind::TaskCreated { series, attempt } => {
                self.tasks += 1;
                self.running.insert(arn.to_owned());
                job.tasks.push(TaskSpan {
                    arn: arn.to_owned(),
                    series: *series,
                    attempt: attempt.unwrap_or(1),
                    created: at,
                    stopped: None,
                    exit_code: None,
                });
            }
            EntryKind::TaskStopped { exit_code, .. } => {
                self.running.remove(arn);
                if let Some(task) = job.tasks.iter_mut().find(|task| task.arn == arn) {
                    (task.stopped, task.exit_code) = (Some(at), *exit_code);
                }
            }
            EntryKind::Log { line, .. } => job.seen.extend(line.strip_prefix("saw ").map(str::to_owned)),
            _ => {}
        }
        self.done += usize::from(!was_done && job.is_done());
    }

    /// That so many dead letters were redriven.
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
    pub(crate) fn of(&self, request: &str) -> JobHistory {
        self.jobs.get(request).cloned().unwrap_or_default()
    }
}
