//! One run of the handler: its process beside the Runtime API, until there is an answer or there can't be one.

use std::{
    collections::BTreeMap,
    path::Path,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use tokio::time::{Instant, Interval, MissedTickBehavior, interval, sleep_until, timeout};

use super::{
    child::{Child, Ended, LOOK_AGAIN, LOOK_EVERY},
    exit::Exit,
    stop::Stop,
};
use crate::{
    names::{UNREADABLE_EVENT, env},
    runtime_api::{Answer, Failure, Invocation, RuntimeApi},
};

/// How long a process has to end by itself once it is asked to.
const GRACE: Duration = Duration::from_secs(2);

/// How long before the stop timeout is over a process is ended that doesn't heed SIGTERM.
const LAST_CALL: Duration = Duration::from_secs(5);

/// How far ahead the deadline lies that the handler sees: farther overflows Node's timers, and Fargate promises no
/// more.
const DEADLINE: Duration = Duration::from_hours(14 * 24);

/// When an attempt has to end.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// When the attempt's limit is reached.
    pub(super) limit: Option<Instant>,
    /// How long there is between being told to stop and being killed.
    pub(super) stop_timeout: Duration,
    /// How long the process may take until it asks for the event.
    pub(super) start_timeout: Duration,
}

/// What an attempt came to.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) exit: Exit,
    pub(super) end: End,
    pub(super) max_memory_mb: Option<u64>,
}

#[derive(Debug)]
pub(super) enum End {
    Answered(Answer),
    Exited(Ended),
}

/// Why an attempt is cut short.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cut {
    Told,
    Limit,
    NeverAsked,
}

/// The deadline that goes with an invocation, in Unix milliseconds.
pub(super) fn deadline_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default() + DEADLINE;
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// Runs a bootstrap for one invocation.
pub(super) async fn run(
    api: &RuntimeApi,
    invocation: Invocation,
    mut child: Child,
    stop: &mut Stop,
    bounds: Bounds,
) -> Outcome {
    let mut answer = std::pin::pin!(api.invoke(invocation));
    let mut cut = None;
    let mut start_by = Some(Instant::now() + bounds.start_timeout);
    let (mut terminate_at, mut kill_at) = (None, None);
    let (mut samples, mut looks) = (every(Duration::from_secs(1)), every(LOOK_EVERY));
    let mut max_memory_mb = None;
    let end = loop {
        tokio::select! {
            biased;
            answer = &mut answer => {
                max_memory_mb = child.max_memory_mb().max(max_memory_mb);
                break End::Answered(answer);
            }
            ended = child.finished() => {
                // What it sent in its last moment may still be on its way through the socket.
                break match timeout(Duration::from_millis(100), &mut answer).await {
                    Ok(answer) => End::Answered(answer),
                    Err(_) => End::Exited(ended),
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
            () = stop.told(), if cut.is_none() => {
                cut = Some(Cut::Told);
                let now = Instant::now();
                terminate_at = Some(now + bounds.stop_timeout.saturating_sub(LAST_CALL));
                kill_at = Some(now + bounds.stop_timeout.saturating_sub(GRACE));
                tracing::warn!("the task is told to stop; the handler has until shortly before the stop timeout to answer");
                child.ask_to_stop();
                looks.reset_after(LOOK_AGAIN);
            }
            _ = looks.tick(), if cut == Some(Cut::Told) => child.ask_to_stop(),
            () = at(bounds.limit), if cut.is_none() => {
                cut = Some(Cut::Limit);
                kill_at = Some(Instant::now() + GRACE);
                tracing::warn!("the attempt's limit is reached; its process is ended");
                child.terminate();
            }
            () = at(start_by), if cut.is_none() => {
                start_by = None;
                if !api.is_handed_out() {
                    cut = Some(Cut::NeverAsked);
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
    Outcome { exit: exit(&end, cut), end, max_memory_mb }
}

fn exit(end: &End, cut: Option<Cut>) -> Exit {
    match (end, cut) {
        (End::Answered(Answer::Response(_)), _) => Exit::Succeeded,
        (_, Some(Cut::Limit)) => Exit::LimitReached,
        (End::Answered(Answer::Error(failure)), _) if error_type(failure).as_deref() == Some(UNREADABLE_EVENT) => {
            Exit::Never
        }
        (End::Answered(Answer::Error(_) | Answer::InitError(_)), _) => Exit::Failed,
        (End::Answered(Answer::Missing(_)) | End::Exited(_), Some(Cut::Told)) => Exit::Stopped,
        (End::Exited(Ended::Signal(signal)), None) => Exit::Killed(*signal),
        (End::Answered(Answer::Missing(_)) | End::Exited(_), _) => Exit::Unanswered,
    }
}

fn every(period: Duration) -> Interval {
    let mut interval = interval(period);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    interval
}

async fn at(moment: Option<Instant>) {
    match moment {
        Some(moment) => sleep_until(moment).await,
        None => std::future::pending().await,
    }
}

/// Starts a bootstrap, or says why it can't be started.
pub(super) fn start(
    bootstrap: &Path,
    directory: &Path,
    environment: &BTreeMap<String, String>,
) -> Result<Child, super::exit::Obstacle> {
    use super::exit::Obstacle;

    const ENOENT: i32 = 2;
    const ENOEXEC: i32 = 8;
    const EACCES: i32 = 13;

    let program = bootstrap.display();
    Child::spawn(bootstrap, directory, environment).map_err(|error| match error.raw_os_error() {
        Some(ENOENT | ENOEXEC | EACCES) => Obstacle::Never(format!(
            "{program} can't be executed: {error}; it must be built for this image: its architecture, its C \
             library, or the interpreter in its first line"
        )),
        _ => Obstacle::Broken(format!("{program} can't be started: {error}")),
    })
}

/// An error in a few words: its type, and its message where it has one.
///
/// The type of a boxed error, as `lambda_runtime` reports it, is that of the box, and says nothing.
pub(super) fn words(failure: &Failure) -> String {
    const MOST: usize = 2000;
    let error_type = error_type(failure).filter(|error_type| !error_type.starts_with('&'));
    let error_type = error_type.unwrap_or_else(|| "an error".into());
    let message = reported(failure, "errorMessage").unwrap_or_default();
    let words: String = format!("{error_type}: {message}").chars().take(MOST).collect();
    words.trim_end_matches([':', ' ']).replace(char::is_control, " ")
}

fn error_type(failure: &Failure) -> Option<String> {
    reported(failure, "errorType").or_else(|| failure.error_type.clone())
}

/// A text in the JSON of a runtime's error.
fn reported(failure: &Failure, key: &str) -> Option<String> {
    let report: serde_json::Value = serde_json::from_slice(&failure.body).ok()?;
    report.get(key)?.as_str().map(str::to_owned)
}

#[cfg(test)]
#[path = "attempt_tests.rs"]
mod tests;
