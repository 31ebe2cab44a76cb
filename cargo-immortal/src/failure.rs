//! Why a command ended without doing what it should, by its exit code.

use std::process::ExitCode;

/// What the user can do about it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CommandError {
    /// It was asked for something that can't be: exit code 2.
    #[error("{0}")]
    WrongUse(String),
    /// It ran, and failed: exit code 1.
    #[error("{0}")]
    Failed(String),
    /// Ctrl-C: exit code 130, as shells have it.
    #[error("interrupted; nothing is left running")]
    Interrupted,
}

impl CommandError {
    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::WrongUse(_) => 2,
            Self::Failed(_) => 1,
            Self::Interrupted => 130,
        })
    }
}
