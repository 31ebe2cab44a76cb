//! How a runner ends: its exit codes, and the one error type of everything before the handler runs.

/// How an attempt ended; the dispatcher decides on the code that it becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunnerExit {
    /// The handler succeeded.
    Succeeded,
    /// The handler returned an error or panicked.
    CallError,
    /// It can never run.
    CannotRun,
    /// Its process ended without an answer, or never asked for the event.
    Unanswered,
    /// It couldn't be fetched this time.
    Unavailable,
    /// The attempt's limit was reached.
    LimitReached,
    /// A signal killed the process.
    Killed(u8),
    /// The runner was told to stop, and no answer came.
    Stopped,
    /// The runner itself failed.
    InternalError,
}

impl From<RunnerExit> for u8 {
    fn from(exit: RunnerExit) -> Self {
        const SIGTERM: u8 = 15;
        match exit {
            RunnerExit::Succeeded => 0,
            RunnerExit::CallError => 1,
            RunnerExit::CannotRun => 2,
            RunnerExit::Unanswered => 3,
            RunnerExit::InternalError => 70,
            RunnerExit::Unavailable => 75,
            RunnerExit::LimitReached => 124,
            RunnerExit::Killed(signal) => signal.saturating_add(128),
            RunnerExit::Stopped => 128 + SIGTERM,
        }
    }
}

/// Why the handler couldn't be run, by what comes next; each says what to mend.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RunnerError {
    /// It can never run: the event is given up at once.
    #[error("{0}")]
    Permanent(String),
    /// It couldn't be had this time: the next attempt may have it.
    #[error("{0}")]
    Transient(String),
    /// The runner itself failed.
    #[error("{0}")]
    Internal(String),
}

impl From<&RunnerError> for RunnerExit {
    fn from(error: &RunnerError) -> Self {
        match error {
            RunnerError::Permanent(_) => Self::CannotRun,
            RunnerError::Transient(_) => Self::Unavailable,
            RunnerError::Internal(_) => Self::InternalError,
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
            (RunnerExit::CallError, 1),
            (RunnerExit::CannotRun, 2),
            (RunnerExit::Unanswered, 3),
            (RunnerExit::InternalError, 70),
            (RunnerExit::Unavailable, 75),
            (RunnerExit::LimitReached, 124),
            (RunnerExit::Killed(9), 137),
            (RunnerExit::Killed(11), 139),
            (RunnerExit::Stopped, 143),
        ] {
            assert_eq!(u8::from(exit), code, "{exit:?}");
        }
    }
}
