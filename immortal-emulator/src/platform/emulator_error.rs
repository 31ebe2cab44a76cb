//! What can go wrong with the emulator itself, or with its use.

use super::api_error::ApiError;

/// What can go wrong with the emulator itself, or with its use.
#[derive(Debug, thiserror::Error)]
pub enum EmulatorError {
    /// The machine refuses: no port, no temporary directory, no thread.
    #[error("the emulator can't start")]
    Start(#[source] std::io::Error),
    /// Something was named that doesn't exist.
    #[error("there is no {0}; deploy or create it first")]
    Missing(String),
    /// AWS would refuse it.
    #[error("{code}: {message}")]
    Refused {
        /// The error's code, as AWS has it.
        code: String,
        /// The error's message.
        message: String,
    },
}

impl From<ApiError> for EmulatorError {
    fn from(error: ApiError) -> Self {
        Self::Refused { code: error.code, message: error.message }
    }
}
