//! A chain on a clock that the test moves, so that hours of waiting take no time.

use std::time::Duration;

use immortal_emulator::EmulatorOptions;

use super::{Chain, ChainSetup, FAILURES};

impl ChainSetup {
    /// The dispatcher uses the emulator's clock, which is not scaled. Its timeout is short, because during an outage it
    /// retries until its timeout.
    pub(crate) fn on_moved_clock(primary: &'static str) -> Self {
        let setup = Self::new(primary);
        Self {
            dispatcher_binary: Some("moved_dispatcher"),
            dispatcher_timeout: Duration::from_secs(1),
            options: EmulatorOptions { time_scale: 1.0, run_task_rate: None, ..setup.options },
            ..setup
        }
    }
}

impl Chain {
    /// Advances the clock by this time, in steps: whenever all records of the failure queue are hidden, to the time
    /// when the first of them becomes visible.
    pub(crate) async fn advance(&self, time: Duration) {
        let mut left = time;
        let moving = async {
            let mut entries = self.emulator.subscribe();
            while !left.is_zero() {
                match self.emulator.time_until_visible(FAILURES) {
                    Some(hidden) if !hidden.is_zero() => {
                        let step = hidden.min(left);
                        self.emulator.advance(step);
                        left -= step;
                    }
                    // Waits for any entry; missed ones are a result, too.
                    _ => drop(entries.recv().await),
                }
            }
        };
        self.with_timeout(moving, "no record is hidden").await;
    }

    /// Advances the clock for hidden records of the failure queue until the future resolves.
    pub(crate) async fn advancing_until<T>(&self, wait: impl Future<Output = T>) -> T {
        tokio::select! {
            biased;
            waited = wait => waited,
            () = self.advance(Duration::MAX) => unreachable!("the clock was advanced by the longest time"),
        }
    }
}
