//! The faults, and how often each of them strikes.

use std::time::Duration;

use immortal_emulator::{Emulator, Fault, FaultKind, FaultedCalls, InjectedFault, StopCode};

use crate::deployment::{CLOCK_SPEED, DEAD_LETTERS, DISPATCHER, RESULTS};

/// The calls, runs or deliveries that a fault strikes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FaultTarget {
    operation: &'static str,
    /// Only where they concern this queue.
    queue: Option<&'static str>,
    /// As the table of strikes names them.
    pub(crate) name: &'static str,
}

const fn all_of(operation: &'static str) -> FaultTarget {
    FaultTarget { operation, queue: None, name: operation }
}

/// What the dispatcher sends.
const DEAD_LETTER_SENDS: FaultTarget =
    FaultTarget { operation: "SendMessage", queue: Some(DEAD_LETTERS), name: "SendMessage of dead letters" };
/// What runners send.
const RESULT_SENDS: FaultTarget =
    FaultTarget { operation: "SendMessage", queue: Some(RESULTS), name: "SendMessage of results" };

impl FaultTarget {
    pub(crate) fn inject(self, emulator: &Emulator, kind: FaultKind, calls: FaultedCalls) -> InjectedFault {
        let fault = Fault { operation: self.operation, kind, calls };
        match self.queue {
            Some(queue) => emulator.inject_for_queue(queue, fault),
            None => emulator.inject(fault),
        }
    }
}

/// A fault that strikes at random.
pub(crate) struct ChaosFault {
    pub(crate) target: FaultTarget,
    /// In the table of strikes.
    pub(crate) name: &'static str,
    pub(crate) kind: FaultKind,
    /// How often it strikes, in relation to the others of the target.
    weight: f64,
}

/// A fault of every call of an operation for a while.
pub(crate) struct Outage {
    pub(crate) target: FaultTarget,
    pub(crate) name: &'static str,
    pub(crate) kind: FaultKind,
    /// How long it lasts.
    pub(crate) lasts: Duration,
}

/// Of what can be disturbed this part is.
const DISTURBED: f64 = 0.3;
/// What few jobs need: more of it is disturbed, so that each of its faults strikes.
const RARELY_CALLED: [FaultTarget; 7] = [
    all_of("DescribeTasks"),
    all_of("DescribeTaskDefinition"),
    all_of("ListTasks"),
    all_of("PutObject"),
    all_of("GetObject"),
    all_of("ChangeMessageVisibility"),
    DEAD_LETTER_SENDS,
];
const DISTURBED_OF_RARE: f64 = 0.5;

const NO_CAPACITY: &str =
    "Capacity is unavailable at this time. Please try again later or in a different availability zone";
/// How much later a slow call is answered.
const CALL_DELAY: Duration = Duration::from_millis(150);
/// How much later a message or a state change arrives.
const DELIVERY_DELAY: Duration = Duration::from_millis(1500);
/// How long a permission is missing.
const DENIAL_LENGTH: Duration = Duration::from_millis(450);
/// How long a task runs before it is interrupted or killed.
const TASK_LIFE: Duration = Duration::from_millis(40);

fn fault(target: FaultTarget, name: &'static str, kind: FaultKind) -> ChaosFault {
    ChaosFault { target, name, kind, weight: 1.0 }
}

/// The faults of every API call.
fn call_faults(target: FaultTarget) -> [ChaosFault; 6] {
    [
        fault(target, "throttled", FaultKind::Throttle),
        fault(target, "500", FaultKind::Status(500)),
        fault(target, "503", FaultKind::Status(503)),
        fault(target, "reset before", FaultKind::ResetBefore),
        fault(target, "reset after", FaultKind::ResetAfter),
        fault(target, "slow", FaultKind::Delayed(CALL_DELAY)),
    ]
}

/// All faults that strike at random. One call of the dispatcher is missing: `HeadObject`, which comes before the next attempt
/// after a stop that is more than an hour old. That is three minutes of a run, and no stop event is that late.
pub(crate) fn all() -> Vec<ChaosFault> {
    let calls = [
        all_of("RunTask"),
        all_of("DescribeTasks"),
        all_of("DescribeTaskDefinition"),
        all_of("ListTasks"),
        all_of("GetFunction"),
        all_of("GetFunctionEventInvokeConfig"),
        all_of("PutObject"),
        all_of("GetObject"),
        all_of("DeleteObject"),
        all_of("ChangeMessageVisibility"),
        DEAD_LETTER_SENDS,
        RESULT_SENDS,
    ];
    let mut faults: Vec<_> = calls.into_iter().flat_map(call_faults).collect();
    // Few: it kills all sandboxes of the dispatcher, and what they had comes again after its visibility timeout. Where that
    // happens more often than a batch takes, nothing gets on.
    let killed = |target, weight| ChaosFault {
        weight,
        ..fault(target, "dispatcher killed before its answer", FaultKind::SandboxesGone(DISPATCHER.to_owned()))
    };
    let (run_task, download, task) = (all_of("RunTask"), all_of("Download"), all_of("Task"));
    let (state_change, message) = (all_of("TaskStateChange"), all_of("Message"));
    faults.extend([
        killed(run_task, 0.02),
        killed(DEAD_LETTER_SENDS, 0.4),
        fault(run_task, "no capacity", FaultKind::Failures(NO_CAPACITY)),
        fault(run_task, "neither task nor failure", FaultKind::Empty),
        fault(run_task, "throttled by EC2", FaultKind::RequestLimitExceeded),
        fault(download, "stalls", FaultKind::Stall),
        fault(download, "ends early", FaultKind::Truncated),
        fault(download, "another byte", FaultKind::Corrupt),
        fault(download, "expired", FaultKind::Expired),
        fault(download, "no ranges", FaultKind::NoRanges),
        fault(download, "503", FaultKind::Status(503)),
        fault(download, "reset", FaultKind::ResetBefore),
        fault(task, "fails to start", FaultKind::FailToStart("Timeout waiting for network interface provisioning")),
        fault(task, "killed by memory", FaultKind::OutOfMemory { after: TASK_LIFE }),
        fault(state_change, "twice", FaultKind::Duplicated),
        fault(state_change, "late, overtaken by others", FaultKind::Delayed(DELIVERY_DELAY)),
        fault(state_change, "without overrides", FaultKind::WithoutOverrides),
        fault(state_change, "without a stop code", FaultKind::WithoutStopCode),
        fault(message, "twice", FaultKind::Duplicated),
        fault(message, "late, overtaken by others", FaultKind::Delayed(DELIVERY_DELAY)),
        fault(all_of("DeleteMessage"), "not effective: received again", FaultKind::Duplicated),
    ]);
    let interruptions = [
        ("Spot interruption", StopCode::SpotInterruption),
        ("termination notice", StopCode::TerminationNotice),
        ("maintenance", StopCode::ServiceSchedulerInitiated),
        ("host failed", StopCode::InfrastructureHealth),
    ];
    faults.extend(
        interruptions.map(|(name, stop_code)| fault(task, name, FaultKind::Interrupt { after: TASK_LIFE, stop_code })),
    );
    faults
}

