//! Generates a history from a seed.

use std::{fmt::Write as _, time::Duration};

use fastrand::Rng;
use immortal_emulator::{Fault, FaultKind, FaultedCalls, StopCode};

use super::HISTORIES_PER_CHAIN;

/// One event and its faults.
#[derive(Clone, Debug)]
pub(super) struct EventHistory {
    pub(super) seed: u64,
    pub(super) event: String,
    pub(super) faults: Vec<Fault>,
    /// Whether Lambda sends the failure twice.
    pub(super) twice: bool,
    /// Whether the handler succeeds in Lambda.
    pub(super) succeeds: bool,
}

/// How one task ends.
enum TaskEnd {
    /// By itself: the step of the scripted task, and of the fixture.
    Exits(&'static str, &'static str),
    /// Ended by the platform while it hangs.
    ByPlatform(FaultKind),
    /// Not started at all.
    FailsToStart,
}

impl TaskEnd {
    fn is_interruption(&self) -> bool {
        matches!(self, Self::FailsToStart | Self::ByPlatform(FaultKind::Interrupt { .. }))
    }
}

impl EventHistory {
    pub(super) fn from_seed(seed: u64) -> Self {
        let mut random = Rng::with_seed(seed);
        let lambda = *pick(&mut random, &["fail", "fail", "fail", "panic", "exit", "abort", "hang", "succeed"]);
        let task_ends: Vec<_> = (0..random.usize(0..=4)).map(|_| random_task_end(&mut random)).collect();
        let mut faults = Vec::new();
        let (mut ends, mut tasks) = (String::new(), String::new());
        let mut interruptions = 0;
        for (number, task_end) in (1..).zip(task_ends) {
            interruptions += u32::from(task_end.is_interruption());
            // A third interruption would delay the next task by half a minute.
            let task_end =
                if task_end.is_interruption() && interruptions > 2 { TaskEnd::Exits("101", "abort") } else { task_end };
            let (end, task, kind) = match task_end {
                TaskEnd::Exits(end, task) => (end, task, None),
                TaskEnd::ByPlatform(kind) => ("wait", "hang", Some(kind)),
                TaskEnd::FailsToStart => {
                    ("0", "succeed", Some(FaultKind::FailToStart("ResourceInitializationError: no ENI")))
                }
            };
            let _ = write!(ends, "{end} ");
            let _ = write!(tasks, "\"{task}\",");
            faults.extend(kind.map(|kind| Fault { operation: "Task", kind, calls: FaultedCalls::Nth(number) }));
        }
        let event = format!(r#"{{"lambda":"{lambda}","ends":"{}","tasks":[{tasks}"succeed"]}}"#, ends.trim_end());

        // On every other chain some histories kill all sandboxes of the dispatcher, fewer times than Lambda retries.
        // The other chains have permanent faults instead, and then no duplicates: of two deliveries one could be
        // handled and the other given up.
        let restarting = (seed / HISTORIES_PER_CHAIN).is_multiple_of(2);
        let restarts = restarting && seed % 12 == 5;
        let lasting = !restarting && random.bool();
        let mut fail = |operation, kind, calls| faults.push(Fault { operation, kind, calls });
        if lasting {
            let kind = pick(&mut random, &[FaultKind::AccessDenied, FaultKind::Failures("MISSING")]).clone();
            if random.bool() {
                fail("RunTask", kind, FaultedCalls::Next(*pick(&mut random, &[1, 2, 5, 6, 7])));
            } else {
                (2..=random.u32(4..=5)).for_each(|call| fail("RunTask", kind.clone(), FaultedCalls::Nth(call)));
            }
        } else {
            for _ in 0..random.usize(0..=2) {
                fail("RunTask", transient_fault(&mut random), FaultedCalls::Nth(random.u32(1..=5)));
            }
            if restarts {
                fail("RunTask", FaultKind::SandboxesGone("killedDlq".into()), FaultedCalls::Nth(random.u32(1..=2)));
            }
            if random.u8(..4) == 0 {
                fail("DeleteMessage", FaultKind::Duplicated, FaultedCalls::Nth(1));
            }
            if random.u8(..3) == 0 {
                fail("TaskStateChange", FaultKind::Duplicated, FaultedCalls::Nth(random.u32(1..=4)));
            }
        }
        for _ in 0..random.usize(0..=2) {
            let late = FaultKind::Delayed(Duration::from_millis(random.u64(20..400)));
            let kind = pick(&mut random, &[FaultKind::WithoutOverrides, late]).clone();
            fail("TaskStateChange", kind, FaultedCalls::Nth(random.u32(1..=4)));
        }
        let twice = !lasting && random.u8(..3) == 0;
        Self { seed, event, faults, twice, succeeds: lambda == "succeed" }
    }
}

fn random_task_end(random: &mut Rng) -> TaskEnd {
    let after = Duration::from_millis(random.u64(5..150));
    let interrupt = |stop_code| TaskEnd::ByPlatform(FaultKind::Interrupt { after, stop_code });
    match random.u8(..13) {
        0 => TaskEnd::Exits("1", "fail"),
        1 => TaskEnd::Exits("75", "panic"),
        2 => TaskEnd::Exits("kill", "exit"),
        3 => TaskEnd::Exits("101", "abort"),
        4 => TaskEnd::Exits("2", "fail"),
        5 => TaskEnd::Exits("124", "exit"),
        6 | 7 => TaskEnd::ByPlatform(FaultKind::OutOfMemory { after }),
        8 | 9 => interrupt(StopCode::SpotInterruption),
        10 => interrupt(StopCode::TerminationNotice),
        11 => interrupt(StopCode::InfrastructureHealth),
        _ => TaskEnd::FailsToStart,
    }
}

/// A fault that the dispatcher retries.
fn transient_fault(random: &mut Rng) -> FaultKind {
    let capacity = FaultKind::Failures("Capacity is unavailable at this time. Please try again later");
    let late = FaultKind::Delayed(Duration::from_millis(random.u64(50..500)));
    let all = [
        FaultKind::Throttle,
        FaultKind::Status(500),
        FaultKind::Status(503),
        FaultKind::ResetBefore,
        FaultKind::ResetAfter,
        FaultKind::RequestLimitExceeded,
        FaultKind::Empty,
        capacity,
        late,
    ];
    pick(random, &all).clone()
}

fn pick<'a, T>(random: &mut Rng, all: &'a [T]) -> &'a T {
    &all[random.usize(..all.len())]
}
