//! The jobs that tasks are attempts of.

use std::collections::BTreeMap;

use immortal_core::{context::Context, exit::RunnerExit, names::env, task_end::TaskEnd};
use jiff::Timestamp;
use serde::Serialize;

use super::task_cost::task_cost;
use crate::{
    aws::DescribedTask,
    operate::span::{between, moment},
};

/// One job, as far as ECS remembers it: by its latest attempt.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Job {
    pub(crate) request_id: String,
    pub(crate) series: u32,
    pub(crate) attempt: u32,
    pub(crate) state: JobState,
    /// How long it has been in this state.
    pub(crate) since_seconds: u64,
    /// How long ago its first task that is known was created.
    pub(crate) age_seconds: u64,
    pub(crate) spot: bool,
    /// In ECS units.
    pub(crate) cpu: u32,
    /// In MiB.
    pub(crate) memory: u32,
    /// Of all its tasks that are known, so far.
    pub(crate) vcpu_hours: f64,
    pub(crate) gb_hours: f64,
    /// Why its latest attempt ended.
    pub(crate) reason: Option<String>,
    /// The ARN of its latest task.
    pub(crate) task: String,
    pub(crate) created: Option<String>,
    /// How many of its tasks are known.
    pub(crate) tasks: usize,
}

/// What its latest attempt does, or how that ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum JobState {
    Starting,
    Running,
    /// Told to stop.
    Stopping,
    Succeeded,
    /// Ended by itself without success. The next attempt follows, or a dead letter.
    Failed,
    /// Ended by the platform; the next attempt follows.
    Interrupted,
    /// Stopped by a person; a dead letter follows.
    Stopped,
}

impl JobState {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Running => "running",
            Self::Stopping => "stopping",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Interrupted => "interrupted",
            Self::Stopped => "stopped",
        }
    }

    /// Whether a task is there to be stopped.
    pub(crate) fn is_at_work(self) -> bool {
        matches!(self, Self::Starting | Self::Running)
    }

    fn from_task(task: &DescribedTask) -> Self {
        let exit = task.exit_code.and_then(RunnerExit::from_code);
        match (task.last_status.as_str(), task.desired_status.as_str()) {
            ("STOPPED", _) if exit == Some(RunnerExit::Succeeded) => Self::Succeeded,
            ("STOPPED", _) => match TaskEnd::from_stop(task.stop_code.as_deref(), task.stopped_reason.as_deref()) {
                TaskEnd::Exited => Self::Failed,
                TaskEnd::Interrupted => Self::Interrupted,
                TaskEnd::StoppedByPerson => Self::Stopped,
            },
            (_, "STOPPED") => Self::Stopping,
            ("RUNNING", _) => Self::Running,
            _ => Self::Starting,
        }
    }

    fn since(self, task: &DescribedTask) -> Option<Timestamp> {
        match self {
            Self::Starting => task.created,
            Self::Running => task.started.or(task.created),
            Self::Stopping => task.stopping.or(task.started),
            Self::Succeeded | Self::Failed | Self::Interrupted | Self::Stopped => task.stopped,
        }
    }
}

/// What a task was started for: request id, series, attempt.
fn order(task: &DescribedTask) -> (String, u32, u32) {
    let number = |name: &str| task.environment.get(name).and_then(|text| text.parse().ok());
    let context = task.environment.get(env::CONTEXT).and_then(|json| serde_json::from_str::<Context>(json).ok());
    let request_id = context.map(|context| context.aws_request_id).filter(|id| !id.is_empty());
    let request_id = request_id.unwrap_or_else(|| task.started_by.clone());
    (request_id, number(env::SERIES).unwrap_or(0), number(env::ATTEMPT).unwrap_or(1))
}

/// The jobs of these tasks: those at work first, each kind with the latest first.
pub(crate) fn jobs(tasks: &[DescribedTask], now: Timestamp) -> Vec<Job> {
    let mut of_job: BTreeMap<String, Vec<(u32, u32, &DescribedTask)>> = BTreeMap::new();
    for task in tasks {
        let (request_id, series, attempt) = order(task);
        of_job.entry(request_id).or_default().push((series, attempt, task));
    }
    let mut jobs: Vec<_> = of_job.into_iter().filter_map(|(request_id, tasks)| job(request_id, tasks, now)).collect();
    jobs.sort_by_key(|job| (is_over(job.state), job.since_seconds, job.request_id.clone()));
    jobs
}

fn is_over(state: JobState) -> bool {
    !state.is_at_work() && state != JobState::Stopping
}

fn job(request_id: String, mut tasks: Vec<(u32, u32, &DescribedTask)>, now: Timestamp) -> Option<Job> {
    tasks.sort_by_key(|(series, attempt, task)| (*series, *attempt, task.created));
    let (series, attempt, latest) = *tasks.last()?;
    let state = JobState::from_task(latest);
    let first = tasks.iter().filter_map(|(_, _, task)| task.created).min();
    let costs = tasks.iter().map(|(_, _, task)| task_cost(task, now));
    let (vcpu_hours, gb_hours) = costs.fold((0.0, 0.0), |(vcpu, gb), (more, also)| (vcpu + more, gb + also));
    let seconds = |from: Option<Timestamp>| from.map_or(0, |from| between(from, now).as_secs());
    Some(Job {
        request_id,
        series,
        attempt,
        state,
        since_seconds: seconds(state.since(latest)),
        age_seconds: seconds(first),
        spot: latest.capacity_provider.as_deref() == Some("FARGATE_SPOT"),
        cpu: latest.cpu,
        memory: latest.memory,
        vcpu_hours: rounded(vcpu_hours),
        gb_hours: rounded(gb_hours),
        reason: reason(latest, state),
        task: latest.arn.clone(),
        created: latest.created.map(moment),
        tasks: tasks.len(),
    })
}

/// To the fourth place, which is a fifth of a cent at most.
fn rounded(hours: f64) -> f64 {
    (hours * 10_000.0).round() / 10_000.0
}

/// Why an attempt ended, in few words: what the exit code means, else what ECS says.
fn reason(task: &DescribedTask, state: JobState) -> Option<String> {
    let stopped = task.stopped_reason.clone().unwrap_or_default();
    Some(match state {
        JobState::Starting | JobState::Running | JobState::Succeeded => return None,
        JobState::Stopping | JobState::Interrupted | JobState::Stopped => stopped,
        JobState::Failed => match (task.exit_code, &task.container_reason) {
            (_, Some(reason)) => reason.clone(),
            (Some(code), None) => format!("exit {code}{}", meaning(code)),
            (None, None) => stopped,
        },
    })
}

fn meaning(code: i64) -> String {
    let text = match RunnerExit::from_code(code) {
        Some(RunnerExit::HandlerFailed) => "the handler returned an error",
        Some(RunnerExit::CannotRun) => "it can never run",
        Some(RunnerExit::Unanswered) => "its process ended without an answer",
        Some(RunnerExit::Superseded) => "another attempt took its place",
        Some(RunnerExit::InternalError) => "the runner failed",
        Some(RunnerExit::Unavailable) => "code or event could not be fetched",
        Some(RunnerExit::LimitReached) => "the limit was reached",
        Some(RunnerExit::Killed(signal)) => return format!(": killed by signal {signal}"),
        Some(RunnerExit::Stopped) => "told to stop",
        Some(RunnerExit::Succeeded) | None => return String::new(),
    };
    format!(": {text}")
}

#[cfg(test)]
#[path = "job_tests.rs"]
mod tests;
