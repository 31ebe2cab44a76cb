//! What strikes in the course of time: outages, kills of dispatchers, and people who stop tasks and redrive dead letters.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use immortal_emulator::{Emulator, Fault, FaultedCalls, StopCode};
use tokio::{sync::watch::Receiver, time::sleep};

use crate::{
    chaos_fault::{DISPATCHER, Outage, outages},
    deployment::{DEAD_LETTERS, FAILURES},
    job_history::JobHistories,
    strike_table::StrikeCount,
};

/// Between two of what strikes at once.
const PAUSE: Duration = Duration::from_millis(1500);
/// How long an outage waits for the calls that it is to strike.
const LONGEST_OUTAGE: Duration = Duration::from_secs(8);

/// What people and the course of time do to the jobs of a run.
#[derive(Debug)]
pub(crate) struct Disturbances {
    pub(crate) emulator: Arc<Emulator>,
    pub(crate) histories: Arc<Mutex<JobHistories>>,
    pub(crate) seed: u64,
}

/// How often each has struck.
#[derive(Debug, Default)]
pub(crate) struct DisturbanceCounts {
    outages: Vec<(&'static str, &'static str, u64)>,
    kills: u64,
    stops: u64,
    redriven: u64,
}

impl Disturbances {
    /// Goes on until it is dropped or told to end.
    pub(crate) async fn run(&self, ends: Receiver<bool>) -> DisturbanceCounts {
        let mut counts = DisturbanceCounts::default();
        let mut random = fastrand::Rng::with_seed(self.seed);
        let outages = outages();
        counts.outages = outages.iter().map(|outage| (outage.operation, outage.name, 0)).collect();
        let mut round = 0;
        while !*ends.borrow() {
            let outage = round % outages.len();
            counts.outages[outage].2 += self.strike(&outages[outage], &ends).await;
            sleep(PAUSE).await;
            if round % 4 == 1 {
                self.emulator.kill_sandboxes(DISPATCHER);
                counts.kills += 1;
            }
            counts.stops += self.stop_a_task(&mut random);
            if round % 4 == 3 {
                let moved = self.emulator.redrive(DEAD_LETTERS, Some(FAILURES)).unwrap_or_default();
                self.histories.lock().unwrap_or_else(PoisonError::into_inner).add_redrive(moved);
                counts.redriven += u64::try_from(moved).unwrap_or_default();
            }
            round += 1;
        }
        counts
    }

    /// An outage goes on until it has struck, as long as there are jobs.
    async fn strike(&self, outage: &Outage, ends: &Receiver<bool>) -> u64 {
        let Outage { operation, kind, lasts, .. } = outage;
        let fault = self.emulator.inject(Fault { operation, kind: kind.clone(), calls: FaultedCalls::All });
        let mut lasted = *lasts;
        sleep(*lasts).await;
        while self.emulator.struck_calls(fault) < 2 && lasted < LONGEST_OUTAGE && !*ends.borrow() {
            sleep(*lasts).await;
            lasted += *lasts;
        }
        self.emulator.end_fault(fault);
        self.emulator.struck_calls(fault)
    }

    /// A person stops one of the tasks at work.
    fn stop_a_task(&self, random: &mut fastrand::Rng) -> u64 {
        let task = {
            let histories = self.histories.lock().unwrap_or_else(PoisonError::into_inner);
            let running: Vec<_> = histories.running().collect();
            random.choice(running).map(str::to_owned)
        };
        let stopped = task.is_some_and(|task| self.emulator.interrupt(&task, StopCode::UserInitiated).is_ok());
        u64::from(stopped)
    }
}

impl DisturbanceCounts {
    /// The rows of the table.
    pub(crate) fn rows(&self) -> Vec<StrikeCount> {
        let row = |operation, name, strikes| StrikeCount { operation, name, strikes };
        let mut rows: Vec<_> =
            self.outages.iter().map(|(operation, name, strikes)| row(operation, name, *strikes)).collect();
        rows.extend([
            row("dispatchers", "killed at any point", self.kills),
            row("people", "stop a task", self.stops),
            row("people", "redrive a dead letter", self.redriven),
        ]);
        rows
    }
}