/// Interrupts the first tasks of a job; one that another fault strikes is among them.
pub(crate) fn interruptions(tasks: u32) -> impl Iterator<Item = Fault> {
    let kind = FaultKind::Interrupt { after: TASK_LIFE, stop_code: StopCode::SpotInterruption };
    (1..=tasks).map(move |task| Fault { operation: "Task", kind: kind.clone(), calls: FaultedCalls::Nth(task) })
}

/// What fails for a while, one after the other. `DescribeTaskDefinition`, of which there is one for each task that is given
/// up, is too rare for a while.
pub(crate) fn outages() -> Vec<Outage> {
    let denied =
        |target| Outage { target, name: "denied for a while", kind: FaultKind::AccessDenied, lasts: DENIAL_LENGTH };
    vec![
        Outage {
            target: all_of("RunTask"),
            name: "no capacity for minutes",
            kind: FaultKind::Failures(NO_CAPACITY),
            lasts: Duration::from_mins(2) / CLOCK_SPEED,
        },
        denied(all_of("RunTask")),
        denied(all_of("DescribeTasks")),
        denied(all_of("GetFunction")),
        denied(all_of("GetFunctionEventInvokeConfig")),
        denied(all_of("PutObject")),
        denied(all_of("GetObject")),
        // Asked for jobs that were redriven: in a short run it must not come before the first of these.
        denied(all_of("ListTasks")),
        denied(all_of("DeleteObject")),
        denied(all_of("ChangeMessageVisibility")),
        denied(DEAD_LETTER_SENDS),
        denied(RESULT_SENDS),
    ]
}

/// The probability with which each fault is to be tried, in this order, so that together they disturb their part of the
/// target's calls: a call that the first has struck is not there for the second.
pub(crate) fn probabilities(faults: &[ChaosFault]) -> Vec<f64> {
    let mut probabilities = Vec::with_capacity(faults.len());
    for (index, fault) in faults.iter().enumerate() {
        let disturbed = if RARELY_CALLED.contains(&fault.target) { DISTURBED_OF_RARE } else { DISTURBED };
        let of_target = |other: &&ChaosFault| other.target == fault.target;
        let total: f64 = faults.iter().filter(of_target).map(|fault| fault.weight).sum();
        let share = |weight: f64| disturbed * weight / total;
        let taken: f64 = faults[..index].iter().filter(of_target).map(|fault| share(fault.weight)).sum();
        probabilities.push(share(fault.weight) / (1.0 - taken));
    }
    probabilities
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_target_is_disturbed_in_its_part_of_the_calls() {
        let faults = all();
        let probabilities = probabilities(&faults);
        let table = [
            (all_of("RunTask"), DISTURBED),
            (all_of("Task"), DISTURBED),
            (all_of("Message"), DISTURBED),
            (all_of("DeleteMessage"), DISTURBED),
            (RESULT_SENDS, DISTURBED),
            (DEAD_LETTER_SENDS, DISTURBED_OF_RARE),
            (all_of("ListTasks"), DISTURBED_OF_RARE),
        ];
        for (target, expected) in table {
            let undisturbed: f64 = faults
                .iter()
                .zip(&probabilities)
                .filter(|(fault, _)| fault.target == target)
                .map(|(_, probability)| 1.0 - probability)
                .product();
            assert!((1.0 - undisturbed - expected).abs() < 1e-9, "{target:?}: {undisturbed}");
        }
    }

    #[test]
    fn each_fault_has_a_name_of_its_own() {
        let of_faults = all().into_iter().map(|fault| (fault.target.name, fault.name));
        let of_outages = outages().into_iter().map(|outage| (outage.target.name, outage.name));
        let mut names: Vec<_> = of_faults.chain(of_outages).collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
        assert!(count > 100, "{count}");
    }

    #[test]
    fn the_dispatcher_is_killed_at_its_own_calls_only() {
        let kills = all().into_iter().filter(|fault| matches!(fault.kind, FaultKind::SandboxesGone(_)));
        let targets: Vec<_> = kills.map(|fault| fault.target.name).collect();
        assert_eq!(targets, ["RunTask", "SendMessage of dead letters"]);
    }
}
