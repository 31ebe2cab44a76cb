//! The errors of the emulator itself.

use super::api_error::ApiError;

/// An error of the emulator itself, or in its use.
#[derive(Debug, thiserror::Error)]
pub enum EmulatorError {
    /// The system provides no port, temporary directory or thread.
    #[error("the emulator can't start: it needs a port on 127.0.0.1 and a temporary directory")]
    Start(#[source] std::io::Error),
    /// The named resource does not exist.
    #[error("there is no {0}; deploy or create it first")]
    Missing(String),
    /// AWS would reject the request.
    #[error("{code}: {message}")]
    Refused {
        /// AWS's error code.
        code: String,
        /// AWS's error message.
        message: String,
    },
}

impl From<ApiError> for EmulatorError {
    fn from(error: ApiError) -> Self {
        Self::Refused { code: error.code, message: error.message }
    }
}
