//! The stop signals of the runner.

use std::io;
#[cfg(feature = "destinations")]
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
#[cfg(feature = "destinations")]
use tokio::time::Instant;

/// SIGTERM, which ECS sends, and SIGINT, which a terminal sends.
#[derive(Debug)]
pub(super) struct StopSignal {
    terminate: Signal,
    interrupt: Signal,
}

impl StopSignal {
    /// Catches the signals from now on; they no longer end the process.
    pub(super) fn listen() -> io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    /// Waits until the time that a task has once it is told to stop is nearly over: until it is told, where it wasn't
    /// before.
    #[cfg(feature = "destinations")]
    pub(super) async fn nearly_over(&mut self, stopping_since: Option<Instant>, stop_timeout: Duration) {
        // Leaves time for the last log line and the end of the process.
        const LAST_MOMENT: Duration = Duration::from_secs(1);
        let stopping_since = if let Some(stopping_since) = stopping_since {
            stopping_since
        } else {
            self.received().await;
            Instant::now()
        };
        tokio::time::sleep_until(stopping_since + stop_timeout.saturating_sub(LAST_MOMENT)).await;
    }

    /// Waits for the next signal.
    pub(super) async fn received(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
