//! The clock of all services, which tests can move.

use std::{fs, path::PathBuf, time::Duration};

use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;

#[derive(Debug)]
pub(crate) struct MovableClock {
    /// How far this clock is ahead of the machine's.
    ahead: watch::Sender<SignedDuration>,
    /// The file with that difference in milliseconds, for processes that need the services' time.
    file: PathBuf,
}

impl MovableClock {
    pub(crate) fn new(file: PathBuf) -> Self {
        Self { ahead: watch::Sender::default(), file }
    }

    pub(crate) fn now(&self) -> Timestamp {
        Timestamp::now() + *self.ahead.borrow()
    }

    pub(crate) fn file(&self) -> String {
        self.file.to_string_lossy().into_owned()
    }

    /// Moves the clock forward, and wakes all waits.
    pub(crate) fn advance(&self, by: Duration) {
        let by = SignedDuration::try_from(by).unwrap_or(SignedDuration::MAX);
        self.ahead.send_modify(|ahead| {
            *ahead = ahead.saturating_add(by);
            // Renamed into place, so that no process reads a partial file, and before any wait is woken. A full disk
            // is noticed elsewhere.
            let new = self.file.with_extension("new");
            let _ = fs::write(&new, ahead.as_millis().to_string()).and_then(|()| fs::rename(&new, &self.file));
        });
    }

    /// Waits until this much time has passed, really or because the clock was moved.
    pub(crate) async fn sleep(&self, wait: Duration) {
        self.sleep_until(self.now() + wait).await;
    }

    /// Waits until the clock shows this time.
    pub(crate) async fn sleep_until(&self, due: Timestamp) {
        let mut ahead = self.ahead.subscribe();
        while let Some(left) = Duration::try_from(due.duration_since(self.now())).ok().filter(|left| !left.is_zero()) {
            // Rounded up to the timer's resolution. The sender is in `self`, so waiting for a change can't fail.
            let _ = tokio::time::timeout(left + Duration::from_millis(1), ahead.changed()).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_wait_ends_when_the_clock_is_moved_past_it() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let clock = MovableClock::new(directory.path().join("clock"));
        let start = clock.now();
        let ((), ()) = tokio::join!(clock.sleep(Duration::from_hours(2)), async {
            clock.advance(Duration::from_hours(1));
            tokio::task::yield_now().await;
            clock.advance(Duration::from_hours(1));
        });
        assert!(clock.now().duration_since(start) >= SignedDuration::from_hours(2));
        assert_eq!(fs::read_to_string(clock.file()).expect("written"), "7200000");
    }
}
