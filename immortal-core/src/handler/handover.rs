//! The hand-over: shortly before its deadline, an event is given up by the process itself, with its true context.
//!
//! A timer on a thread of its own races the handler for one claim. When the timer wins, it posts the error and replaces
//! the process; the handler's answer, should it still come, is never sent.

mod claim;
mod guard;
mod message;
mod notice;
mod timer;

use std::{
    convert::Infallible,
    ffi::{CString, NulError, OsString},
    io,
    os::unix::ffi::OsStringExt as _,
    process::exit,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use lambda_runtime::LambdaInvocation;
use nix::unistd::execve;

pub(super) use self::guard::Guarded;
use self::{claim::Claim, notice::Notice, timer::Timer};
use crate::{
    names::{HANDED_OVER, env, header},
    post, stderr,
};

/// Lambda: `snap-start` makes `lambda_runtime` take and await a snapshot before the first event.
const INITIALIZATION_TYPE: &str = "AWS_LAMBDA_INITIALIZATION_TYPE";

/// The hand-over of this process; `None` inside where it is off.
#[derive(Clone)]
pub(super) struct HandOver(Option<Arc<Switched>>);

/// What the hand-over of a process knows and has.
struct Switched {
    grace: Duration,
    notice: Mutex<Notice>,
    timer: OnceLock<Option<Timer>>,
}

impl HandOver {
    /// Whether the hand-over is on is decided once, from `grace` in milliseconds and the environment.
    pub(super) fn new(grace: u64, lookup: impl Fn(&str) -> Option<String>) -> Self {
        let switched = is_on(grace, lookup).then(|| Switched {
            grace: Duration::from_millis(grace),
            notice: Mutex::default(),
            timer: OnceLock::new(),
        });
        Self(switched.map(Arc::new))
    }

    /// Keeps what is known of the invocation that is about to start.
    pub(super) fn note(&self, invocation: &LambdaInvocation) {
        if let Some(switched) = &self.0 {
            switched.notice().keep(invocation);
        }
    }

    /// Arms the timer for the noted invocation. Who takes the claim answers it; without a claim, the handler does.
    fn arm(&self, deadline_ms: u64) -> Option<Claim> {
        let switched = self.0.as_ref()?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
        let at = Instant::now().checked_add(time_to_run(deadline_ms, now, switched.grace)?)?;
        let timer = switched.timer.get_or_init(|| {
            let own = Arc::clone(switched);
            match Timer::start(move || hand_over(std::mem::take(&mut *own.notice()))) {
                Ok(timer) => Some(timer),
                Err(error) => {
                    stderr::line(format_args!(
                        "no event can be handed over, since the thread for it can't be started: {error}"
                    ));
                    None
                }
            }
        });
        Some(timer.as_ref()?.arm(at))
    }
}

impl Switched {
    fn notice(&self) -> MutexGuard<'_, Notice> {
        self.notice.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Off without grace, where a variable says so, in every attempt after Lambda's own, and with more than one invocation in a process.
fn is_on(grace: u64, lookup: impl Fn(&str) -> Option<String>) -> bool {
    let number = |name: &str| lookup(name).and_then(|value| value.parse::<u64>().ok());
    grace > 0
        && lookup(env::HAND_OVER).is_none_or(|value| value != "false")
        && number(env::ATTEMPT).is_none_or(|attempt| attempt == 0)
        && number(env::MAX_CONCURRENCY).is_none_or(|invocations| invocations <= 1)
}

/// How long the handler may run until its event is handed over; `None` for a deadline that is already past.
fn time_to_run(deadline_ms: u64, now: Duration, grace: Duration) -> Option<Duration> {
    let left = Duration::from_millis(deadline_ms).checked_sub(now).filter(|left| !left.is_zero())?;
    left.checked_sub(grace.min(left / 10))
}

/// Gives the event up, and begins anew. When that fails the process ends, which Lambda takes for a crash: so the event
/// isn't lost either.
fn hand_over(notice: Notice) {
    let request_id = notice.request_id().to_owned();
    let invocation_id = notice.invocation_id().map(str::to_owned);
    let path = format!("/2018-06-01/runtime/invocation/{request_id}/error");
    let headers: Vec<_> = invocation_id.iter().map(|id| (header::INVOCATION_ID, id.as_str())).collect();
    if let Err(error) = post::error(&path, HANDED_OVER, &message::write(notice.into_context()), &headers) {
        stderr::line(format_args!("RequestId: {request_id} can't be handed over, so the process ends: {error}"));
        exit(1);
    }
    stderr::line(format_args!(
        "RequestId: {request_id} was handed over, since its deadline is near; the process begins anew"
    ));
    let Err(error) = begin_anew();
    stderr::line(format_args!("the process can't begin anew, so it ends: {error}"));
    exit(1);
}

/// Replaces this process, and with it all its threads, by a fresh one of the same binary.
///
/// With `execve` itself: each function of libc that a binary names is looked up at its start, and the standard
/// library's `Command` names a dozen more.
fn begin_anew() -> io::Result<Infallible> {
    let arguments = std::env::args_os().map(c_string).collect::<Result<Vec<_>, _>>()?;
    let variable = |(mut variable, value): (OsString, OsString)| {
        // The sandbox was restored from its snapshot long ago: the fresh process must not wait for that again.
        let restored = variable == INITIALIZATION_TYPE && value == "snap-start";
        variable.push("=");
        variable.push(if restored { "on-demand".into() } else { value });
        c_string(variable)
    };
    let environment = std::env::vars_os().map(variable).collect::<Result<Vec<_>, _>>()?;
    Ok(execve(c"/proc/self/exe", &arguments, &environment)?)
}

fn c_string(text: OsString) -> Result<CString, NulError> {
    CString::new(text.into_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_on_only_for_one_first_attempt_at_a_time() {
        let table: &[(u64, &str, &str, &str, bool)] = &[
            (10_000, "", "", "", true),
            (10_000, "0", "1", "true", true),
            (0, "", "", "", false),
            (10_000, "1", "", "", false),
            (10_000, "2", "", "", false),
            (10_000, "", "2", "", false),
            (10_000, "", "64", "", false),
            (10_000, "", "", "false", false),
            (10_000, "x", "x", "x", true),
        ];
        for (grace, attempt, concurrency, hand_over, on) in table {
            let lookup = |name: &str| match name {
                env::HAND_OVER => Some((*hand_over).to_owned()),
                env::ATTEMPT => Some((*attempt).to_owned()),
                env::MAX_CONCURRENCY => Some((*concurrency).to_owned()),
                _ => None,
            };
            assert_eq!(is_on(*grace, lookup), *on, "{grace} {attempt:?} {concurrency:?} {hand_over:?}");
        }
    }

    #[test]
    fn grace_is_a_tenth_of_the_time_at_most() {
        let now = Duration::from_secs(1_000_000);
        let in_ms = |left: u64| 1_000_000_000 + left;
        let table: &[(u64, u64, Option<u64>)] = &[
            (in_ms(900_000), 10_000, Some(890_000)),
            (in_ms(100_000), 10_000, Some(90_000)),
            (in_ms(3_000), 10_000, Some(2_700)),
            (in_ms(3_000), 100, Some(2_900)),
            (in_ms(0), 10_000, None),
            (600_000, 10_000, None),
            (0, 10_000, None),
        ];
        for (deadline, grace, expected) in table {
            let time = time_to_run(*deadline, now, Duration::from_millis(*grace));
            assert_eq!(time, expected.map(Duration::from_millis), "{deadline} {grace}");
        }
        assert!(time_to_run(u64::MAX, now, Duration::from_secs(10)).is_some());
    }
}
