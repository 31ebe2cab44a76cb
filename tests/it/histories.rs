//! Random histories: whatever AWS does to an event on its way, in the end it is done once, or in the dead-letter queue.
//!
//! A history is one event, and all that is to go wrong with it, made from its seed. Many run side by side on one chain,
//! as they would; `HISTORY=17 cargo test --test it histories` runs the seventeenth alone.

mod plan;

use std::collections::HashSet;

use immortal_emulator::{EmulatorOptions, EntryKind, EntrySource};

use crate::chain::{Chain, DEAD_LETTERS, ENDS, FAILURES, Setup, is_about};
use plan::History;

const HISTORIES: u64 = 200;
/// How many share a chain.
const SHARE: u64 = 25;

#[tokio::test]
async fn each_event_is_done_once_or_in_the_dead_letter_queue() {
    let alone = std::env::var("HISTORY").ok().map(|seed| seed.parse().expect("HISTORY is the number of a history"));
    let mut seen = Seen::default();
    for first in (0..HISTORIES).step_by(usize::try_from(SHARE).expect("a small number")) {
        let seeds = (first..first + SHARE).filter(|seed| alone.is_none_or(|alone: u64| alone == *seed));
        let histories: Vec<_> = seeds.map(History::of).collect();
        if !histories.is_empty() {
            seen.add(run(first / SHARE, &histories).await);
        }
    }
    println!("{seen:?}");
    if alone.is_none() {
        let Seen { tasks, failed_starts, interrupted, killed, restarts, given_up } = seen;
        let enough = tasks > 400 && failed_starts > 10 && interrupted > 50 && killed > 20 && restarts > 10;
        assert!(enough && given_up > 50, "the histories are no longer what they were: {seen:?}");
    }
}

/// What the histories had in them.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    tasks: usize,
    failed_starts: usize,
    interrupted: usize,
    killed: usize,
    restarts: usize,
    given_up: usize,
}

impl Seen {
    fn add(&mut self, other: Self) {
        self.tasks += other.tasks;
        self.failed_starts += other.failed_starts;
        self.interrupted += other.interrupted;
        self.killed += other.killed;
        self.restarts += other.restarts;
        self.given_up += other.given_up;
    }
}

/// Runs these histories side by side on one chain; chains differ in how failures reach the dispatcher, in what it is
/// told of tasks, and one has the real runner.
async fn run(number: u64, histories: &[History]) -> Seen {
    let chain = Setup {
        dead_letter_config: number % 2 == 1,
        receives: 5,
        task: (number != 7).then_some(ENDS),
        options: EmulatorOptions { seed: number, time_scale: 0.002, run_task_rate: None, ..EmulatorOptions::default() },
        ..Setup::of("killed")
    };
    let chain = chain.start_unmapped().await;
    if number % 4 == 2 {
        chain.emulator.watch_tasks("killedDlq", &["PROVISIONING", "PENDING", "RUNNING"]);
    }
    let mut requests = Vec::new();
    for history in histories {
        let request = chain.invoke(&history.event).await;
        history.faults.iter().for_each(|fault| chain.emulator.inject_for(&request, fault.clone()));
        requests.push((history, request));
    }
    // All the failures are queued before the first is read.
    chain.wait_until_idle().await;
    for (history, request) in requests.iter().filter(|(history, _)| history.twice) {
        if let Some(message) = chain.emulator.messages(FAILURES).into_iter().find(|message| is_about(message, request))
        {
            chain.emulator.send_message(FAILURES, message.body, message.attributes).expect("the queue exists");
        } else {
            assert!(history.succeeds, "{}", chain.story());
        }
    }
    chain.map();
    let mut given_up = 0;
    // Each list of faults has an end: so has the number of times that a person must redrive what was given up.
    for round in 0_u32.. {
        chain.wait_until_idle().await;
        for (history, request) in &requests {
            if let Err(why) = check(&chain, request, round) {
                let story = chain.story_of(request);
                panic!("history {}, redriven {round} times: {why}\n{history:?}\n{story}", history.seed);
            }
        }
        given_up += chain.emulator.messages(DEAD_LETTERS).len();
        if chain.emulator.messages(DEAD_LETTERS).is_empty() {
            break;
        }
        assert!(round < 12, "it is given up again and again:\n{}", chain.story());
        chain.emulator.redrive(DEAD_LETTERS, Some(FAILURES)).expect("both exist");
    }
    let seen = Seen { given_up, ..count(&chain) };
    chain.emulator.shutdown().await;
    seen
}

/// Of one request: done once, or given up; no two of its tasks at the same time, no attempt twice, nothing after the
/// end.
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
                    return Err(format!("attempt {attempt} begins after attempt {last}, done {done} times by then"));
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
    let given_up = chain.is_dead(request);
    match (done, given_up) {
        (1, false) | (0, true) => Ok(()),
        _ => Err(format!("done {done} times, and in the dead-letter queue: {given_up}")),
    }
}

fn count(chain: &Chain) -> Seen {
    let mut seen = Seen::default();
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
    Seen { restarts: killed_in_work.len(), ..seen }
}
