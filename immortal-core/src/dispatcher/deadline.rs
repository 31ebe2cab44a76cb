//! How long this invocation may work, with time left for the response.

use std::time::Duration;

use crate::aws::WorkDeadline;

/// The timeout of a call.
const LONGEST_CALL: Duration = Duration::from_secs(10);
/// The time for an invocation with an invalid deadline, as in some emulators.
const UNKNOWN: Duration = Duration::from_secs(30);

/// The end of an invocation's work, from Lambda's deadline and the time of day, both in Unix milliseconds.
#[must_use]
pub(super) fn for_invocation(deadline: u64, now: u64) -> WorkDeadline {
    let (work, longest_call) = budget(deadline, now);
    WorkDeadline::after(work, longest_call)
}

/// How long to work, and how long at most on one call, so that there is time left for the response.
fn budget(deadline: u64, now: u64) -> (Duration, Duration) {
    let left = deadline.checked_sub(now).filter(|left| *left > 0).map_or(UNKNOWN, Duration::from_millis);
    // Lambda allows 15 minutes.
    let left = left.min(Duration::from_mins(15));
    let to_answer = (left / 10).clamp(Duration::from_millis(100).min(left / 2), Duration::from_secs(2));
    (left.saturating_sub(to_answer), (left / 4).min(LONGEST_CALL))
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
}
