//! Scripted faults: tests make chosen calls fail in the ways in which AWS fails.

use std::{sync::Mutex, time::Duration};

use super::{locking::lock, stop_code::StopCode};

/// A fault: which calls of which operation fail, and how.
#[derive(Clone, Debug)]
pub struct Fault {
    /// The operation by its AWS name, as in [`EntryKind::Called`](crate::EntryKind::Called): `RunTask`,
    /// `DescribeTasks`, `DescribeTaskDefinition`, `ListTasks`, `StopTask`, `GetFunction`,
    /// `GetFunctionConfiguration`, `GetFunctionEventInvokeConfig`, `GetEventSourceMapping`, `ListEventSourceMappings`,
    /// `UpdateEventSourceMapping`, `Publish`, `PutEvents`, `GetLayerVersion`, `GetLayerVersionByArn`, `Invoke`,
    /// `GetObject`, `HeadObject`, `PutObject`, `DeleteObject`, `SendMessage`, `ReceiveMessage`, `DeleteMessage`,
    /// `ChangeMessageVisibility`, `ChangeMessageVisibilityBatch`, `GetQueueUrl`, `GetQueueAttributes`,
    /// `StartMessageMoveTask`, `ListMessageMoveTasks`. `Download` is a request
    /// to a presigned URL, `Task` the run of a task that `RunTask` created, `TaskStateChange` the delivery of an event
    /// about it.
    pub operation: &'static str,
    /// How it fails.
    pub kind: FaultKind,
    /// Which calls of the operation fail.
    pub calls: FaultedCalls,
}

/// The operations that can fail. A fault with any other name would never take effect.
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

/// Which calls a fault affects, counted from its injection. If several faults affect a call, the first one applies.
#[derive(Clone, Copy, Debug)]
pub enum FaultedCalls {
    /// This many calls from now on.
    Next(u32),
    /// Only the nth, from 1.
    Nth(u32),
    /// Each call with this probability; the emulator's seed determines which.
    Probability(f64),
    /// Every call.
    All,
}

