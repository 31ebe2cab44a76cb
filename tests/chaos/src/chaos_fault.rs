//! The faults, and how often each of them strikes.

use std::time::Duration;

use immortal_emulator::{Fault, FaultKind, FaultedCalls, StopCode};

use crate::deployment::CLOCK_SPEED;

/// A fault that strikes at random.
pub(crate) struct ChaosFault {
    pub(crate) operation: &'static str,
    /// In the table of strikes.
    pub(crate) name: &'static str,
    pub(crate) kind: FaultKind,
    /// How often it strikes, in relation to the others of the operation.
    weight: f64,
}

/// A fault of every call of an operation for a while.
pub(crate) struct Outage {
    pub(crate) operation: &'static str,
    pub(crate) name: &'static str,
    pub(crate) kind: FaultKind,
    /// How long it lasts.
    pub(crate) lasts: Duration,
}

/// Of what can be disturbed this part is.
const DISTURBED: f64 = 0.3;
/// Operations that few jobs need: more of their calls are disturbed, so that each of their faults strikes.
const RARE: [&str; 5] = ["DescribeTasks", "ListTasks", "PutObject", "GetObject", "ChangeMessageVisibility"];
const DISTURBED_OF_RARE: f64 = 0.5;

const CAPACITY: &str =
    "Capacity is unavailable at this time. Please try again later or in a different availability zone";
const SLOW: Duration = Duration::from_millis(150);
const SOON: Duration = Duration::from_millis(40);

/// The dispatcher's function.
pub(crate) const DISPATCHER: &str = "chaosDlq";

fn fault(operation: &'static str, name: &'static str, kind: FaultKind) -> ChaosFault {
    ChaosFault { operation, name, kind, weight: 1.0 }
}

/// The faults of every API call.
fn of_call(operation: &'static str) -> [ChaosFault; 6] {
    [
        fault(operation, "throttled", FaultKind::Throttle),
        fault(operation, "500", FaultKind::Status(500)),
        fault(operation, "503", FaultKind::Status(503)),
        fault(operation, "reset before", FaultKind::ResetBefore),
        fault(operation, "reset after", FaultKind::ResetAfter),
        fault(operation, "slow", FaultKind::Delayed(SLOW)),
    ]
}

/// All faults that strike at random.
pub(crate) fn all() -> Vec<ChaosFault> {
    let calls = [
        "RunTask",
        "DescribeTasks",
        "ListTasks",
        "GetFunction",
        "GetFunctionEventInvokeConfig",
        "PutObject",
        "GetObject",
        "DeleteObject",
        "SendMessage",
    ];
    let mut faults: Vec<_> = calls.into_iter().flat_map(of_call).collect();
    // Few: it kills all dispatchers, and what they had comes again after its visibility timeout. Where that happens more often
    // than a batch takes, nothing gets on.
    let killed = |operation, weight| ChaosFault {
        weight,
        ..fault(operation, "dispatcher killed before its answer", FaultKind::SandboxesGone(DISPATCHER.to_owned()))
    };
    faults.extend([
        killed("RunTask", 0.02),
        killed("SendMessage", 0.05),
        fault("ChangeMessageVisibility", "throttled", FaultKind::Throttle),
        fault("ChangeMessageVisibility", "500", FaultKind::Status(500)),
        fault("ChangeMessageVisibility", "reset before", FaultKind::ResetBefore),
        fault("ChangeMessageVisibility", "reset after", FaultKind::ResetAfter),
        fault("RunTask", "no capacity", FaultKind::Failures(CAPACITY)),
        fault("RunTask", "neither task nor failure", FaultKind::Empty),
        fault("RunTask", "throttled by EC2", FaultKind::RequestLimitExceeded),
        fault("Download", "stalls", FaultKind::Stall),
        fault("Download", "ends early", FaultKind::Truncated),
        fault("Download", "another byte", FaultKind::Corrupt),
        fault("Download", "expired", FaultKind::Expired),
        fault("Download", "no ranges", FaultKind::NoRanges),
        fault("Download", "503", FaultKind::Status(503)),
        fault("Download", "reset", FaultKind::ResetBefore),
        fault("Task", "fails to start", FaultKind::FailToStart("Timeout waiting for network interface provisioning")),
        fault("Task", "killed by memory", FaultKind::OutOfMemory { after: SOON }),
        fault("TaskStateChange", "twice", FaultKind::Duplicated),
        fault("TaskStateChange", "late, overtaken by others", FaultKind::Delayed(SLOW * 10)),
        fault("TaskStateChange", "without overrides", FaultKind::WithoutOverrides),
        fault("TaskStateChange", "without a stop code", FaultKind::WithoutStopCode),
        fault("Message", "twice", FaultKind::Duplicated),
        fault("Message", "late, overtaken by others", FaultKind::Delayed(SLOW * 10)),
        fault("DeleteMessage", "not effective: received again", FaultKind::Duplicated),
    ]);
    let interruptions = [
        ("Spot interruption", StopCode::SpotInterruption),
        ("termination notice", StopCode::TerminationNotice),
        ("maintenance", StopCode::ServiceSchedulerInitiated),
        ("host failed", StopCode::InfrastructureHealth),
    ];
    faults.extend(
        interruptions.map(|(name, stop_code)| fault("Task", name, FaultKind::Interrupt { after: SOON, stop_code })),
    );
    faults
}

