//! Scripted faults: the ways in which AWS fails, at the calls for which a test asks.

use std::{sync::Mutex, time::Duration};

use super::{locking::lock, stop_code::StopCode};

/// A fault: which calls of which operation fail, and how.
#[derive(Clone, Debug)]
pub struct Fault {
    /// The operation by its AWS name, as in [`EntryKind::Called`](crate::EntryKind::Called): `RunTask`, `DescribeTasks`,
    /// `DescribeTaskDefinition`,
    /// `ListTasks`, `StopTask`, `GetFunction`, `GetFunctionConfiguration`, `GetFunctionEventInvokeConfig`, `GetEventSourceMapping`,
    /// `ListEventSourceMappings`, `UpdateEventSourceMapping`, `Publish`, `PutEvents`, `GetLayerVersion`, `GetLayerVersionByArn`, `Invoke`, `GetObject`,
    /// `HeadObject`, `PutObject`, `DeleteObject`, `SendMessage`, `ReceiveMessage`, `DeleteMessage`,
    /// `ChangeMessageVisibility`, `ChangeMessageVisibilityBatch`, `GetQueueUrl`, `GetQueueAttributes`, `StartMessageMoveTask`, `ListMessageMoveTasks`. `Download` is a request to a presigned
    /// address, `Task` the life of a task that `RunTask` made, `TaskStateChange` the delivery of an event about it.
    pub operation: &'static str,
    /// How it fails.
    pub kind: FaultKind,
    /// Which of its calls.
    pub calls: FaultedCalls,
}

/// What can fail; a name that is none of these would never be hit.
const OPERATIONS: [&str; 32] = [
    "RunTask",
    "DescribeTasks",
    "DescribeTaskDefinition",
    "ListTasks",
    "StopTask",
    "GetFunction",
    "GetFunctionConfiguration",
    "GetFunctionEventInvokeConfig",
    "GetEventSourceMapping",
    "ListEventSourceMappings",
    "UpdateEventSourceMapping",
    "Publish",
    "PutEvents",
    "GetLayerVersion",
    "GetLayerVersionByArn",
    "Invoke",
    "GetObject",
    "HeadObject",
    "PutObject",
    "DeleteObject",
    "SendMessage",
    "ReceiveMessage",
    "DeleteMessage",
    "ChangeMessageVisibility",
    "ChangeMessageVisibilityBatch",
    "GetQueueUrl",
    "GetQueueAttributes",
    "StartMessageMoveTask",
    "ListMessageMoveTasks",
    "Download",
    "Task",
    "TaskStateChange",
];

/// Which calls a fault hits, counted from its injection. Of several faults the first that hits is taken.
#[derive(Clone, Copy, Debug)]
pub enum FaultedCalls {
    /// The next so many.
    Next(u32),
    /// Only the nth, from 1.
    Nth(u32),
    /// Each with this probability, by the emulator's seed.
    Share(f64),
    /// All.
    All,
}

