//! The tasks of the timeline: which is which, and whose lines are whose.

use immortal_emulator::EntryKind;

use super::{LineKind, text};

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
}

impl TimelineTasks {
    /// Notes that a redrive begins the next series, and returns its number.
    pub(super) fn begin_series(&mut self) -> u32 {
        self.series += 1;
        self.series
    }

    /// Keeps track of what happens to a task.
    pub(super) fn note(&mut self, arn: &str, what: &EntryKind) {
        match what {
            EntryKind::TaskStarted { attempt, memory, .. } => {
                let task = self.task(arn);
                (task.attempt, task.memory) = (*attempt, Some(*memory));
            }
            EntryKind::TaskStopped { .. } => self.task(arn).stop_is_news = true,
            _ => (),
        }
    }

    /// What the timeline calls the task.
    pub(super) fn name(&self, arn: &str) -> String {
        let id = || format!("task {}", arn.rsplit('/').next().unwrap_or_default());
        self.find(arn).and_then(TimelineTask::name).unwrap_or_else(id)
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
        Some(self.name(&arn))
    }

    /// A line that a task wrote.
    pub(super) fn log(&mut self, arn: &str, line: &str) -> Option<(LineKind, String)> {
        let task = self.tasks.iter_mut().find(|task| task.arn == arn);
        let kind = task.map_or(LineKind::Note, |task| task.kind(line));
        (!line.is_empty()).then(|| (kind, text(line)))
    }

    fn find(&self, arn: &str) -> Option<&TimelineTask> {
        self.tasks.iter().find(|task| task.arn == arn)
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
            });
        }
        &mut self.tasks[at]
    }
}

impl TimelineTask {
    fn name(&self) -> Option<String> {
        match (self.series, self.attempt?) {
            (0, attempt) => Some(format!("attempt {attempt}")),
            (series, attempt) => Some(format!("series {series}, attempt {attempt}")),
        }
    }

    /// Whose line it is.
    fn kind(&mut self, line: &str) -> LineKind {
        let platform = ["START RequestId: ", "END RequestId: ", "REPORT RequestId: "];
        if platform.iter().any(|prefix| line.starts_with(prefix)) {
            self.in_handler = line.starts_with(platform[0]);
            return LineKind::Note;
        }
        if self.in_handler { LineKind::Log } else { LineKind::Note }
    }
}

/// `growth` is by how much memory the task has more than the one before it: from, to.
pub(super) fn line(what: &EntryKind, growth: Option<(u32, u32)>) -> Option<(LineKind, String)> {
    Some(match what {
        EntryKind::TaskStarted { spot, .. } => {
            let spot = if *spot { ", on Spot" } else { "" };
            let growth = growth.map(|(from, to)| format!(", with {to} MiB of memory instead of {from}"));
            (LineKind::Step, format!("the task begins{spot}{}", growth.unwrap_or_default()))
        }
        EntryKind::TaskStopping { stop_code } => (LineKind::Bad, format!("told to stop: {}", stop_code.as_str())),
        EntryKind::TaskStopped { exit_code: Some(0), .. } => {
            (LineKind::Good, "the handler succeeded: exit 0".to_owned())
        }
        EntryKind::TaskStopped { exit_code: Some(code), stop_code, reason } => {
            (LineKind::Bad, format!("stopped: exit {code}, {}: {reason}", stop_code.as_str()))
        }
        EntryKind::TaskStopped { exit_code: None, stop_code, reason } => {
            (LineKind::Bad, format!("never ran: {}: {reason}", stop_code.as_str()))
        }
        _ => return None,
    })
}
