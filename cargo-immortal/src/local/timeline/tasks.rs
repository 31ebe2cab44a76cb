//! The tasks of the timeline: which is which, and whose lines are whose.

use immortal_emulator::EntryKind;

use super::text;
use crate::report::{JobPlace, StepKind, TaskAttempt};

/// All tasks, in the order in which they were seen.
#[derive(Debug, Default)]
pub(super) struct TimelineTasks {
    tasks: Vec<TimelineTask>,
    series: u32,
}

/// A task, as far as its lines have to be told apart.
#[derive(Debug)]
struct TimelineTask {
    arn: String,
    /// `None` for one that never ran.
    attempt: Option<u32>,
    series: u32,
    /// Between the runner's `START` and `END`, lines are the handler's, its result the last of them.
    in_handler: bool,
    /// It stopped, and the event of that isn't in the queue yet.
    stop_is_news: bool,
    /// Its memory in MiB, once it runs.
    memory: Option<u32>,
    is_spot: bool,
}

impl TimelineTasks {
    /// Notes that a redrive begins the next series, and returns its number.
    pub(super) fn begin_series(&mut self) -> u32 {
        self.series += 1;
        self.series
    }

    /// Keeps track of what happens to a task.
    pub(super) fn record_entry(&mut self, arn: &str, what: &EntryKind) {
        match what {
            EntryKind::TaskStarted { attempt, memory, spot } => {
                let task = self.task(arn);
                (task.attempt, task.memory, task.is_spot) = (*attempt, Some(*memory), *spot);
            }
            EntryKind::TaskStopped { .. } => self.task(arn).stop_is_news = true,
            _ => (),
        }
    }

    /// Which attempt the task is, as far as it is known.
    pub(super) fn place(&self, arn: &str) -> JobPlace {
        let task = self.tasks.iter().find(|task| task.arn == arn);
        let attempt = |task: &TimelineTask| Some(TaskAttempt { series: task.series, attempt: task.attempt? });
        JobPlace::Task {
            id: arn.rsplit('/').next().unwrap_or_default().to_owned(),
            attempt: task.and_then(attempt),
            is_spot: task.is_some_and(|task| task.is_spot),
        }
    }

    /// By how much memory, in MiB, a task has more than the one that ran before it: from, to.
    pub(super) fn growth(&self, arn: &str) -> Option<(u32, u32)> {
        let at = self.tasks.iter().position(|task| task.arn == arn)?;
        let before = self.tasks[..at].iter().rev().find_map(|task| task.memory)?;
        self.tasks[at].memory.filter(|memory| *memory > before).map(|memory| (before, memory))
    }

    /// The task whose stop event comes into the queue next.
    pub(super) fn next_stop_event(&mut self) -> Option<String> {
        let task = self.tasks.iter_mut().find(|task| task.stop_is_news)?;
        task.stop_is_news = false;
        let arn = task.arn.clone();
        Some(match self.place(&arn) {
            JobPlace::Task { attempt: Some(attempt), .. } => attempt.to_string(),
            JobPlace::Task { id, .. } => format!("task {id:.8}"),
            _ => return None,
        })
    }

    /// A line that a task wrote.
    pub(super) fn log(&mut self, arn: &str, line: &str) -> Option<(StepKind, String)> {
        let task = self.tasks.iter_mut().find(|task| task.arn == arn);
        let kind = task.map_or(StepKind::Note, |task| task.kind(line));
        (!line.is_empty()).then(|| (kind, text(line)))
    }

    fn task(&mut self, arn: &str) -> &mut TimelineTask {
        let known = self.tasks.iter().position(|task| task.arn == arn);
        let at = known.unwrap_or(self.tasks.len());
        if known.is_none() {
            let (arn, series) = (arn.to_owned(), self.series);
            self.tasks.push(TimelineTask {
                arn,
                attempt: None,
                series,
                in_handler: false,
                stop_is_news: false,
                memory: None,
                is_spot: false,
            });
        }
        &mut self.tasks[at]
    }
}

impl TimelineTask {
    /// Whose line it is.
    fn kind(&mut self, line: &str) -> StepKind {
        let platform = ["START RequestId: ", "END RequestId: ", "REPORT RequestId: "];
        if platform.iter().any(|prefix| line.starts_with(prefix)) {
            self.in_handler = line.starts_with(platform[0]);
            return StepKind::Note;
        }
        if self.in_handler { StepKind::Log } else { StepKind::Note }
    }
}

/// `growth` is by how much memory the task has more than the one before it: from, to.
pub(super) fn line(what: &EntryKind, growth: Option<(u32, u32)>) -> Option<(StepKind, String)> {
    Some(match what {
        EntryKind::TaskStarted { spot, .. } => {
            let spot = if *spot { ", on Spot" } else { "" };
            let growth = growth.map(|(from, to)| format!(", with {to} MiB of memory instead of {from}"));
            (StepKind::Step, format!("the task begins{spot}{}", growth.unwrap_or_default()))
        }
        EntryKind::TaskStopping { stop_code } => (StepKind::Bad, format!("told to stop: {}", stop_code.as_str())),
        EntryKind::TaskStopped { exit_code: Some(0), .. } => {
            (StepKind::Good, "the handler succeeded: exit 0".to_owned())
        }
        EntryKind::TaskStopped { exit_code: Some(code), stop_code, reason } => {
            (StepKind::Bad, format!("stopped: exit {code}, {}: {reason}", stop_code.as_str()))
        }
        EntryKind::TaskStopped { exit_code: None, stop_code, reason } => {
            (StepKind::Bad, format!("never ran: {}: {reason}", stop_code.as_str()))
        }
        _ => return None,
    })
}
