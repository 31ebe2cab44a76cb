//! Decides what follows when a task stops: nothing, the next attempt, or giving up.

use std::time::Duration;

use super::{
    invocation_failure::shown,
    task::{Task, TaskContainer},
};
use crate::{
    exit::{RunnerExit, SIGKILL},
    manifest::{DispatchOn, Manifest},
    order::Order,
    task_end::TaskEnd,
    task_size::TaskSize,
};

/// After more interruptions than this a job is given up: they are not a coincidence any more.
pub(crate) const MOST_INTERRUPTIONS: u32 = 20;

/// After this many interruptions tasks use `FARGATE` instead of Spot.
const SPOT_INTERRUPTIONS: u32 = 2;

/// What follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum NextStep {
    /// Nothing: the handler succeeded.
    Done,
    /// Nothing: another attempt has the event.
    Superseded,
    /// Another task.
    Attempt(NextAttempt),
    /// The job is given up: why, and what to fix.
    GiveUp(String),
}

/// Another task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NextAttempt {
    pub(crate) attempt: u32,
    /// How many attempts before it were interrupted.
    pub(crate) interruptions: u32,
    /// How long after the stop it is due.
    pub(crate) delay: Duration,
    /// Whether it goes to Spot.
    pub(crate) spot: bool,
    /// Its size; `None`: the task definition's.
    pub(crate) size: Option<TaskSize>,
}

/// Whether the platform ended the task: Spot, the host, a start that failed.
#[must_use]
pub(crate) fn is_interrupted(task: &Task) -> bool {
    task_end(task) == TaskEnd::Interrupted
}

/// Decides by exit code, then by `stopCode` and `stoppedReason`.
#[must_use]
pub(crate) fn next_step(task: &Task, container: &str, order: &Order, manifest: &Manifest) -> NextStep {
    let exit = task.exit(container);
    let give_up = |why: &str| NextStep::GiveUp(given_up(task, container, order, why));
    let end = task_end(task);
    match (exit, end) {
        (Some(RunnerExit::Succeeded), _) => return NextStep::Done,
        (Some(RunnerExit::Superseded), _) => return NextStep::Superseded,
        (Some(RunnerExit::CannotRun), _) => {
            return give_up(
                "the runner, or the handler's own check of the event, refused it for good; its log says why",
            );
        }
        (Some(RunnerExit::LimitReached), _) => {
            return give_up("it ran for as long as `limit` allows; raise `limit`, or make the work shorter");
        }
        (_, TaskEnd::StoppedByPerson) => return give_up("somebody stopped the task"),
        (Some(RunnerExit::HandlerFailed), TaskEnd::Exited) if manifest.on == DispatchOn::Killed => {
            return give_up("the handler returned an error, and `on = \"killed\"`; fix the handler or the event");
        }
        _ => {}
    }
    let is_interrupted = end == TaskEnd::Interrupted;
    let interruptions = order.interruptions.saturating_add(u32::from(is_interrupted));
    if is_interrupted && interruptions > MOST_INTERRUPTIONS {
        return give_up(&format!(
            "it was interrupted {interruptions} times; the reasons are in the tasks' stop events"
        ));
    }
    if !is_interrupted && order.attempt.saturating_sub(order.interruptions) >= manifest.attempts {
        let attempts = manifest.attempts;
        let fix = match manifest.memory_max {
            _ if !is_memory_kill(task, container) => "its log says why",
            None => "raise `memory`, or let it grow by `memory_max`",
            Some(_) => "raise `memory`, or `memory_max`",
        };
        return give_up(&format!("that was the last of {attempts} attempts, interruptions not counted; {fix}"));
    }
    NextStep::Attempt(NextAttempt {
        attempt: order.attempt.saturating_add(1),
        interruptions,
        delay: if is_interrupted { start_delay(interruptions) } else { Duration::ZERO },
        spot: manifest.spot && interruptions < SPOT_INTERRUPTIONS && !has_no_capacity(task),
        size: next_size(task, end == TaskEnd::Exited && is_memory_kill(task, container), manifest),
    })
}

/// Whether the first attempt of a job goes to Spot.
#[must_use]
pub(crate) fn begins_on_spot(manifest: &Manifest) -> bool {
    manifest.spot
}

/// The size of a series' first attempt; `None`: the task definition's.
#[must_use]
pub(crate) fn first_size(manifest: &Manifest) -> Option<TaskSize> {
    Some(TaskSize { cpu: manifest.cpu?, memory: manifest.memory? })
}

/// The size of the attempt after a stopped task: that task's own, or a larger one where memory killed it.
fn next_size(task: &Task, is_memory_kill: bool, manifest: &Manifest) -> Option<TaskSize> {
    let first = first_size(manifest)?;
    let own = task.size.unwrap_or(first);
    let grown = manifest.memory_max.filter(|_| is_memory_kill).and_then(|most| own.grown(first.cpu, most));
    Some(grown.unwrap_or(own))
}

/// How long after the nth interruption the next task is due: nothing after a single Spot interruption, and minutes
/// where the same keeps happening, as with an image that can't be pulled.
#[must_use]
pub(crate) fn start_delay(interruptions: u32) -> Duration {
    match interruptions {
        0 | 1 => Duration::ZERO,
        2 => Duration::from_secs(5),
        3 => Duration::from_secs(30),
        4 => Duration::from_mins(2),
        5 => Duration::from_mins(5),
        _ => Duration::from_mins(15),
    }
}

/// An order for the next attempt: the same, with its number.
#[must_use]
pub(crate) fn next_order<E: Clone>(order: &Order<E>, next: &NextAttempt) -> Order<E> {
    Order { attempt: next.attempt, interruptions: next.interruptions, ..order.clone() }
}

fn task_end(task: &Task) -> TaskEnd {
    TaskEnd::from_stop(task.stop_code.as_deref(), task.stopped_reason.as_deref())
}

/// ECS names a kill for memory in the container's reason; the kernel's is exit code 137 alone.
fn is_memory_kill(task: &Task, container: &str) -> bool {
    let ours = task.containers.iter().find(|other| other.name == container);
    let is_named = ours.is_some_and(|ours| ours.reason.as_deref().is_some_and(|reason| reason.contains("OutOfMemory")));
    is_named || task.exit(container) == Some(RunnerExit::Killed(SIGKILL))
}

fn has_no_capacity(task: &Task) -> bool {
    let reason = task.stopped_reason.as_deref().unwrap_or_default().to_ascii_lowercase();
    task.stop_code.as_deref() == Some("TaskFailedToStart") && reason.contains("capacity")
}

fn given_up(task: &Task, container: &str, order: &Order, why: &str) -> String {
    let exit = task.exit_code(container);
    let exit = exit.map_or_else(|| "no exit code".to_owned(), |exit| format!("exit code {exit}"));
    let code = task.stop_code.as_deref().unwrap_or("no stop code").escape_debug();
    let reason = task.stopped_reason.as_deref().map_or_else(|| "no reason given".to_owned(), shown);
    // Only a container's own reason names a kill for memory; the task's is then that an essential container exited.
    let of_container = |it: &TaskContainer| Some(format!("; {}: {}", shown(&it.name), shown(it.reason.as_deref()?)));
    let reasons: String = task.containers.iter().filter_map(of_container).collect();
    format!("attempt {}, task {}, ended with {exit} ({code}, {reason}{reasons}): {why}", order.attempt, task.arn)
}

#[cfg(test)]
#[path = "next_step_tests.rs"]
mod tests;
