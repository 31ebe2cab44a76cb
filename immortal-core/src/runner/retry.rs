//! When a call is made again, and how long that goes on.

use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

use super::error::RunnerError;
use crate::aws::{AwsError, ServiceError, error_chain};

/// How long throttling and server errors are ridden out before the attempt is given up.
pub(super) const RETRY_FOR: Duration = Duration::from_mins(2);

/// How long one call may take.
const CALL: Duration = Duration::from_secs(20);

/// What a call that didn't succeed came to.
#[derive(Debug)]
pub(super) enum CallError {
    /// Worth another try: throttled, a server error, no answer.
    Transient(String),
    /// Not worth one.
    Permanent(RunnerError),
}

/// Makes a call until it succeeds, is refused for good, or patience runs out.
pub(super) async fn with_retries<T, F>(what: &str, call: impl FnMut() -> F) -> Result<T, RunnerError>
where
    F: Future<Output = Result<T, CallError>>,
{
    with_retries_for(RETRY_FOR, CALL, what, call).await
}

async fn with_retries_for<T, F>(
    patience: Duration,
    each: Duration,
    what: &str,
    mut call: impl FnMut() -> F,
) -> Result<T, RunnerError>
where
    F: Future<Output = Result<T, CallError>>,
{
    let end = Instant::now() + patience;
    let mut round = 0;
    loop {
        let each = each.min(end.saturating_duration_since(Instant::now()));
        let reason = match timeout(each, call()).await {
            Ok(Ok(value)) => return Ok(value),
            Ok(Err(CallError::Permanent(error))) => return Err(error),
            Ok(Err(CallError::Transient(reason))) => reason,
            Err(_) => format!("no answer within {} s", each.as_secs()),
        };
        let pause = pause(round, fastrand::f64());
        if Instant::now() + pause >= end {
            return Err(RunnerError::Transient(format!(
                "{what} failed for {} s, last with: {reason}; the next attempt may fare better",
                patience.as_secs()
            )));
        }
        tracing::warn!("{what} failed, and is tried again: {reason}");
        sleep(pause).await;
        round += 1;
    }
}

/// The pause after a round: doubling from 200 ms to 10 s, and by chance at least half of that.
pub(super) fn pause(round: u32, chance: f64) -> Duration {
    let full = Duration::from_millis(200).saturating_mul(1 << round.min(8)).min(Duration::from_secs(10));
    full.mul_f64(0.5 + chance / 2.0)
}

/// What an error of a service comes to, where `refused` says what a refusal for good does.
pub(super) fn failed(error: AwsError, what: &str, refused: impl FnOnce(ServiceError) -> RunnerError) -> CallError {
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

    #[test]
    fn pauses_grow_to_ten_seconds() {
        assert_eq!(pause(0, 0.0), Duration::from_millis(100));
        assert_eq!(pause(0, 1.0), Duration::from_millis(200));
        assert_eq!(pause(3, 1.0), Duration::from_millis(1600));
        assert_eq!(pause(50, 1.0), Duration::from_secs(10));
    }

    #[tokio::test]
    async fn patience_ends() {
        let patience = Duration::from_millis(500);
        let start = Instant::now();
        let result: Result<(), _> =
            with_retries_for(patience, CALL, "GetFunction", async || Err(CallError::Transient("throttled".into())))
                .await;
        assert!(matches!(&result, Err(RunnerError::Transient(message)) if message.contains("throttled")), "{result:?}");
        assert!(start.elapsed() >= Duration::from_millis(100), "it paused at least once");
    }

    #[tokio::test]
    async fn a_call_without_an_answer_is_made_again() {
        let mut calls = 0;
        let result = with_retries_for(RETRY_FOR, Duration::from_millis(10), "GetFunction", || {
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
