//! What is to happen to one event, made from a seed.

use std::{fmt::Write as _, time::Duration};

use fastrand::Rng;
use immortal_emulator::{Fault, FaultKind, FaultedCalls, StopCode};

use super::SHARE;

/// One event, and all that is to go wrong with it.
#[derive(Clone, Debug)]
pub(super) struct History {
    pub(super) seed: u64,
    pub(super) event: String,
    pub(super) faults: Vec<Fault>,
    /// Lambda writes the failure twice.
    pub(super) twice: bool,
    /// It is done in Lambda.
    pub(super) succeeds: bool,
}

/// How one task ends.
enum Life {
    /// As the handler, or the runner, has it: what the script and the fixture do, and what the platform does to it.
    Ends(&'static str, &'static str),
    /// By the platform, while it hangs.
    Ended(FaultKind),
    /// Before it began.
    Never,
}

impl Life {
    fn is_interruption(&self) -> bool {
        matches!(self, Self::Never | Self::Ended(FaultKind::Interrupt { .. }))
    }
}

impl History {
    pub(super) fn of(seed: u64) -> Self {
        let mut random = Rng::with_seed(seed);
        let lambda = *pick(&mut random, &["fail", "fail", "fail", "panic", "exit", "abort", "hang", "succeed"]);
        let lives: Vec<_> = (0..random.usize(0..=4)).map(|_| life(&mut random)).collect();
        let mut faults = Vec::new();
        let (mut ends, mut tasks) = (String::new(), String::new());
        let mut interruptions = 0;
        for (number, life) in (1..).zip(lives) {
            interruptions += u32::from(life.is_interruption());
            // The third would wait for half a minute.
            let life = if life.is_interruption() && interruptions > 2 { Life::Ends("101", "abort") } else { life };
            let (end, task, kind) = match life {
                Life::Ends(end, task) => (end, task, None),
                Life::Ended(kind) => ("wait", "hang", Some(kind)),
                Life::Never => ("0", "succeed", Some(FaultKind::FailToStart("ResourceInitializationError: no ENI"))),
            };
            let _ = write!(ends, "{end} ");
            let _ = write!(tasks, "\"{task}\",");
            faults.extend(kind.map(|kind| Fault { operation: "Task", kind, calls: FaultedCalls::Nth(number) }));
        }
        let event = format!(r#"{{"lambda":"{lambda}","ends":"{}","tasks":[{tasks}"succeed"]}}"#, ends.trim_end());

        // On every other chain all sandboxes of the dispatcher are gone twice, in the middle of their work: fewer times
        // than Lambda tries. On the others there is what a person must fix, and then no copies beside it: of two
        // deliveries one could be done, and the other given up.
        let restarting = (seed / SHARE).is_multiple_of(2);
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
                fail("RunTask", passing(&mut random), FaultedCalls::Nth(random.u32(1..=5)));
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

fn life(random: &mut Rng) -> Life {
    let after = Duration::from_millis(random.u64(5..150));
    let interrupt = |stop_code| Life::Ended(FaultKind::Interrupt { after, stop_code });
    match random.u8(..13) {
        0 => Life::Ends("1", "fail"),
        1 => Life::Ends("75", "panic"),
        2 => Life::Ends("kill", "exit"),
        3 => Life::Ends("101", "abort"),
        4 => Life::Ends("2", "fail"),
        5 => Life::Ends("124", "exit"),
        6 | 7 => Life::Ended(FaultKind::OutOfMemory { after }),
        8 | 9 => interrupt(StopCode::SpotInterruption),
        10 => interrupt(StopCode::TerminationNotice),
        11 => interrupt(StopCode::InfrastructureHealth),
        _ => Life::Never,
    }
}

/// What a dispatcher rides out.
fn passing(random: &mut Rng) -> FaultKind {
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
