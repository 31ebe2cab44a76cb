//! What is under way: so that its end can be waited for.

use tokio::sync::watch;

/// Counts what is under way: events until they are answered or given up, tasks, and the messages that a function is to
/// be given. What follows from one of them begins before it ends, so none is none.
#[derive(Debug)]
pub(crate) struct ActivityCount(watch::Sender<usize>);

/// Something under way, until this is dropped.
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

    /// Waits until nothing is under way.
    pub(crate) async fn none(&self) {
        // The sender lives in `self`, so it can't be gone.
        let _ = self.0.subscribe().wait_for(|count| *count == 0).await;
    }
}

impl Drop for ActivityGuard {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count -= 1);
    }
}
