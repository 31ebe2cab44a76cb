//! Counts the work in progress, so that tests can wait for its end.

use tokio::sync::watch;

/// The number of events not yet handled or given up, of running tasks, and of messages in mapped queues. Whatever one
/// of them causes is counted before it ends itself, so zero means that nothing will follow.
#[derive(Debug)]
pub(crate) struct ActivityCount(watch::Sender<usize>);

/// One unit of work in progress, until this is dropped.
#[derive(Debug)]
pub(crate) struct ActivityGuard(watch::Sender<usize>);

impl ActivityCount {
    pub(crate) fn new() -> Self {
        Self(watch::Sender::new(0))
    }

    pub(crate) fn begin(&self) -> ActivityGuard {
        self.0.send_modify(|count| *count += 1);
        ActivityGuard(self.0.clone())
    }

    /// Waits until nothing is in progress.
    pub(crate) async fn wait_until_zero(&self) {
        // The sender is in `self`, so this can't fail.
        let _ = self.0.subscribe().wait_for(|count| *count == 0).await;
    }
}

impl Drop for ActivityGuard {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count -= 1);
    }
}
