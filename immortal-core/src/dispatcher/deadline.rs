//! How long this invocation may still work, with time left to answer.

use std::time::Duration;

use tokio::time::{Instant, timeout};

use crate::aws::AwsError;

/// The end of an invocation's work.
#[derive(Clone, Copy, Debug)]
pub(super) struct Deadline {
    end: Instant,
    bound: Duration,
}

/// A call that takes longer isn't answered at all.
const LONGEST_CALL: Duration = Duration::from_secs(10);
/// No call is begun with less time than this.
const SHORTEST_CALL: Duration = Duration::from_millis(100);
/// The time of an invocation whose deadline makes no sense, as that of some emulators.
const UNKNOWN: Duration = Duration::from_secs(30);

impl Deadline {
    /// From Lambda's deadline and the time of day, both in Unix milliseconds.
    #[must_use]
    pub(super) fn new(deadline: u64, now: u64) -> Self {
        let (work, bound) = budget(deadline, now);
        Self { end: Instant::now() + work, bound }
    }

    /// When all work must have ended.
    #[must_use]
    pub(super) fn end(&self) -> Instant {
        self.end
    }

    /// What is left.
    #[must_use]
    pub(super) fn left(&self) -> Duration {
        self.end.saturating_duration_since(Instant::now())
    }

    /// How long the next call may take, well inside what is left; `None` where there is no time for one.
    #[must_use]
    pub(super) fn call(&self) -> Option<Duration> {
        Some(self.left().min(self.bound)).filter(|time| *time >= SHORTEST_CALL.min(self.bound))
    }

    /// Pauses before another try, if there is time for one after it.
    pub(super) async fn pause(&self, pause: Duration) -> bool {
        if self.left() <= pause + SHORTEST_CALL.min(self.bound) {
            return false;
        }
        tokio::time::sleep(pause).await;
        true
    }
}

/// How long to work, and how long at most on one call, so that there is time left to answer.
fn budget(deadline: u64, now: u64) -> (Duration, Duration) {
    let left = deadline.checked_sub(now).filter(|left| *left > 0).map_or(UNKNOWN, Duration::from_millis);
    // Lambda allows 15 minutes.
    let left = left.min(Duration::from_mins(15));
    let to_answer = (left / 10).clamp(Duration::from_millis(100).min(left / 2), Duration::from_secs(2));
    (left.saturating_sub(to_answer), (left / 4).min(LONGEST_CALL))
}

/// A call that isn't answered in time may have taken effect all the same.
pub(super) async fn within<T>(bound: Duration, call: impl Future<Output = Result<T, AwsError>>) -> Result<T, AwsError> {
    let late = |_| Err(AwsError::timed_out(bound.as_millis()));
    timeout(bound, call).await.unwrap_or_else(late)
}

/// How long to wait before the nth retry: exponentially longer, with full jitter, and never at once. `random` is from
/// 0 to 1.
#[must_use]
pub(super) fn backoff(retry: u32, random: f64) -> Duration {
    let longest = Duration::from_millis(100 << retry.min(6)).min(Duration::from_secs(5));
    longest.mul_f64(random.clamp(0.0, 1.0)).max(Duration::from_millis(20))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_is_left_to_answer() {
        let table = [
            (900_000, 898_000, 10_000),
            (60_000, 58_000, 10_000),
            (10_000, 9_000, 2_500),
            (3_000, 2_700, 750),
            (200, 100, 50),
            (10, 5, 2),
            (10_000_000, 898_000, 10_000),
        ];
        for (left, work, call) in table {
            let (allowed, bound) = budget(1_700_000_000_000 + left, 1_700_000_000_000);
            assert_eq!((allowed.as_millis(), bound.as_millis()), (work, call), "{left}");
        }
        assert_eq!(budget(600_000, 1_700_000_000_000).0, Duration::from_secs(28), "a deadline long past");
    }

    #[tokio::test]
    async fn nothing_is_begun_at_the_end() {
        let past = Deadline { end: Instant::now(), bound: LONGEST_CALL };
        assert!(past.call().is_none());
        assert!(!past.pause(Duration::ZERO).await);
        let soon = Deadline { end: Instant::now() + Duration::from_mins(1), bound: LONGEST_CALL };
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
}
