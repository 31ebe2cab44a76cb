//! Why progress can't be opened or saved.

use std::fmt;

use lambda_runtime::Diagnostic;

use super::fence::SupersededBy;
use crate::{
    aws::{AwsError, error_chain},
    names::{SUPERSEDED, env},
};

/// Why progress can't be opened or saved. Each message says what happened, to which request, and what to fix.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProgressError {
    /// Another attempt has replaced this one, or the job has succeeded. Return this error: no attempt follows.
    #[error("Immortal.Superseded: request {request_id}: {by}; this one must end")]
    Superseded {
        /// The job's request id.
        request_id: String,
        /// What has replaced the attempt.
        by: String,
    },
    /// No bucket for progress is configured.
    #[error(
        "the progress of request {request_id} has no place: set {} of the function, and of its task definition's \
         container, to a bucket",
        env::EVENT_BUCKET
    )]
    MissingBucket {
        /// The job's request id.
        request_id: String,
    },
    /// The call was not made, timed out, or failed for another reason than a permission.
    #[error("the progress of request {request_id}: {call} of {uri}: {problem}")]
    Failed {
        /// The job's request id.
        request_id: String,
        /// The API call.
        call: &'static str,
        /// The object.
        uri: String,
        /// What is wrong.
        problem: String,
    },
    /// A permission is missing.
    #[error("the progress of request {request_id}: {call} of {uri} was refused ({problem}); {fix}")]
    Denied {
        /// The job's request id.
        request_id: String,
        /// The API call.
        call: &'static str,
        /// The object.
        uri: String,
        /// What S3 says.
        problem: String,
        /// What to grant.
        fix: String,
    },
    /// The saved progress can't be deserialized as the handler's type.
    #[error(
        "the progress of request {request_id} in {uri} can't be read as `{wanted}`, and is not written over: {problem}; \
         let the type read what earlier versions saved, or delete the object to start the job over"
    )]
    Unreadable {
        /// The job's request id.
        request_id: String,
        /// The object.
        uri: String,
        /// The type.
        wanted: &'static str,
        /// What is wrong.
        problem: String,
    },
    /// The value can't be written as JSON.
    #[error("the progress of request {request_id} can't be written as JSON: {problem}")]
    Unwritable {
        /// The job's request id.
        request_id: String,
        /// What is wrong.
        problem: String,
    },
}

impl From<ProgressError> for Diagnostic {
    fn from(error: ProgressError) -> Self {
        let error_type = match error {
            ProgressError::Superseded { .. } => SUPERSEDED,
            _ => "Immortal.ProgressError",
        };
        Self { error_type: error_type.to_owned(), error_message: error.to_string() }
    }
}

/// The job and its object, as errors name them.
#[derive(Clone, Debug)]
pub(super) struct ProgressPlace {
    pub(super) request_id: String,
    pub(super) bucket: String,
    pub(super) key: String,
}

impl ProgressPlace {
    pub(super) fn uri(&self) -> String {
        format!("s3://{}/{}", self.bucket, self.key)
    }

    pub(super) fn superseded(&self, by: SupersededBy) -> ProgressError {
        let by = match by {
            SupersededBy::Attempt(rank) if rank.series == 0 => {
                format!("attempt {} has taken the place of this one", rank.attempt)
            }
            SupersededBy::Attempt(rank) => {
                format!("attempt {} of series {} has taken the place of this one", rank.attempt, rank.series)
            }
            SupersededBy::EndOfJob => "the job has ended, since its progress was deleted".to_owned(),
        };
        ProgressError::Superseded { request_id: self.request_id.clone(), by }
    }

    pub(super) fn unreadable(&self, wanted: &'static str, problem: &dyn fmt::Display) -> ProgressError {
        let problem = problem.to_string();
        ProgressError::Unreadable { request_id: self.request_id.clone(), uri: self.uri(), wanted, problem }
    }

    pub(super) fn unwritable(&self, error: &serde_json::Error) -> ProgressError {
        ProgressError::Unwritable { request_id: self.request_id.clone(), problem: error.to_string() }
    }

    pub(super) fn failed(&self, call: &'static str, problem: &dyn fmt::Display) -> ProgressError {
        let (request_id, uri, problem) = (self.request_id.clone(), self.uri(), problem.to_string());
        ProgressError::Failed { request_id, call, uri, problem }
    }

    pub(super) fn call_failed(&self, call: &'static str, error: &AwsError) -> ProgressError {
        match error {
            AwsError::Refused(refusal) if refusal.status == 403 => ProgressError::Denied {
                request_id: self.request_id.clone(),
                call,
                uri: self.uri(),
                problem: refusal.to_string(),
                fix: self.grant(call),
            },
            error => self.failed(call, &error_chain(error)),
        }
    }

    fn grant(&self, call: &'static str) -> String {
        let prefix = self.key.split_inclusive('/').take(2).collect::<String>();
        let grant = format!(
            "grant the roles of the function and of its task s3:{call} on arn:aws:s3:::{}/{prefix}*, and the use of the \
             bucket's key where it has one",
            self.bucket
        );
        match call {
            "GetObject" => format!(
                "{grant}; and s3:ListBucket on arn:aws:s3:::{} with the condition s3:prefix {prefix}*, without which S3 \
                 answers so where nothing is saved yet",
                self.bucket
            ),
            _ => grant,
        }
    }
}
