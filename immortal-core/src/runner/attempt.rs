//! One run of the handler: its process and the Runtime API, until there is a response or there can't be one.

use std::{collections::BTreeMap, path::Path, time::Duration};

use tokio::time::{Instant, Interval, MissedTickBehavior, interval, sleep_until, timeout};

use super::{
    child_process::{CHECK_INTERVAL, ChildProcess, ProcessEnd, SECOND_CHECK_DELAY},
    error::RunnerError,
    reported_error::error_type,
    stop::StopSignal,
};
use crate::{
    batch_failures::BatchFailures,
    exit::RunnerExit,
    names::{STOPPED, SUPERSEDED, UNREADABLE_EVENT, env},
    order::EventSource,
    runtime_api::{AnswerBody, Invocation, InvocationAnswer, RuntimeApi},
};

/// The time between SIGTERM and SIGKILL at the end of an attempt.
const GRACE: Duration = Duration::from_secs(2);

/// How long before the end of the stop timeout a process that doesn't handle SIGTERM is ended.
const TERMINATION_MARGIN: Duration = Duration::from_secs(5);

/// The time limits of an attempt.
#[derive(Clone, Copy, Debug)]
pub(super) struct AttemptLimits {
    /// When the attempt's limit is reached.
    pub(super) limit: Option<Instant>,
    /// The time between the SIGTERM and the SIGKILL of ECS.
    pub(super) stop_timeout: Duration,
    /// How long the process may take until it requests the event.
    pub(super) start_timeout: Duration,
}

/// The result of an attempt.
#[derive(Debug)]
pub(super) struct AttemptOutcome {
    pub(super) exit: RunnerExit,
    pub(super) end: AttemptEnd,
    pub(super) max_memory_mb: Option<u64>,
    /// When the task got SIGTERM, if it did.
    #[cfg_attr(not(feature = "destinations"), expect(dead_code, reason = "only a result's delivery asks"))]
    pub(super) stopping_since: Option<Instant>,
}

#[derive(Debug)]
pub(super) enum AttemptEnd {
    Answered(InvocationAnswer),
    /// It responded, and the response reports the message in the event as failed.
    MessageFailed {
        response: AnswerBody,
        failures: BatchFailures,
    },
    Exited(ProcessEnd),
}

/// Why an attempt is ended early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum CutShort {
    Stopped,
    Limit,
    NeverAsked,
}

/// Runs a bootstrap for one invocation.
pub(super) async fn run(
    api: &RuntimeApi,
    invocation: Invocation,
    mut child: ChildProcess,
    stop: &mut StopSignal,
    bounds: AttemptLimits,
    source: Option<EventSource>,
) -> AttemptOutcome {
    let request_id = invocation.request_id.clone();
    let mut answer = std::pin::pin!(api.invoke(invocation));
    let mut cut = None;
    let mut start_by = Some(Instant::now() + bounds.start_timeout);
    let (mut terminate_at, mut kill_at, mut stopping_since) = (None, None, None);
    let (mut samples, mut looks) = (every(Duration::from_secs(1)), every(CHECK_INTERVAL));
    let mut max_memory_mb = None;
    let end = loop {
        tokio::select! {
            biased;
            answer = &mut answer => {
                max_memory_mb = child.max_memory_mb().max(max_memory_mb);
                break AttemptEnd::Answered(answer);
            }
            ended = child.finished() => {
                // What it sent just before it exited may still be in the socket.
                break match timeout(Duration::from_millis(100), &mut answer).await {
                    Ok(answer) => AttemptEnd::Answered(answer),
                    Err(_) => AttemptEnd::Exited(ended),
                };
            }
            () = at(kill_at) => {
                kill_at = None;
                child.kill();
            }
            () = at(terminate_at) => {
                terminate_at = None;
                if !child.is_stopping() {
                    child.terminate();
                }
            }
            () = stop.received(), if cut.is_none() => {
                cut = Some(CutShort::Stopped);
                let now = Instant::now();
                stopping_since = Some(now);
                terminate_at = Some(now + bounds.stop_timeout.saturating_sub(TERMINATION_MARGIN));
                kill_at = Some(now + bounds.stop_timeout.saturating_sub(GRACE));
                tracing::warn!("the task is being stopped; the handler has until shortly before the stop timeout to respond");
                child.ask_to_stop();
                looks.reset_after(SECOND_CHECK_DELAY);
            }
            _ = looks.tick(), if cut == Some(CutShort::Stopped) => child.ask_to_stop(),
            () = at(bounds.limit), if cut.is_none() => {
                cut = Some(CutShort::Limit);
                kill_at = Some(Instant::now() + GRACE);
                tracing::warn!("the attempt's limit is reached; its process is ended");
                child.terminate();
            }
            () = at(start_by), if cut.is_none() => {
                start_by = None;
                if !api.is_handed_out() {
                    cut = Some(CutShort::NeverAsked);
                    kill_at = Some(Instant::now() + GRACE);
                    tracing::error!(
                        "the handler's process didn't ask for the event within {} s and is ended; make its start \
                         shorter, or set {} of the task definition",
                        bounds.start_timeout.as_secs(),
                        env::START_TIMEOUT
                    );
                    child.terminate();
                }
            }
            _ = samples.tick() => max_memory_mb = child.max_memory_mb().max(max_memory_mb),
        }
    };
    let grace = kill_at.map_or(GRACE, |at| at.saturating_duration_since(Instant::now()).min(GRACE));
    child.end(grace).await;
    let end = match source {
        Some(EventSource::Sqs) => message_end(end, &request_id),
        None => end,
    };
    AttemptOutcome { exit: exit(&end, cut), end, max_memory_mb, stopping_since }
}

