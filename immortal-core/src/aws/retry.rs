//! Retries of AWS calls: the deadline, the backoff and the loop of both roles. Each role has its own limits.

use std::time::Duration;

use tokio::time::Instant;

#[cfg(any(feature = "dispatcher", feature = "progress"))]
use super::AwsError;

/// The least time with which a call is started.
const SHORTEST_CALL: Duration = Duration::from_millis(100);

/// The deadline of some work, and the longest time that one call may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WorkDeadline {
    end: Instant,
    longest_call: Duration,
}

impl WorkDeadline {
    /// From now on: how long to work, and how long at most on one call.
    #[must_use]
    pub(crate) fn after(work: Duration, longest_call: Duration) -> Self {
        Self { end: Instant::now() + work, longest_call }
    }

    /// When all work must have ended.
    #[cfg(feature = "dispatcher")]
    #[must_use]
    pub(crate) fn end(&self) -> Instant {
        self.end
    }

    /// The time left.
    #[must_use]
    pub(crate) fn left(&self) -> Duration {
        self.end.saturating_duration_since(Instant::now())
    }

    /// How long the next call may take; `None` if there is no time for one.
    #[must_use]
    pub(crate) fn call(&self) -> Option<Duration> {
        Some(self.left().min(self.longest_call)).filter(|time| *time >= SHORTEST_CALL.min(self.longest_call))
    }

    /// Pauses before another try, if there is time for one after it.
    pub(crate) async fn pause(&self, pause: Duration) -> bool {
        if self.left() <= pause + SHORTEST_CALL.min(self.longest_call) {
            return false;
        }
        tokio::time::sleep(pause).await;
        true
    }
}

/// A call that times out may still have taken effect.
#[cfg(any(feature = "dispatcher", feature = "progress"))]
pub(crate) async fn within<T>(bound: Duration, call: impl Future<Output = Result<T, AwsError>>) -> Result<T, AwsError> {
    tokio::time::timeout(bound, call).await.unwrap_or_else(|_| Err(AwsError::timed_out(bound)))
}

/// Why a call failed in spite of retries.
#[derive(Debug)]
pub(crate) enum RetryEnd<E> {
    /// There was no time for a first try.
    NoTime,
    /// The last error: it is permanent, or there is no time for another try.
    Failed(E),
}

/// Repeats a call until it succeeds, its error is permanent, or no time is left.
///
/// `call` gets the time that it may take. `is_retryable` gets each error, with the number of the try.
pub(crate) async fn with_retries<T, E, F: Future<Output = Result<T, E>>>(
    deadline: WorkDeadline,
    mut call: impl FnMut(Duration) -> F,
    is_retryable: impl Fn(&E, u32) -> bool,
) -> Result<T, RetryEnd<E>> {
    let mut retry = 0;
    let mut last = RetryEnd::NoTime;
    loop {
        let Some(bound) = deadline.call() else { return Err(last) };
        let error = match call(bound).await {
            Ok(value) => return Ok(value),
            Err(error) => error,
        };
        let is_last = !is_retryable(&error, retry) || !deadline.pause(backoff(retry, fastrand::f64())).await;
        last = RetryEnd::Failed(error);
        if is_last {
            return Err(last);
        }
        retry += 1;
    }
}

/// How long to wait before the nth retry: exponentially longer up to 5 s, with full jitter, and never at once. `random`
/// is from 0 to 1.
///
/// As the SDKs do it (<https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html>), with a bound of
/// our own.
#[must_use]
pub(crate) fn backoff(retry: u32, random: f64) -> Duration {
    let longest = Duration::from_millis(100 << retry.min(6)).min(Duration::from_secs(5));
    longest.mul_f64(random.clamp(0.0, 1.0)).max(Duration::from_millis(20))
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    const LONGEST_CALL: Duration = Duration::from_secs(10);

    #[tokio::test]
    async fn nothing_is_begun_at_the_end() {
        let past = WorkDeadline::after(Duration::ZERO, LONGEST_CALL);
        assert!(past.call().is_none());
        assert!(!past.pause(Duration::ZERO).await);
        let soon = WorkDeadline::after(Duration::from_mins(1), LONGEST_CALL);
        assert_eq!(soon.call(), Some(LONGEST_CALL));
        assert!(soon.pause(Duration::ZERO).await);
        assert!(!soon.pause(Duration::from_mins(1)).await, "there would be no time for a call after it");
    }

    #[test]
    fn a_retry_is_never_at_once_and_never_far_away() {
        for retry in 0..100 {
            assert_eq!(backoff(retry, 0.0), Duration::from_millis(20));
            assert!(backoff(retry, 1.0) <= Duration::from_secs(5));
        }
        assert_eq!(backoff(0, 1.0), Duration::from_millis(100));
        assert_eq!(backoff(3, 0.5), Duration::from_millis(400));
    }

    /// The errors of a call that fails with each of these in turn, and then succeeds.
    async fn outcome_of(errors: &[&'static str], work: Duration) -> (Result<u32, RetryEnd<&'static str>>, u32) {
        let calls = Cell::new(0);
        let result = with_retries(
            WorkDeadline::after(work, LONGEST_CALL),
            |_| {
                let number = calls.replace(calls.get() + 1);
                async move { errors.get(number as usize).map_or(Ok(7), |error| Err(*error)) }
            },
            |error, _| *error == "throttled",
        );
        (result.await, calls.get())
    }

    #[tokio::test]
    async fn a_call_is_made_until_it_succeeds_or_is_refused() {
        let minute = Duration::from_mins(1);
        assert!(matches!(outcome_of(&["throttled", "throttled"], minute).await, (Ok(7), 3)));
        let refused = outcome_of(&["throttled", "refused"], minute).await;
        assert!(matches!(refused, (Err(RetryEnd::Failed("refused")), 2)), "{refused:?}");
    }

    #[tokio::test]
    async fn time_ends_it_with_the_last_error() {
        let ended = outcome_of(&["throttled"; 1_000], Duration::from_millis(500)).await;
        assert!(matches!(ended, (Err(RetryEnd::Failed("throttled")), 1..)), "{ended:?}");
        let never = outcome_of(&["throttled"], Duration::ZERO).await;
        assert!(matches!(never, (Err(RetryEnd::NoTime), 0)), "{never:?}");
    }
}