/// How a call fails.
#[derive(Clone, Debug)]
pub enum FaultKind {
    /// The service's own throttling error.
    Throttle,
    /// A response with this HTTP status, 500 or above.
    Status(u16),
    /// An error of the service with this status, code and message.
    Error {
        /// The HTTP status.
        status: u16,
        /// The error's code.
        code: &'static str,
        /// The error's message.
        message: String,
    },
    /// The caller lacks the permission.
    AccessDenied,
    /// The connection is closed, and the call has no effect.
    ResetBefore,
    /// The call takes effect, and the connection is closed without a response.
    ResetAfter,
    /// The call takes effect, and the response is delayed by this much. `TaskStateChange`: the event is delayed, and
    /// later events overtake it.
    Delayed(Duration),
    /// The call takes effect, and all sandboxes of this function are killed before one of them receives the response.
    SandboxesGone(String),
    /// ECS: a response with status 200 and this reason in `failures`; the call has no effect.
    Failures(&'static str),
    /// ECS: a response with status 200 and neither tasks nor failures; the call has no effect.
    Empty,
    /// `RunTask`: a `ConflictException` that names these tasks; the call has no effect.
    Conflict(Vec<String>),
    /// `RunTask`: throttling by EC2, reported as an `InvalidParameterException`.
    RequestLimitExceeded,
    /// `RunTask`: the overrides are rejected as too long, whatever their length.
    OverridesTooLong,
    /// `RunTask`, `Task`: the task is accepted, and fails to start with this reason.
    FailToStart(&'static str),
    /// `RunTask`, `Task`: the task is interrupted after it has run for some time: SIGTERM, and SIGKILL two minutes
    /// (scaled) later.
    Interrupt {
        /// How long it runs before the interruption.
        after: Duration,
        /// The reason that ECS gives.
        stop_code: StopCode,
    },
    /// `RunTask`, `Task`: the task is killed as if it had exceeded its memory.
    OutOfMemory {
        /// How long it runs before the kill.
        after: Duration,
    },
    /// `Download`: half of the bytes arrive, and the connection stays open without any more.
    Stall,
    /// `Download`: half of the bytes arrive, then the connection is closed.
    Truncated,
    /// `Download`: one byte is changed.
    Corrupt,
    /// `Download`: the presigned URL has expired.
    Expired,
    /// `Download`: the whole file is sent, whatever range was requested.
    NoRanges,
    /// `Download`: each response is limited to this many bytes per second, as S3 limits a connection.
    RateLimited(u32),
    /// `TaskStateChange`: the event is delivered twice. `DeleteMessage`: a copy of the message remains, and is received
    /// again:
    /// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/standard-queues-at-least-once-delivery.html>
    Duplicated,
    /// `TaskStateChange`: the event is delivered without the task's overrides.
    WithoutOverrides,
    /// `TaskStateChange`: the event is delivered without a `stopCode`, as those of interrupted Spot tasks were:
    /// <https://github.com/aws/containers-roadmap/issues/1565>
    WithoutStopCode,
}

/// The faults that were injected so far.
#[derive(Debug)]
pub(crate) struct FaultScript(Mutex<(Vec<ScriptedFault>, fastrand::Rng)>);

#[derive(Debug)]
struct ScriptedFault {
    fault: Fault,
    /// Affects only calls about this request; `None`: all calls.
    request_id: Option<String>,
    seen: u32,
}

impl FaultScript {
    pub(crate) fn new(seed: u64) -> Self {
        Self(Mutex::new((Vec::new(), fastrand::Rng::with_seed(seed))))
    }

    pub(crate) fn inject(&self, fault: Fault, request_id: Option<String>) {
        assert!(
            OPERATIONS.contains(&fault.operation),
            "unknown operation {}; use one of {OPERATIONS:?}",
            fault.operation
        );
        lock(&self.0).0.push(ScriptedFault { fault, request_id, seen: 0 });
    }

    /// Removes the faults of this operation.
    pub(crate) fn remove(&self, operation: &str) {
        lock(&self.0).0.retain(|scripted| scripted.fault.operation != operation);
    }

    /// Counts a call of this operation about the event of this request, and returns how the call is to fail.
    pub(crate) fn fault_for_call(&self, operation: &str, request_id: Option<&str>) -> Option<FaultKind> {
        let mut guard = lock(&self.0);
        let (scripted, random) = &mut *guard;
        let mut hit = None;
        let matches = |scripted: &&mut ScriptedFault| {
            scripted.fault.operation == operation
                && (scripted.request_id.is_none() || scripted.request_id.as_deref() == request_id)
        };
        for ScriptedFault { fault, seen, .. } in scripted.iter_mut().filter(matches) {
            let hits = match fault.calls {
                // Another fault applies to this call, so this one isn't used up.
                FaultedCalls::Next(_) if hit.is_some() => continue,
                FaultedCalls::Next(calls) => *seen < calls,
                FaultedCalls::Nth(call) => *seen + 1 == call,
                FaultedCalls::Probability(share) => random.f64() < share,
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
            other => panic!("{other:?} was never injected"),
        };
        (0..times).map(|_| faults.fault_for_call("RunTask", Some("r-1")).map(status)).collect()
    }

    #[test]
    fn a_fault_affects_the_calls_it_names() {
        assert_eq!(hits(&[FaultedCalls::Next(2)], 3), [Some(500), Some(500), None]);
        assert_eq!(hits(&[FaultedCalls::Nth(2)], 3), [None, Some(500), None]);
        assert_eq!(hits(&[FaultedCalls::Next(1), FaultedCalls::Next(1)], 3), [Some(500), Some(501), None]);
        assert_eq!(hits(&[FaultedCalls::Nth(2), FaultedCalls::All], 3), [Some(501), Some(500), Some(501)]);
        assert!(FaultScript::new(0).fault_for_call("RunTask", None).is_none());
    }

    #[test]
    fn a_fault_of_one_request_leaves_the_others_alone() {
        let faults = FaultScript::new(0);
        let second = Fault { operation: "RunTask", kind: FaultKind::Empty, calls: FaultedCalls::Nth(2) };
        faults.inject(second, Some("r-1".to_owned()));
        let hits =
            ["r-1", "r-2", "r-2", "r-1"].map(|request_id| faults.fault_for_call("RunTask", Some(request_id)).is_some());
        assert_eq!(hits, [false, false, false, true]);
        assert!(faults.fault_for_call("RunTask", None).is_none());
    }

    #[test]
    fn removing_the_faults_of_an_operation_keeps_those_of_others() {
        let faults = FaultScript::new(0);
        for operation in ["RunTask", "ListTasks"] {
            faults.inject(Fault { operation, kind: FaultKind::Empty, calls: FaultedCalls::All }, None);
        }
        faults.remove("RunTask");
        assert!(faults.fault_for_call("RunTask", None).is_none() && faults.fault_for_call("ListTasks", None).is_some());
    }

    #[test]
    fn a_probability_is_met_and_repeats_with_the_seed() {
        let first = hits(&[FaultedCalls::Probability(0.2)], 1000);
        let count = first.iter().flatten().count();
        assert!((150..250).contains(&count), "{count}");
        assert_eq!(first, hits(&[FaultedCalls::Probability(0.2)], 1000));
    }
}