/// How a call fails.
#[derive(Clone, Debug)]
pub enum FaultKind {
    /// The service's own throttling error.
    Throttle,
    /// An answer with this status of 500 or more.
    Status(u16),
    /// The service's own error of this status, code and message.
    Error {
        /// HTTP status.
        status: u16,
        /// The error's code.
        code: &'static str,
        /// Its message.
        message: String,
    },
    /// The caller may not.
    AccessDenied,
    /// The connection is closed, and the call had no effect.
    ResetBefore,
    /// The call takes effect, and the connection is closed.
    ResetAfter,
    /// The call takes effect, and the answer comes so much later. `TaskStateChange`: the event comes so much later, and
    /// others overtake it.
    Late(Duration),
    /// The call takes effect, and all sandboxes of this function are gone before one of them hears of it.
    SandboxesGone(String),
    /// ECS: a 200 with this reason in `failures`, without effect.
    Failures(&'static str),
    /// ECS: a 200 with neither tasks nor failures, without effect.
    Empty,
    /// `RunTask`: `ConflictException` that names these tasks, without effect.
    Conflict(Vec<String>),
    /// `RunTask`: the throttle of another service, inside an `InvalidParameterException`.
    RequestLimitExceeded,
    /// `RunTask`: the overrides are too long, whatever their length.
    OverridesTooLong,
    /// `RunTask`, `Task`: the task is taken, and fails to start.
    FailToStart(&'static str),
    /// `RunTask`, `Task`: the task is interrupted when it has run so long: SIGTERM, and SIGKILL two minutes (scaled) later.
    Interrupt {
        /// How long it runs before.
        after: Duration,
        /// What ECS says of it.
        stop_code: StopCode,
    },
    /// `RunTask`, `Task`: the task is killed as for its memory when it has run so long.
    OutOfMemory {
        /// How long it runs before.
        after: Duration,
    },
    /// `Download`: half of the bytes, then nothing more.
    Stall,
    /// `Download`: half of the bytes, then the connection is closed.
    Cut,
    /// `Download`: one byte is another.
    Corrupt,
    /// `Download`: the address has expired.
    Expired,
    /// `Download`: the whole file, whatever range was asked for.
    NoRanges,
    /// `Download`: each answer comes at so many bytes a second, as S3 paces a connection.
    Paced(u32),
    /// `TaskStateChange`: the event is delivered twice. `DeleteMessage`: a copy of the message remains, and is received
    /// again: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/standard-queues-at-least-once-delivery.html>
    Twice,
    /// `TaskStateChange`: the event is delivered without the task's overrides.
    WithoutOverrides,
    /// `TaskStateChange`: the event is delivered without a `stopCode`, as those of interrupted Spot tasks were:
    /// <https://github.com/aws/containers-roadmap/issues/1565>
    WithoutStopCode,
}

/// The faults that are scripted by now.
#[derive(Debug)]
pub(crate) struct FaultScript(Mutex<(Vec<ScriptedFault>, fastrand::Rng)>);

#[derive(Debug)]
struct ScriptedFault {
    fault: Fault,
    /// Whose calls it hits; those of all where there is none.
    of: Option<String>,
    seen: u32,
}

impl FaultScript {
    pub(crate) fn new(seed: u64) -> Self {
        Self(Mutex::new((Vec::new(), fastrand::Rng::with_seed(seed))))
    }

    pub(crate) fn inject(&self, fault: Fault, of: Option<String>) {
        assert!(
            OPERATIONS.contains(&fault.operation),
            "there is no operation {}; there are {OPERATIONS:?}",
            fault.operation
        );
        lock(&self.0).0.push(ScriptedFault { fault, of, seen: 0 });
    }

    /// Ends the faults of this operation.
    pub(crate) fn end(&self, operation: &str) {
        lock(&self.0).0.retain(|scripted| scripted.fault.operation != operation);
    }

    /// Counts a call of this operation, about the event of this request, and says how it is to fail.
    pub(crate) fn hit(&self, operation: &str, of: Option<&str>) -> Option<FaultKind> {
        let mut guard = lock(&self.0);
        let (scripted, random) = &mut *guard;
        let mut hit = None;
        let mine = |scripted: &&mut ScriptedFault| {
            scripted.fault.operation == operation && (scripted.of.is_none() || scripted.of.as_deref() == of)
        };
        for ScriptedFault { fault, seen, .. } in scripted.iter_mut().filter(mine) {
            let hits = match fault.calls {
                // A fault that another one forestalled hasn't had its turn.
                FaultedCalls::Next(_) if hit.is_some() => continue,
                FaultedCalls::Next(calls) => *seen < calls,
                FaultedCalls::Nth(call) => *seen + 1 == call,
                FaultedCalls::Share(share) => random.f64() < share,
                FaultedCalls::All => true,
            };
            *seen += 1;
            if hits && hit.is_none() {
                hit = Some(fault.kind.clone());
            }
        }
        hit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hits(calls: &[FaultedCalls], times: usize) -> Vec<Option<u16>> {
        let faults = FaultScript::new(7);
        for (status, calls) in (500..).zip(calls) {
            faults.inject(Fault { operation: "RunTask", kind: FaultKind::Status(status), calls: *calls }, None);
        }
        let status = |kind| match kind {
            FaultKind::Status(status) => status,
            other => panic!("injected no {other:?}"),
        };
        (0..times).map(|_| faults.hit("RunTask", Some("r-1")).map(status)).collect()
    }

    #[test]
    fn the_calls_asked_for_are_hit() {
        assert_eq!(hits(&[FaultedCalls::Next(2)], 3), [Some(500), Some(500), None]);
        assert_eq!(hits(&[FaultedCalls::Nth(2)], 3), [None, Some(500), None]);
        assert_eq!(hits(&[FaultedCalls::Next(1), FaultedCalls::Next(1)], 3), [Some(500), Some(501), None]);
        assert_eq!(hits(&[FaultedCalls::Nth(2), FaultedCalls::All], 3), [Some(501), Some(500), Some(501)]);
        assert!(FaultScript::new(0).hit("RunTask", None).is_none());
    }

    #[test]
    fn a_fault_of_one_request_leaves_the_others_alone() {
        let faults = FaultScript::new(0);
        let second = Fault { operation: "RunTask", kind: FaultKind::Empty, calls: FaultedCalls::Nth(2) };
        faults.inject(second, Some("r-1".to_owned()));
        let hits = ["r-1", "r-2", "r-2", "r-1"].map(|of| faults.hit("RunTask", Some(of)).is_some());
        assert_eq!(hits, [false, false, false, true]);
        assert!(faults.hit("RunTask", None).is_none());
    }

    #[test]
    fn the_faults_of_an_operation_come_to_an_end() {
        let faults = FaultScript::new(0);
        for operation in ["RunTask", "ListTasks"] {
            faults.inject(Fault { operation, kind: FaultKind::Empty, calls: FaultedCalls::All }, None);
        }
        faults.end("RunTask");
        assert!(faults.hit("RunTask", None).is_none() && faults.hit("ListTasks", None).is_some());
    }

    #[test]
    fn a_share_is_about_that_share_and_the_same_again() {
        let first = hits(&[FaultedCalls::Share(0.2)], 1000);
        let count = first.iter().flatten().count();
        assert!((150..250).contains(&count), "{count}");
        assert_eq!(first, hits(&[FaultedCalls::Share(0.2)], 1000));
    }
}
