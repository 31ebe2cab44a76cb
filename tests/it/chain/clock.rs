//! The chain on a clock that the test moves: hours of waiting in no time.

use std::time::Duration;

use immortal_emulator::EmulatorOptions;

use super::{Chain, FAILURES, Setup};

impl Setup {
    /// The dispatcher reads the emulator's clock, on which queues wait as long as they do in AWS. An invocation of it
    /// is short, since it works against an outage for as long as it may.
    pub(crate) fn on_moved_clock(primary: &'static str) -> Self {
        let setup = Self::of(primary);
        Self {
            dispatcher_binary: Some("moved_dispatcher"),
            dispatcher_timeout: Duration::from_secs(1),
            options: EmulatorOptions { time_scale: 1.0, run_task_rate: None, ..setup.options },
            ..setup
        }
    }
}

impl Chain {
    /// Lets so much time pass, in steps: the clock moves whenever all records of the failure queue wait, to the moment
    /// at which the first of them is due.
    pub(crate) async fn pass(&self, time: Duration) {
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
                    // Whatever comes next; entries that were missed came too.
                    _ => drop(entries.recv().await),
                }
            }
        };
        self.patiently(moving, "no record waits").await;
    }

    /// Waits for something, and meanwhile lets the time pass for which records of the failure queue wait.
    pub(crate) async fn passing<T>(&self, wait: impl Future<Output = T>) -> T {
        tokio::select! {
            biased;
            waited = wait => waited,
            () = self.pass(Duration::MAX) => unreachable!("it would have taken for ever"),
        }
    }
}
