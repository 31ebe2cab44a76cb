//! Random histories: whatever faults an event meets, in the end it is handled once or in the dead-letter queue.
//!
//! A history is one event and its faults, generated from a seed. Many run concurrently on one chain; `HISTORY=17 cargo
//! test --test it histories` runs number 17 alone.

mod plan;

use std::collections::HashSet;

use immortal_emulator::{EmulatorOptions, EntryKind, EntrySource};

use crate::chain::{Chain, ChainSetup, DEAD_LETTERS, FAILURES, SCRIPTED_TASK, is_about};
use plan::EventHistory;

const HISTORIES: u64 = 200;
/// How many histories share a chain.
const HISTORIES_PER_CHAIN: u64 = 25;

#[tokio::test]
async fn each_event_is_handled_once_or_is_a_dead_letter() {
    let alone = std::env::var("HISTORY").ok().map(|seed| seed.parse().expect("HISTORY is the number of a history"));
    let mut seen = HistoryCounts::default();
    for first in (0..HISTORIES).step_by(usize::try_from(HISTORIES_PER_CHAIN).expect("a small number")) {
        let seeds = (first..first + HISTORIES_PER_CHAIN).filter(|seed| alone.is_none_or(|alone: u64| alone == *seed));
        let histories: Vec<_> = seeds.map(EventHistory::from_seed).collect();
        if !histories.is_empty() {
            seen.add(run(first / HISTORIES_PER_CHAIN, &histories).await);
        }
    }
    println!("{seen:?}");
    if alone.is_none() {
        let HistoryCounts { tasks, failed_starts, interrupted, killed, restarts, given_up } = seen;
        let enough = tasks > 400 && failed_starts > 10 && interrupted > 50 && killed > 20 && restarts > 10;
        assert!(enough && given_up > 50, "the histories no longer contain enough of each kind: {seen:?}");
    }
}

/// What occurred in the histories.
#[derive(Clone, Copy, Debug, Default)]
struct HistoryCounts {
    tasks: usize,
    failed_starts: usize,
    interrupted: usize,
    killed: usize,
    restarts: usize,
    given_up: usize,
}

impl HistoryCounts {
    fn add(&mut self, other: Self) {
        self.tasks += other.tasks;
        self.failed_starts += other.failed_starts;
        self.interrupted += other.interrupted;
        self.killed += other.killed;
        self.restarts += other.restarts;
        self.given_up += other.given_up;
    }
}

/// Runs these histories concurrently on one chain. Chains differ in how failures reach the dispatcher and in the state
/// changes that it receives; one has the real runner.
async fn run(number: u64, histories: &[EventHistory]) -> HistoryCounts {
    let chain = ChainSetup {
        dead_letter_config: number % 2 == 1,
        receives: 5,
        task: (number != 7).then_some(SCRIPTED_TASK),
        options: EmulatorOptions { seed: number, time_scale: 0.002, run_task_rate: None, ..EmulatorOptions::default() },
        ..ChainSetup::new("killed")
    };
    let chain = chain.start_unmapped().await;
    if number % 4 == 2 {
        chain.emulator.watch_tasks("killedDlq", &["PROVISIONING", "PENDING", "RUNNING"]);
    }
    let mut requests = Vec::new();
    for history in histories {
        let request = chain.invoke(&history.event).await;
        for fault in &history.faults {
            chain.emulator.inject_for(&request, fault.clone());
        }
        requests.push((history, request));
    }
    // All failures are queued before the first is received.
    chain.wait_until_idle().await;
    for (history, request) in requests.iter().filter(|(history, _)| history.twice) {
        if let Some(message) = chain.emulator.messages(FAILURES).into_iter().find(|message| is_about(message, request))
        {
            chain.emulator.send_message(FAILURES, message.body, message.attributes).expect("the queue exists");
        } else {
            assert!(history.succeeds, "{}", chain.journal_text());
        }
    }
    chain.map_failure_queue();
    let mut given_up = 0;
    // Each list of faults is finite, so a finite number of redrives suffices.
    for round in 0_u32.. {
        chain.wait_until_idle().await;
        for (history, request) in &requests {
            if let Err(why) = check(&chain, request, round) {
                let story = chain.journal_text_of(request);
                panic!("history {}, redriven {round} times: {why}\n{history:?}\n{story}", history.seed);
            }
        }
        given_up += chain.emulator.messages(DEAD_LETTERS).len();
        if chain.emulator.messages(DEAD_LETTERS).is_empty() {
            break;
        }
        assert!(round < 12, "requests are given up after every redrive:\n{}", chain.journal_text());
        chain.emulator.redrive(DEAD_LETTERS, Some(FAILURES)).expect("both exist");
    }
    let seen = HistoryCounts { given_up, ..count(&chain) };
    chain.emulator.shutdown().await;
    seen
}

/// Checks one request: handled once or given up, no two tasks at the same time, no attempt twice, nothing after
/// success.
fn check(chain: &Chain, request: &str, redrives: u32) -> Result<(), String> {
    let (mut done, mut last, mut running, mut series) = (0, 0, None, 0);
    for entry in chain.emulator.journal() {
        match (entry.source, entry.kind) {
            (EntrySource::Lambda { function, request_id }, EntryKind::Answered { .. }) => {
                done += usize::from(function == "killed" && request_id == request);
            }
            (EntrySource::Task { arn, started_by: Some(by) }, EntryKind::TaskStarted { attempt, .. })
                if by == request =>
            {
                let attempt = attempt.ok_or("a task without an attempt")?;
                if let Some(other) = running.replace(arn) {
                    return Err(format!("attempt {attempt} begins while {other} runs"));
                }
                // A redrive begins the next series, at attempt 1.
                series += u32::from(attempt <= last);
                let is_next = attempt > last || attempt == 1 && series <= redrives;
                if !is_next || done > 0 {
                    return Err(format!("attempt {attempt} begins after attempt {last} and {done} ends of the job"));
                }
                last = attempt;
            }
            (EntrySource::Task { started_by: Some(by), .. }, EntryKind::TaskStopped { exit_code, .. })
                if by == request =>
            {
                running = None;
                done += usize::from(exit_code == Some(0));
            }
            _ => {}
        }
    }
    let given_up = chain.is_dead_letter(request);
    match (done, given_up) {
        (1, false) | (0, true) => Ok(()),
        _ => Err(format!("done {done} times, and in the dead-letter queue: {given_up}")),
    }
}

fn count(chain: &Chain) -> HistoryCounts {
    let mut seen = HistoryCounts::default();
    let mut killed_in_work = HashSet::new();
    for entry in chain.emulator.journal() {
        match (entry.source, entry.kind) {
            (_, EntryKind::TaskStarted { .. }) => seen.tasks += 1,
            (_, EntryKind::TaskStopping { .. }) => seen.interrupted += 1,
            (_, EntryKind::TaskStopped { exit_code: None, .. }) => seen.failed_starts += 1,
            (_, EntryKind::TaskStopped { exit_code: Some(137), .. }) => seen.killed += 1,
            (EntrySource::Lambda { function, request_id }, EntryKind::Failed { error_type, .. })
                if function == "killedDlq" && error_type == "Runtime.ExitError" =>
            {
                killed_in_work.insert(request_id);
            }
            _ => {}
        }
    }
    HistoryCounts { restarts: killed_in_work.len(), ..seen }
}
