//! The exit codes that the runner sets, and by which the dispatcher decides what follows.

/// How an attempt on Fargate ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunnerExit {
    /// The handler succeeded.
    Succeeded,
    /// The handler returned an error or panicked.
    HandlerFailed,
    /// The order can never run.
    CannotRun,
    /// The handler's process ended without a response, or never requested the event.
    Unanswered,
    /// Another attempt has replaced this one.
    Superseded,
    /// The runner itself failed.
    InternalError,
    /// The event or the code couldn't be fetched; a later attempt may succeed.
    Unavailable,
    /// The attempt's limit was reached.
    LimitReached,
    /// A signal killed the process.
    Killed(u8),
    /// The task was stopped before the handler responded, or the handler ended early because of that.
    Stopped,
}

/// SIGKILL: the kernel sends it when memory runs out.
pub const SIGKILL: u8 = 9;
const SIGTERM: u8 = 15;
/// As in shells: 128 plus the signal's number.
const SIGNALED: u8 = 128;

impl RunnerExit {
    /// The exit of a code as ECS reports it; `None` for one that no runner sets.
    #[must_use]
    pub fn from_code(code: i64) -> Option<Self> {
        let code = u8::try_from(code).ok()?;
        let plain = [
            Self::Succeeded,
            Self::HandlerFailed,
            Self::CannotRun,
            Self::Unanswered,
            Self::Superseded,
            Self::InternalError,
            Self::Unavailable,
            Self::LimitReached,
            Self::Stopped,
        ];
        let signaled = || code.checked_sub(SIGNALED).filter(|signal| *signal > 0).map(Self::Killed);
        plain.into_iter().find(|exit| u8::from(*exit) == code).or_else(signaled)
    }
}

impl From<RunnerExit> for u8 {
    fn from(exit: RunnerExit) -> Self {
        match exit {
            RunnerExit::Succeeded => 0,
            RunnerExit::HandlerFailed => 1,
            RunnerExit::CannotRun => 2,
            RunnerExit::Unanswered => 3,
            RunnerExit::Superseded => 4,
            RunnerExit::InternalError => 70,
            RunnerExit::Unavailable => 75,
            RunnerExit::LimitReached => 124,
            RunnerExit::Killed(signal) => signal.saturating_add(SIGNALED),
            RunnerExit::Stopped => SIGNALED + SIGTERM,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_codes_are_the_documented_ones() {
        for (exit, code) in [
            (RunnerExit::Succeeded, 0),
            (RunnerExit::HandlerFailed, 1),
            (RunnerExit::CannotRun, 2),
            (RunnerExit::Unanswered, 3),
            (RunnerExit::Superseded, 4),
            (RunnerExit::InternalError, 70),
            (RunnerExit::Unavailable, 75),
            (RunnerExit::LimitReached, 124),
            (RunnerExit::Killed(9), 137),
            (RunnerExit::Killed(11), 139),
            (RunnerExit::Stopped, 143),
        ] {
            assert_eq!((u8::from(exit), RunnerExit::from_code(i64::from(code))), (code, Some(exit)));
        }
        for code in [-1, 5, 69, 128, 256] {
            assert_eq!(RunnerExit::from_code(code), None, "{code}");
        }
    }
}
