//! The hand-over: shortly before the deadline, the process itself reports the invocation as failed, with its context.
//!
//! A timer on a separate thread races the handler for one claim. When the timer wins, it posts the error and replaces
//! the process; a later response of the handler is never sent.

mod claim;
mod guard;
mod guarded_future;
mod message;
mod pending_invocation;
mod primitives;
mod timer;

use std::{
    io,
    os::unix::process::CommandExt as _,
    process::{Command, exit},
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use lambda_runtime::LambdaInvocation;

pub(super) use self::guard::GuardedService;
use self::{claim::AnswerClaim, pending_invocation::PendingInvocation, timer::HandOverTimer};
use crate::{
    lambda_errors,
    names::{HANDED_OVER, env, header, path::INVOCATION},
    stderr,
};

/// Lambda: `snap-start` makes `lambda_runtime` take and await a snapshot before the first event.
const INITIALIZATION_TYPE: &str = "AWS_LAMBDA_INITIALIZATION_TYPE";

/// The hand-over of this process; `None` inside if it is off.
#[derive(Clone)]
pub(super) struct HandOver(Option<Arc<ArmedHandOver>>);

/// The state of the hand-over.
struct ArmedHandOver {
    grace: Duration,
    pending: Mutex<PendingInvocation>,
    timer: OnceLock<Option<HandOverTimer>>,
}

/// The hand-over of the service that this process serves.
static PROCESS_HAND_OVER: OnceLock<HandOver> = OnceLock::new();

/// When the handler of the current invocation is notified of its hand-over; `None` without a hand-over.
pub(crate) fn stop_notice() -> Option<Instant> {
    PROCESS_HAND_OVER.get()?.0.as_ref()?.timer.get()?.as_ref()?.notice()
}

impl HandOver {
    /// Makes it the one that [`stop_notice`] asks.
    pub(super) fn installed(self) -> Self {
        PROCESS_HAND_OVER.get_or_init(|| self.clone());
        self
    }

    /// Decides once whether the hand-over is on, from `grace` in milliseconds and the environment.
    pub(super) fn new(grace: u64, lookup: impl Fn(&str) -> Option<String>) -> Self {
        let armed = is_on(grace, lookup).then(|| ArmedHandOver {
            grace: Duration::from_millis(grace),
            pending: Mutex::default(),
            timer: OnceLock::new(),
        });
        Self(armed.map(Arc::new))
    }

    /// Stores the invocation that is about to start.
    pub(super) fn store_invocation(&self, invocation: &LambdaInvocation) {
        if let Some(armed) = &self.0 {
            armed.pending().keep(invocation);
        }
    }

    /// Arms the timer for the stored invocation. Whoever takes the claim responds; without a claim, the handler does.
    fn arm(&self, deadline_ms: u64) -> Option<AnswerClaim> {
        let armed = self.0.as_ref()?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
        let left = HandOverTimes::new(deadline_ms, now, armed.grace)?;
        let now = Instant::now();
        let (notice, at) = (now.checked_add(left.notice)?, now.checked_add(left.hand_over)?);
        let timer = armed.timer.get_or_init(|| {
            let own = Arc::clone(armed);
            match HandOverTimer::start(move || hand_over(std::mem::take(&mut *own.pending()))) {
                Ok(timer) => Some(timer),
                Err(error) => {
                    stderr::line(format_args!("hand-over is off, because its thread can't be started: {error}"));
                    None
                }
            }
        });
        Some(timer.as_ref()?.arm(notice, at))
    }
}

impl ArmedHandOver {
    fn pending(&self) -> MutexGuard<'_, PendingInvocation> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Off without grace, on Fargate, and with more than one invocation at a time in a process.
fn is_on(grace: u64, lookup: impl Fn(&str) -> Option<String>) -> bool {
    let number = |name: &str| lookup(name).and_then(|value| value.parse::<u64>().ok());
    grace > 0
        && number(env::ATTEMPT).is_none_or(|attempt| attempt == 0)
        && number(env::MAX_CONCURRENCY).is_none_or(|invocations| invocations <= 1)
}

/// How long the handler may run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct HandOverTimes {
    /// Until it is notified of its hand-over, if it asks.
    notice: Duration,
    /// Until its event is handed over.
    hand_over: Duration,
}

impl HandOverTimes {
    /// `None` for a deadline that is already past.
    fn new(deadline_ms: u64, now: Duration, grace: Duration) -> Option<Self> {
        let left = Duration::from_millis(deadline_ms).checked_sub(now).filter(|left| !left.is_zero())?;
        let grace = grace.min(left / 10);
        let hand_over = left.checked_sub(grace)?;
        Some(Self { notice: hand_over.saturating_sub(grace / 2), hand_over })
    }
}

/// Reports the invocation as handed over, and restarts the process. If that fails the process exits: Lambda treats that
/// as a crash, so the event isn't lost.
fn hand_over(pending: PendingInvocation) {
    let request_id = pending.request_id().to_owned();
    let invocation_id = pending.invocation_id().map(str::to_owned);
    let path = format!("{INVOCATION}{request_id}/error");
    let headers: Vec<_> = invocation_id.iter().map(|id| (header::INVOCATION_ID, id.as_str())).collect();
    if let Err(error) = lambda_errors::error(&path, HANDED_OVER, &message::write(pending.into_context()), &headers) {
        stderr::line(format_args!("RequestId: {request_id} can't be handed over, so the process ends: {error}"));
        exit(1);
    }
    stderr::line(format_args!(
        "RequestId: {request_id} was handed over, because its deadline is near; the process restarts"
    ));
    let error = re_exec();
    stderr::line(format_args!("the process can't restart itself, so it ends: {error}"));
    exit(1);
}

/// Replaces this process and all its threads with a new process of the same binary. Returns only on error.
fn re_exec() -> io::Error {
    let mut arguments = std::env::args_os();
    let mut fresh = Command::new("/proc/self/exe");
    if let Some(name) = arguments.next() {
        fresh.arg0(name);
    }
    // The sandbox is already restored from its snapshot: the new process must not wait for that again.
    if std::env::var_os(INITIALIZATION_TYPE).is_some_and(|value| value == "snap-start") {
        fresh.env(INITIALIZATION_TYPE, "on-demand");
    }
    fresh.args(arguments).exec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_on_only_for_one_first_attempt_at_a_time() {
        let table: &[(u64, &str, &str, bool)] = &[
            (10_000, "", "", true),
            (10_000, "0", "1", true),
            (0, "", "", false),
            (10_000, "1", "", false),
            (10_000, "2", "", false),
            (10_000, "", "2", false),
            (10_000, "", "64", false),
            (10_000, "x", "x", true),
        ];
        for (grace, attempt, concurrency, on) in table {
            let lookup = |name: &str| match name {
                env::ATTEMPT => Some((*attempt).to_owned()),
                env::MAX_CONCURRENCY => Some((*concurrency).to_owned()),
                _ => None,
            };
            assert_eq!(is_on(*grace, lookup), *on, "{grace} {attempt:?} {concurrency:?}");
        }
    }

    #[test]
    fn grace_is_a_tenth_of_the_time_at_most() {
        let now = Duration::from_secs(1_000_000);
        let in_ms = |left: u64| 1_000_000_000 + left;
        let table = [
            (in_ms(900_000), 10_000, Some((885_000, 890_000))),
            (in_ms(100_000), 10_000, Some((85_000, 90_000))),
            (in_ms(3_000), 10_000, Some((2_550, 2_700))),
            (in_ms(3_000), 100, Some((2_850, 2_900))),
            (in_ms(0), 10_000, None),
            (600_000, 10_000, None),
            (0, 10_000, None),
        ];
        for (deadline, grace, expected) in table {
            let times = HandOverTimes::new(deadline, now, Duration::from_millis(grace));
            let expected = expected.map(|(notice, hand_over)| HandOverTimes {
                notice: Duration::from_millis(notice),
                hand_over: Duration::from_millis(hand_over),
            });
            assert_eq!(times, expected, "{deadline} {grace}");
        }
        assert!(HandOverTimes::new(u64::MAX, now, Duration::from_secs(10)).is_some());
    }
}
