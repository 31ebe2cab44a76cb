//! Being told to stop.

use std::io;
#[cfg(feature = "destinations")]
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
#[cfg(feature = "destinations")]
use tokio::time::Instant;

/// SIGTERM, as ECS sends it, and SIGINT, as a keyboard does.
#[derive(Debug)]
pub(super) struct StopSignal {
    terminate: Signal,
    interrupt: Signal,
}

impl StopSignal {
    /// Listens from now on; the process no longer ends by itself.
    pub(super) fn listen() -> io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    /// Waits until the time that a task has once it is told to stop is nearly over: until it is told, where it wasn't
    /// before.
    #[cfg(feature = "destinations")]
    pub(super) async fn nearly_over(&mut self, told_at: Option<Instant>, stop_timeout: Duration) {
        // For the line that says so, and the process's own end.
        const LAST_MOMENT: Duration = Duration::from_secs(1);
        let told_at = if let Some(told_at) = told_at {
            told_at
        } else {
            self.told().await;
            Instant::now()
        };
        tokio::time::sleep_until(told_at + stop_timeout.saturating_sub(LAST_MOMENT)).await;
    }

    /// Waits for the next word.
    pub(super) async fn told(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
