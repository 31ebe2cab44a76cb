//! The error of everything that happens before the handler runs.

use crate::exit::RunnerExit;

/// Why the handler couldn't run, by what follows. Each message says what to fix.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RunnerError {
    /// The handler can never run: the event is given up at once.
    #[error("{0}")]
    Permanent(String),
    /// The next attempt may succeed.
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