/// Interrupts the first tasks of a job; one that another fault strikes is among them.
pub(crate) fn interruptions(tasks: u32) -> impl Iterator<Item = Fault> {
    let kind = FaultKind::Interrupt { after: SOON, stop_code: StopCode::SpotInterruption };
    (1..=tasks).map(move |task| Fault { operation: "Task", kind: kind.clone(), calls: FaultedCalls::Nth(task) })
}

/// What fails for a while, one after the other.
pub(crate) fn outages() -> Vec<Outage> {
    let denied =
        |operation| Outage { operation, name: "denied for a while", kind: FaultKind::AccessDenied, lasts: SLOW * 3 };
    vec![
        Outage {
            operation: "RunTask",
            name: "no capacity for minutes",
            kind: FaultKind::Failures(CAPACITY),
            lasts: Duration::from_mins(2) / CLOCK_SPEED,
        },
        denied("RunTask"),
        denied("DescribeTasks"),
        denied("ListTasks"),
        denied("GetFunction"),
        denied("PutObject"),
        denied("GetObject"),
        denied("DeleteObject"),
        denied("SendMessage"),
    ]
}

/// The probability with which each fault is to be tried, in this order, so that together they disturb their part of the
/// operation's calls: a call that the first has struck is not there for the second.
pub(crate) fn probabilities(faults: &[ChaosFault]) -> Vec<f64> {
    let mut probabilities = Vec::with_capacity(faults.len());
    for (index, fault) in faults.iter().enumerate() {
        let disturbed = if RARE.contains(&fault.operation) { DISTURBED_OF_RARE } else { DISTURBED };
        let of_operation = |other: &&ChaosFault| other.operation == fault.operation;
        let total: f64 = faults.iter().filter(of_operation).map(|fault| fault.weight).sum();
        let share = |weight: f64| disturbed * weight / total;
        let taken: f64 = faults[..index].iter().filter(of_operation).map(|fault| share(fault.weight)).sum();
        probabilities.push(share(fault.weight) / (1.0 - taken));
    }
    probabilities
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_operation_is_disturbed_in_its_part_of_the_calls() {
        let faults = all();
        let probabilities = probabilities(&faults);
        for operation in ["RunTask", "Task", "Message", "DeleteMessage", "ListTasks"] {
            let undisturbed: f64 = faults
                .iter()
                .zip(&probabilities)
                .filter(|(fault, _)| fault.operation == operation)
                .map(|(_, probability)| 1.0 - probability)
                .product();
            let expected = if operation == "ListTasks" { DISTURBED_OF_RARE } else { DISTURBED };
            assert!((1.0 - undisturbed - expected).abs() < 1e-9, "{operation}: {undisturbed}");
        }
    }

    #[test]
    fn each_fault_has_a_name_of_its_own() {
        let mut names: Vec<_> = all().iter().map(|fault| (fault.operation, fault.name)).collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
        assert!(count + outages().len() > 40);
    }
}