/// Reads a response as the mapping of the message's queue would; the message's id is the request's.
fn message_end(end: AttemptEnd, message_id: &str) -> AttemptEnd {
    let AttemptEnd::Answered(InvocationAnswer::Response(response)) = end else { return end };
    let failures = BatchFailures::from_response(&response.bytes, &[message_id]);
    if failures.include(message_id) {
        return AttemptEnd::MessageFailed { response, failures };
    }
    AttemptEnd::Answered(InvocationAnswer::Response(response))
}

fn exit(end: &AttemptEnd, cut: Option<CutShort>) -> RunnerExit {
    match (end, cut) {
        (AttemptEnd::Answered(InvocationAnswer::Response(_)), _) => RunnerExit::Succeeded,
        (_, Some(CutShort::Limit)) => RunnerExit::LimitReached,
        (AttemptEnd::Answered(InvocationAnswer::Error(failure)), _) => match error_type(failure).as_deref() {
            Some(UNREADABLE_EVENT) => RunnerExit::CannotRun,
            Some(STOPPED) => RunnerExit::Stopped,
            Some(SUPERSEDED) => RunnerExit::Superseded,
            _ => RunnerExit::HandlerFailed,
        },
        (AttemptEnd::Answered(InvocationAnswer::InitError(_)) | AttemptEnd::MessageFailed { .. }, _) => {
            RunnerExit::HandlerFailed
        }
        (AttemptEnd::Answered(InvocationAnswer::Missing(_)) | AttemptEnd::Exited(_), Some(CutShort::Stopped)) => {
            RunnerExit::Stopped
        }
        (AttemptEnd::Exited(ProcessEnd::Signal(signal)), None) => RunnerExit::Killed(*signal),
        (AttemptEnd::Answered(InvocationAnswer::Missing(_)) | AttemptEnd::Exited(_), _) => RunnerExit::Unanswered,
    }
}

fn every(period: Duration) -> Interval {
    let mut interval = interval(period);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    interval
}

/// Waits until this time, or forever.
pub(super) async fn at(moment: Option<Instant>) {
    match moment {
        Some(moment) => sleep_until(moment).await,
        None => std::future::pending().await,
    }
}

/// Starts a bootstrap, or returns why it can't be started.
pub(super) fn start(
    bootstrap: &Path,
    directory: &Path,
    environment: &BTreeMap<String, String>,
) -> Result<ChildProcess, RunnerError> {
    const ENOENT: i32 = 2;
    const ENOEXEC: i32 = 8;
    const EACCES: i32 = 13;

    let program = bootstrap.display();
    ChildProcess::spawn(bootstrap, directory, environment).map_err(|error| match error.raw_os_error() {
        Some(ENOENT | ENOEXEC | EACCES) => RunnerError::Permanent(format!(
            "{program} can't be executed: {error}; it must be built for this image: its architecture, its C \
             library, or the interpreter in its first line"
        )),
        _ => RunnerError::Internal(format!("{program} can't be started: {error}")),
    })
}

#[cfg(test)]
#[path = "attempt_tests.rs"]
mod tests;
