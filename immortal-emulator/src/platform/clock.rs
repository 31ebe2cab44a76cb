//! The one clock of all services, which tests can move.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;

/// How far the services' clock is ahead of the machine's.
#[derive(Debug, Default)]
pub(crate) struct MovableClock(watch::Sender<SignedDuration>);

impl MovableClock {
    pub(crate) fn now(&self) -> Timestamp {
        Timestamp::now() + *self.0.borrow()
    }

    /// Moves it forward, and wakes whatever waits for it.
    pub(crate) fn advance(&self, by: Duration) {
        let by = SignedDuration::try_from(by).unwrap_or(SignedDuration::MAX);
        self.0.send_modify(|ahead| *ahead = ahead.saturating_add(by));
    }

    /// Waits until this much time has passed, by itself or because the clock was moved.
    pub(crate) async fn sleep(&self, wait: Duration) {
        self.sleep_until(self.now() + wait).await;
    }

    /// Waits for this moment.
    pub(crate) async fn sleep_until(&self, due: Timestamp) {
        let mut ahead = self.0.subscribe();
        while let Some(left) = Duration::try_from(due.duration_since(self.now())).ok().filter(|left| !left.is_zero()) {
            // Rounded up to the timer's resolution. The sender lives in `self`, so a change is all that can come.
            let _ = tokio::time::timeout(left + Duration::from_millis(1), ahead.changed()).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_wait_ends_when_the_clock_is_moved_past_it() {
        let clock = MovableClock::default();
        let start = clock.now();
        let ((), ()) = tokio::join!(clock.sleep(Duration::from_hours(2)), async {
            clock.advance(Duration::from_hours(1));
            tokio::task::yield_now().await;
            clock.advance(Duration::from_hours(1));
        });
        assert!(clock.now().duration_since(start) >= SignedDuration::from_hours(2));
    }
}
