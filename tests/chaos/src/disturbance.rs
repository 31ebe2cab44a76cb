//! What strikes in the course of time: outages, kills of the dispatcher, and people who stop tasks and redrive dead letters.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use immortal_emulator::{Emulator, FaultedCalls, StopCode};
use tokio::{
    sync::watch::{Receiver, Sender},
    time::sleep,
};

use crate::{
    chaos_fault::{Outage, outages},
    deployment::{DEAD_LETTERS, DISPATCHER, FAILURES},
    job_history::JobHistories,
    strike_table::StrikeCount,
};

/// The pause after each outage.
const PAUSE: Duration = Duration::from_millis(1500);
/// How long an outage waits for the calls that it is to strike: few jobs change a record's visibility.
const LONGEST_OUTAGE: Duration = Duration::from_secs(20);
/// How many calls it waits for.
const LEAST_STRIKES: u64 = 3;
/// How many outages there are for one kill and one redrive. It doesn't divide the number of outages, so that each of them
/// meets both.
const ROUND: usize = 5;

/// What people and the course of time do to the jobs of a run.
#[derive(Debug)]
pub(crate) struct Disturbances {
    pub(crate) emulator: Arc<Emulator>,
    pub(crate) histories: Arc<Mutex<JobHistories>>,
    pub(crate) seed: u64,
}

/// How often each has struck.
#[derive(Debug)]
pub(crate) struct DisturbanceCounts {
    outages: Vec<StrikeCount>,
    kills: u64,
    stops: u64,
    redriven: u64,
}

impl Disturbances {
    /// Goes on until it is told to stop, and keeps the counts up to date.
    pub(crate) async fn run(&self, stop: Receiver<bool>, counts: Sender<DisturbanceCounts>) {
        let mut random = fastrand::Rng::with_seed(self.seed);
        let outages = outages();
        let mut round = 0;
        while !*stop.borrow() {
            let outage = round % outages.len();
            let strikes = self.strike(&outages[outage], &stop).await;
            counts.send_modify(|counts| counts.outages[outage].strikes += strikes);
            sleep(PAUSE).await;
            if round % ROUND == 3 {
                self.emulator.kill_sandboxes(DISPATCHER);
                counts.send_modify(|counts| counts.kills += 1);
            }
            let stops = self.stop_a_task(&mut random);
            counts.send_modify(|counts| counts.stops += stops);
            if round % ROUND == 1 {
                let moved = self.emulator.redrive(DEAD_LETTERS, Some(FAILURES)).unwrap_or_default();
                self.histories.lock().unwrap_or_else(PoisonError::into_inner).add_redrive(moved);
                counts.send_modify(|counts| counts.redriven += u64::try_from(moved).unwrap_or_default());
            }
            round += 1;
        }
    }

    /// An outage goes on until it has struck, as long as there are jobs.
    async fn strike(&self, outage: &Outage, stop: &Receiver<bool>) -> u64 {
        let Outage { target, kind, lasts, .. } = outage;
        let fault = target.inject(&self.emulator, kind.clone(), FaultedCalls::All);
        let mut lasted = *lasts;
        sleep(*lasts).await;
        while self.emulator.struck_calls(fault) < LEAST_STRIKES && lasted < LONGEST_OUTAGE && !*stop.borrow() {
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
        let is_stopped = task.is_some_and(|task| self.emulator.interrupt(&task, StopCode::UserInitiated).is_ok());
        u64::from(is_stopped)
    }
}

impl DisturbanceCounts {
    /// Before any of them has struck.
    pub(crate) fn new() -> Self {
        let row = |outage: Outage| StrikeCount { operation: outage.target.name, name: outage.name, strikes: 0 };
        Self { outages: outages().into_iter().map(row).collect(), kills: 0, stops: 0, redriven: 0 }
    }

    /// The rows of the table.
    pub(crate) fn rows(&self) -> Vec<StrikeCount> {
        let row = |operation, name, strikes| StrikeCount { operation, name, strikes };
        let mut rows = self.outages.clone();
        rows.extend([
            row("sandboxes of the dispatcher", "killed at any point", self.kills),
            row("people", "stop a task", self.stops),
            row("people", "redrive a dead letter", self.redriven),
        ]);
        rows
    }
}
