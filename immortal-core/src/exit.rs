//! The runner's exit codes: the runner sets them, and the dispatcher decides by them.

/// How an attempt on Fargate ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunnerExit {
    /// The handler succeeded.
    Succeeded,
    /// The handler returned an error or panicked.
    HandlerFailed,
    /// It can never run.
    CannotRun,
    /// Its process ended without an answer, or never asked for the event.
    Unanswered,
    /// The handler was told that another attempt has taken the place of its own.
    Superseded,
    /// The runner itself failed.
    InternalError,
    /// The event or the code couldn't be fetched this time.
    Unavailable,
    /// The attempt's limit was reached.
    LimitReached,
    /// A signal killed the process.
    Killed(u8),
    /// The runner was told to stop, and no answer came; or the handler was, and ended early.
    Stopped,
}

/// The signal of the kernel's own kill for memory, and of a kill that can't be caught.
pub const SIGKILL: u8 = 9;
const SIGTERM: u8 = 15;
/// As shells have it: 128 and the signal's number.
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
