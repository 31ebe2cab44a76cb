//! Many invocations in one process and many tasks in one run: neither threads nor descriptors nor memory grow.
//!
//! Run alone, since the emulator's figures are those of the tests' own process: see CONTRIBUTING.md.

mod process_usage;

use std::{collections::BTreeSet, time::Duration};

use immortal_emulator::{EmulatorOptions, EntryKind, EntrySource, JournalEntry};
use tokio::sync::broadcast;

use crate::chain::{Chain, ChainSetup, SCRIPTED_TASK};
use process_usage::{ProcessUsage, children, median};

/// Into how many parts a run is divided; the usage is recorded after each.
const SAMPLES: usize = 10;

/// A number from the environment: CI sets a smaller one.
fn number(name: &str, default: usize) -> usize {
    std::env::var(name).map_or(default, |number| number.parse().expect("a number of invocations or tasks"))
}

/// What a process used at the start, and after each tenth of a run.
struct UsageHistory {
    what: &'static str,
    usages: Vec<ProcessUsage>,
}

impl UsageHistory {
    fn new(what: &'static str) -> Self {
        Self { what, usages: Vec::new() }
    }

    fn record(&mut self, pid: u32, done: usize) {
        let usage = ProcessUsage::read(pid);
        let ProcessUsage { threads, descriptors, memory } = usage;
        println!("{}, after {done}: {threads} threads, {descriptors} descriptors, {memory} KiB", self.what);
        self.usages.push(usage);
    }

    /// Fails if the median of the second half is above that of the first: by more than two threads or descriptors, or by
    /// more memory than this, in KiB.
    ///
    /// That margin is for one more connection of a client, or one more thread of a pool. If each invocation or each
    /// hand-over left one behind, there would be ten more at least. The usage at the start is left out, because caches
    /// and pools fill during the first tenth.
    fn assert_no_growth(&self, memory: impl Fn(u64) -> u64) {
        let (first, second) = self.usages[1..].split_at((self.usages.len() - 1) / 2);
        let halves = |figure: fn(&ProcessUsage) -> u64| [first, second].map(|half| median(half.iter().map(figure)));
        let memories = halves(|usage| usage.memory);
        let table = [
            ("threads", halves(|usage| usage.threads), 2),
            ("descriptors", halves(|usage| usage.descriptors), 2),
            ("KiB", memories, memory(memories[0])),
        ];
        for (unit, [before, after], noise) in table {
            let (what, most) = (self.what, before + noise);
            println!("{what}: {before} {unit} in the first half, {after} in the second, and at most {most}");
            assert!(after <= most, "{what}: {after} {unit}");
        }
    }
}

/// Invokes the primary, and waits for the end; whether the handler answered.
async fn invoke(chain: &Chain, entries: &mut broadcast::Receiver<JournalEntry>, event: &str) -> bool {
    let request = chain.invoke(event).await;
    loop {
        let JournalEntry { source, kind, .. } = entries.recv().await.expect("the journal is read in time");
        if !matches!(source, EntrySource::Lambda { request_id, .. } if request_id == request) {
            continue;
        }
        match kind {
            EntryKind::Answered { .. } => return true,
            EntryKind::Failed { error_type, .. } if error_type == "Immortal.HandedOver" => return false,
            EntryKind::Failed { .. } | EntryKind::TimedOut { .. } => panic!("{kind:?}\n{}", chain.journal_text()),
            _ => {}
        }
    }
}

/// The first half of the invocations is answered by one process, and in the second every tenth is handed over, after which
/// the process replaces itself.
#[tokio::test]
#[ignore = "it takes a minute, and must run alone"]
async fn one_sandbox_handles_thousands_of_invocations_and_hand_overs() {
    const BETWEEN_HAND_OVERS: usize = 10;
    let half = number("SOAK_INVOCATIONS", 2_000) / 2;
    let setup = ChainSetup { timeout: Duration::from_millis(500), ..ChainSetup::new("handed_over") };
    let chain = ChainSetup { function: |function| function.on_failure = None, ..setup }.start_unmapped().await;
    let mut entries = chain.emulator.subscribe();
    assert!(invoke(&chain, &mut entries, r#"{"lambda":"succeed"}"#).await);
    let [sandbox] = children()[..] else { panic!("there is one sandbox: {:?}", children()) };
    let phases = [("answered invocations", None), ("invocations, each tenth handed over", Some(BETWEEN_HAND_OVERS))];
    for (what, hand_over) in phases {
        let mut history = UsageHistory::new(what);
        history.record(sandbox, 0);
        for done in 1..=half {
            // A hand-over begins a new process. Half-way between two measurements, so that each process that is measured has
            // served the same number of invocations.
            let hangs = hand_over.is_some_and(|each| done % each == each / 2);
            let event = if hangs { r#"{"lambda":"hang"}"# } else { r#"{"lambda":"succeed"}"# };
            assert_eq!(invoke(&chain, &mut entries, event).await, !hangs);
            if done % (half / SAMPLES) == 0 {
                history.record(sandbox, done);
            }
        }
        // The noise was 2 % at most. A leak of 2 KiB an invocation is more than 5 %, with a thousand of them. A function
        // without immortal grows by 160 bytes an invocation, too: `lambda_runtime` sets its trace id as a variable, and
        // glibc's `setenv` frees none of the values before.
        history.assert_no_growth(|before| before / 20);
    }
    assert_eq!(children(), [sandbox], "one process has served them all");
}

/// Each task is the attempt of another failed event: through the failure queue, the dispatcher, `RunTask`, and the event
/// of its stop.
#[tokio::test]
#[ignore = "it must run alone"]
async fn one_emulator_runs_hundreds_of_tasks() {
    /// What the emulator keeps of a task on purpose, in KiB: the journal's entries, and the task as ECS describes it. It was
    /// 34 when this was written.
    const KEPT_OF_A_TASK: u64 = 48;
    let batch = number("SOAK_TASKS", 200) / SAMPLES;
    let setup = ChainSetup::new("killed");
    let options = EmulatorOptions { concurrency: 1, run_task_rate: None, ..setup.options };
    let chain = ChainSetup { task: Some(SCRIPTED_TASK), options, ..setup }.start().await;
    let mut emulator_usage = UsageHistory::new("the emulator's tasks");
    let mut dispatcher_usage = UsageHistory::new("the dispatcher's tasks");
    let mut sandboxes = BTreeSet::new();
    for sample in 0..=SAMPLES {
        for number in 0..batch * usize::from(sample > 0) {
            chain.send_failure(&format!("request-{sample}-{number}"), r#"{"ends":"0"}"#, "no such table");
        }
        chain.wait_until_idle().await;
        emulator_usage.record(std::process::id(), sample * batch);
        for sandbox in children() {
            sandboxes.insert(sandbox);
            dispatcher_usage.record(sandbox, sample * batch);
        }
    }
    for number in 0..batch {
        assert_eq!(chain.task_count(&format!("request-{SAMPLES}-{number}")), 1);
    }
    assert_eq!(sandboxes.len(), 1, "the dispatcher's sandbox is the only process that stays");
    let tasks_of_half = u64::try_from(batch * SAMPLES / 2).expect("small");
    emulator_usage.assert_no_growth(|_| tasks_of_half * KEPT_OF_A_TASK);
    dispatcher_usage.assert_no_growth(|before| before / 20);
}
