//! The runner's retries: of which errors, for how long, and the error in the end.

use std::time::Duration;

use tokio::time::timeout;

use super::error::RunnerError;
use crate::aws::{AwsError, RetryEnd, ServiceError, WorkDeadline, error_chain};

/// How long throttling and server errors are retried before the attempt is given up.
const RETRY_FOR: Duration = Duration::from_mins(2);

/// How long one call may take.
const LONGEST_CALL: Duration = Duration::from_secs(20);

/// The error of a call.
#[derive(Debug)]
pub(super) enum CallError {
    /// May succeed when retried: throttled, a server error, no response.
    Transient(String),
    /// Fails again when retried.
    Permanent(RunnerError),
}

/// Repeats a call until it succeeds, fails permanently, or two minutes are over.
pub(super) async fn with_retries<T, F>(what: &str, call: impl FnMut() -> F) -> Result<T, RunnerError>
where
    F: Future<Output = Result<T, CallError>>,
{
    with_retries_until(WorkDeadline::after(RETRY_FOR, LONGEST_CALL), what, call).await
}

async fn with_retries_until<T, F>(
    deadline: WorkDeadline,
    what: &str,
    mut call: impl FnMut() -> F,
) -> Result<T, RunnerError>
where
    F: Future<Output = Result<T, CallError>>,
{
    let bounded = |bound: Duration| {
        let answer = timeout(bound, call());
        async move {
            let late = |_| Err(CallError::Transient(format!("no answer within {} ms", bound.as_millis())));
            answer.await.unwrap_or_else(late)
        }
    };
    let is_retryable = |error: &CallError, _| match error {
        CallError::Transient(reason) => {
            tracing::warn!("{what} failed: {reason}");
            true
        }
        CallError::Permanent(_) => false,
    };
    crate::aws::with_retries(deadline, bounded, is_retryable).await.map_err(|end| match end {
        RetryEnd::Failed(CallError::Permanent(error)) => error,
        RetryEnd::Failed(CallError::Transient(reason)) => RunnerError::Transient(format!(
            "{what} failed for {} s, last with: {reason}; the next attempt may succeed",
            RETRY_FOR.as_secs()
        )),
        RetryEnd::NoTime => RunnerError::Transient(format!("there was no time left for {what}")),
    })
}

/// What an error of a service comes to, where `refused` says what a refusal for good does.
pub(super) fn call_error(error: AwsError, what: &str, refused: impl FnOnce(ServiceError) -> RunnerError) -> CallError {
    let text = error_chain(&error);
    match error {
        error if error.retry_reason().is_some() => CallError::Transient(text),
        AwsError::Refused(refusal) => CallError::Permanent(refused(refusal)),
        AwsError::Unsent(_) | AwsError::Unanswered(_) => CallError::Permanent(RunnerError::Transient(format!(
            "{what} was {text}; give the task a role, and set AWS_REGION"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_stays_throttled_is_for_the_next_attempt() {
        let deadline = WorkDeadline::after(Duration::from_millis(300), LONGEST_CALL);
        let throttled = async || Err(CallError::Transient("throttled".into()));
        let result: Result<(), _> = with_retries_until(deadline, "GetFunction", throttled).await;
        assert!(
            matches!(&result, Err(RunnerError::Transient(message)) if message.contains("GetFunction") && message.contains("throttled")),
            "{result:?}"
        );
    }

    #[tokio::test]
    async fn a_call_without_an_answer_is_made_again() {
        let mut calls = 0;
        let deadline = WorkDeadline::after(RETRY_FOR, Duration::from_millis(10));
        let result = with_retries_until(deadline, "GetFunction", || {
            calls += 1;
            let first = calls == 1;
            async move {
                if first {
                    std::future::pending::<()>().await;
                }
                Ok(7)
            }
        })
        .await;
        assert_eq!((result, calls), (Ok(7), 2));
    }

    #[tokio::test]
    async fn a_refusal_for_good_is_the_last_word() {
        let mut calls = 0;
        let result: Result<(), _> = with_retries("GetFunction", || {
            calls += 1;
            async { Err(CallError::Permanent(RunnerError::Permanent("no such function".into()))) }
        })
        .await;
        assert_eq!((result, calls), (Err(RunnerError::Permanent("no such function".into())), 1));
    }
}
