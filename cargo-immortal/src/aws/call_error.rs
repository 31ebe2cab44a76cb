//! Why AWS gave no answer, by what the user can do about it.

use immortal_core::aws::{AwsError, RetryReason, ServiceError, error_chain};

use crate::failure::CommandError;

/// Each is one line: what happened, to what, and what to do.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum CallError {
    /// Nothing signs the call, or AWS doesn't take what does.
    #[error(
        "there are no valid AWS credentials for {action}; log in, for example with `aws sso login`, or name a profile with --profile"
    )]
    NoCredentials {
        action: &'static str,
        #[source]
        source: AwsError,
    },
    #[error("{}", no_region(.profile.as_deref()))]
    NoRegion { profile: Option<String> },
    /// The caller may not. The action is the one that AWS names, where it names one.
    #[error(
        "denied: {action} on {resource}; allow your role or user this action, or use another profile with --profile"
    )]
    Denied {
        action: String,
        resource: String,
        #[source]
        source: AwsError,
    },
    #[error("throttled: {action} on {resource}; try again in a minute")]
    Throttled {
        action: &'static str,
        resource: String,
        #[source]
        source: AwsError,
    },
    #[error("{resource} is not there ({action}); check its name, the region and the profile")]
    NotFound {
        action: &'static str,
        resource: String,
        #[source]
        source: AwsError,
    },
    #[error("AWS did not answer {action} on {resource}; check the network, the region and AWS_ENDPOINT_URL")]
    Unreachable {
        action: &'static str,
        resource: String,
        #[source]
        source: AwsError,
    },
    #[error("{action} on {resource} failed")]
    Other {
        action: &'static str,
        resource: String,
        #[source]
        source: AwsError,
    },
}

fn no_region(profile: Option<&str>) -> String {
    match profile {
        None => "no AWS region is configured; give --region, or set AWS_REGION".to_owned(),
        Some(profile) => format!(
            "the profile {profile:?} has no region, or is not there; check its name in ~/.aws/config, or give --region"
        ),
    }
}

impl CallError {
    /// Why a call failed that needs this IAM action, and was about this resource.
    pub(crate) fn new(action: &'static str, resource: &str, error: impl Into<AwsError>) -> Self {
        let (source, resource) = (error.into(), resource.to_owned());
        if source.lacks_credentials() {
            return Self::NoCredentials { action, source };
        }
        let refused = match &source {
            AwsError::Refused(refused) => refused.clone(),
            AwsError::Unanswered(_) => return Self::Unreachable { action, resource, source },
            AwsError::Unsent(_) => return Self::Other { action, resource, source },
        };
        if refused.retry_reason() == Some(RetryReason::Throttled) {
            Self::Throttled { action, resource, source }
        } else if is_about_credentials(&refused) {
            Self::NoCredentials { action, source }
        } else if is_missing(&refused) {
            Self::NotFound { action, resource, source }
        } else if is_denied(&refused) {
            let (action, resource) = named_by(&refused.message).unwrap_or((action.to_owned(), resource));
            Self::Denied { action, resource, source }
        } else {
            Self::Other { action, resource, source }
        }
    }

    /// Whether what the call was about isn't there.
    pub(crate) fn is_not_found(&self) -> bool {
        matches!(self, Self::NotFound { .. })
    }

    /// Whether the caller may not.
    pub(crate) fn is_denied(&self) -> bool {
        matches!(self, Self::Denied { .. })
    }
}

impl From<CallError> for CommandError {
    fn from(error: CallError) -> Self {
        // Behind the first line the SDK tells of each place where it looked for credentials.
        let text = error_chain(&error);
        let text = text.lines().next().unwrap_or_default();
        let text = text.strip_suffix(" Attempted:").unwrap_or(text).to_owned();
        match error {
            CallError::NoRegion { .. } => Self::WrongUse(text),
            _ => Self::Failed(text),
        }
    }
}

/// Source: <https://docs.aws.amazon.com/IAM/latest/APIReference/CommonErrors.html>, and S3's
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html>.
fn is_about_credentials(refused: &ServiceError) -> bool {
    const CODES: [&str; 10] = [
        "ExpiredToken",
        "ExpiredTokenException",
        "IncompleteSignature",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "MissingAuthenticationToken",
        "NotAuthorized",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    ];
    CODES.contains(&refused.code.as_str())
}

/// CloudFormation calls a missing stack a validation error, and SQS and ECS have codes of their own.
fn is_missing(refused: &ServiceError) -> bool {
    const CODES: [&str; 9] = [
        "AWS.SimpleQueueService.NonExistentQueue",
        "ChangeSetNotFound",
        "ClusterNotFoundException",
        "NoSuchBucket",
        "NoSuchEntity",
        "NoSuchKey",
        "QueueDoesNotExist",
        "RepositoryNotFoundException",
        "ResourceNotFoundException",
    ];
    let code = refused.code.as_str();
    (refused.status == 404 && !code.is_empty())
        || CODES.contains(&code)
        || (code == "ValidationError" && refused.message.contains("does not exist"))
}

fn is_denied(refused: &ServiceError) -> bool {
    const CODES: [&str; 4] = ["AccessDenied", "AccessDeniedException", "AuthorizationError", "UnauthorizedOperation"];
    refused.status == 403 || CODES.contains(&refused.code.as_str())
}

/// The action and the resource in "… is not authorized to perform: lambda:GetFunction on resource: arn:… because …".
///
/// Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html>.
fn named_by(message: &str) -> Option<(String, String)> {
    let (_, rest) = message.split_once("not authorized to perform: ")?;
    let action = rest.split([' ', '\n']).next()?;
    let resource = rest.split_once("on resource: ").and_then(|(_, rest)| rest.split(' ').next());
    let is_action = action.contains(':');
    is_action.then(|| (action.to_owned(), resource.unwrap_or("*").to_owned()))
}

#[cfg(test)]
#[path = "call_error_tests.rs"]
mod tests;
