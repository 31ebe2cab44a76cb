//! The one error of everything before the handler runs.

use crate::exit::RunnerExit;

/// Why the handler couldn't be run, by what comes next; each message says what to fix.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RunnerError {
    /// It can never run: the event is given up at once.
    #[error("{0}")]
    Permanent(String),
    /// It failed this time, and the next attempt may succeed.
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
