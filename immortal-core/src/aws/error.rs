//! The errors of AWS calls, and whether a retry may succeed.

use std::{error::Error, fmt, sync::Arc};

use aws_credential_types::provider::error::CredentialsError;
use aws_smithy_runtime_api::client::{orchestrator::HttpResponse, result::SdkError};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use super::error_chain::causes;

/// The error of an AWS call.
#[derive(Clone, Debug, thiserror::Error)]
pub enum AwsError {
    /// The service answered with an error.
    #[error("refused with {0}")]
    Refused(ServiceError),
    /// There was no complete response: a timeout, a reset, a partial response. The call may have taken effect.
    #[error("not answered")]
    Unanswered(#[source] Arc<dyn Error + Send + Sync>),
    /// The request was not sent: no credentials, or an invalid request.
    #[error("not sent")]
    Unsent(#[source] Arc<dyn Error + Send + Sync>),
}

/// A service's error.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServiceError {
    /// The HTTP status.
    pub status: u16,
    /// The error's code; empty if the response has none.
    pub code: String,
    /// The first line of the error's message. Behind it some services show the signed request, and with it the
    /// session's token.
    pub message: String,
    /// The tasks that a `ConflictException` names.
    pub resource_ids: Vec<String>,
}

/// Why a call may succeed when retried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RetryReason {
    /// The service throttles the caller.
    Throttled,
    /// Fargate has no capacity.
    NoCapacity,
    /// The service failed, or did not answer.
    Transient,
}

impl AwsError {
    /// An error for a request that can't be sent.
    #[cfg(any(
        feature = "dispatcher",
        feature = "destinations",
        all(feature = "runner", not(feature = "large-events"))
    ))]
    pub(crate) fn unsent(error: impl Error + Send + Sync + 'static) -> Self {
        Self::Unsent(Arc::new(error))
    }

    /// An error for a call whose response broke off.
    #[cfg(all(feature = "large-events", any(feature = "runner", feature = "progress")))]
    pub(crate) fn unanswered(error: impl Error + Send + Sync + 'static) -> Self {
        Self::Unanswered(Arc::new(error))
    }

    /// An error for a call without a response in time.
    #[cfg(any(feature = "dispatcher", feature = "progress"))]
    pub(crate) fn timed_out(bound: std::time::Duration) -> Self {
        Self::Unanswered(format!("no answer within {} ms", bound.as_millis()).into_error())
    }

    /// Whether the call was never sent because nothing signs it: there are no credentials, or what gives them failed.
    #[must_use]
    pub fn lacks_credentials(&self) -> bool {
        match self {
            Self::Refused(_) => false,
            Self::Unanswered(error) | Self::Unsent(error) => {
                causes(error.as_ref()).any(<dyn Error>::is::<CredentialsError>)
            }
        }
    }

    /// Why a retry may succeed; `None` if it can't without a change of configuration.
    #[must_use]
    pub fn retry_reason(&self) -> Option<RetryReason> {
        match self {
            Self::Unanswered(_) => Some(RetryReason::Transient),
            Self::Unsent(_) => None,
            Self::Refused(refusal) => refusal.retry_reason(),
        }
    }
}

impl<E> From<SdkError<E, HttpResponse>> for AwsError
where
    E: ProvideErrorMetadata + Error + Send + Sync + 'static,
{
    fn from(error: SdkError<E, HttpResponse>) -> Self {
        match &error {
            SdkError::ServiceError(answered) if !answered.raw().status().is_success() => {
                let metadata = answered.err().meta();
                let message = metadata.message().unwrap_or_default();
                Self::Refused(ServiceError {
                    status: answered.raw().status().as_u16(),
                    code: metadata.code().unwrap_or_default().to_owned(),
                    message: message.lines().next().unwrap_or_default().to_owned(),
                    resource_ids: Vec::new(),
                })
            }
            SdkError::ConstructionFailure(_) => Self::Unsent(Arc::new(error)),
            SdkError::DispatchFailure(failure) if failure.is_user() || lacks_credentials(&error) => {
                Self::Unsent(Arc::new(error))
            }
            // A response that can't be read counts as none, and is not quoted: it may contain an event.
            SdkError::ServiceError(_) | SdkError::ResponseError(_) => {
                let status = error.raw_response().map(|answer| answer.status().as_u16()).unwrap_or_default();
                Self::Unanswered(format!("an answer of status {status} that can't be read").into_error())
            }
            _ => Self::Unanswered(Arc::new(error)),
        }
    }
}

/// Whether no credentials are configured; a provider that failed or timed out may succeed next time.
fn lacks_credentials(error: &(dyn Error + 'static)) -> bool {
    causes(error).filter_map(|cause| cause.downcast_ref::<CredentialsError>()).any(|error| {
        matches!(error, CredentialsError::CredentialsNotLoaded(_) | CredentialsError::InvalidConfiguration(_))
    })
}

/// Converts a message into an error.
trait IntoError {
    fn into_error(self) -> Arc<dyn Error + Send + Sync>;
}

impl IntoError for String {
    fn into_error(self) -> Arc<dyn Error + Send + Sync> {
        Arc::from(Box::<dyn Error + Send + Sync>::from(self))
    }
}

/// The error that the service returned.
impl fmt::Display for ServiceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { status, code, message, .. } = self;
        match code.as_str() {
            "" => write!(f, "status {status}")?,
            code => f.write_str(code)?,
        }
        if message.is_empty() { Ok(()) } else { write!(f, ": {message}") }
    }
}

impl ServiceError {
    /// Why another try may succeed, as for the error that holds it.
    ///
    /// Source of the codes: <https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html>.
    #[must_use]
    pub fn retry_reason(&self) -> Option<RetryReason> {
        // SNS and SQS pass on the throttling of KMS under names of their own (`botocore:sns`, `botocore:sqs`).
        const THROTTLES: [&str; 12] = [
            "KMS.ThrottlingException",
            "KMSThrottling",
            "KMSThrottlingException",
            "KmsThrottled",
            "RequestLimitExceeded",
            "RequestThrottled",
            "RequestThrottledException",
            "SlowDown",
            "ThrottledException",
            "Throttling",
            "ThrottlingException",
            "TooManyRequestsException",
        ];
        const FAILURES: [&str; 9] = [
            "BandwidthLimitExceeded",
            "InternalError",
            "LimitExceededException",
            "RequestTimeout",
            "RequestTimeoutException",
            "ServerException",
            "ServiceException",
            "ServiceUnavailable",
            "TransactionInProgressException",
        ];
        let code = self.code.as_str();
        // ECS calls EC2 for subnets and security groups, and passes its throttling on as an invalid parameter.
        let of_ec2 = code == "InvalidParameterException" && self.message.contains("RequestLimitExceeded");
        if self.status == 429 || THROTTLES.contains(&code) || of_ec2 {
            Some(RetryReason::Throttled)
        } else if self.status >= 500 || FAILURES.contains(&code) {
            Some(RetryReason::Transient)
        } else if is_capacity(&self.message) {
            Some(RetryReason::NoCapacity)
        } else {
            None
        }
    }
}

/// Whether a text names a limit that may pass: Fargate's capacity, the account's number of running tasks, or the number
/// of tasks that ECS is about to start ("Tasks provisioning capacity limit exceeded.").
pub(crate) fn is_capacity(text: &str) -> bool {
    const SAID: [&str; 3] =
        ["capacity is unavailable", "reached the limit on the number of", "provisioning capacity limit exceeded"];
    let text = text.to_ascii_lowercase();
    SAID.iter().any(|said| text.contains(said))
}

#[cfg(test)]
#[path = "error_tests.rs"]
mod tests;
