//! Scripted faults: tests make chosen calls fail in the ways in which AWS fails.

use std::time::Duration;

use super::stop_code::StopCode;

/// A fault: which calls of which operation fail, and how.
#[derive(Clone, Debug)]
pub struct Fault {
    /// One of [`Fault::OPERATIONS`].
    pub operation: &'static str,
    /// How it fails.
    pub kind: FaultKind,
    /// Which calls of the operation fail.
    pub calls: FaultedCalls,
}

impl Fault {
    /// The operations that can fail, by their AWS names as in [`EntryKind::Called`](crate::EntryKind::Called). The last four
    /// are no API calls: a request to a presigned URL, the run of a task that `RunTask` created, the delivery of an event
    /// about one, the arrival of a message in a queue.
    pub const OPERATIONS: [&str; 33] = [
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
        "Message",
    ];
}

/// Which calls a fault strikes, counted from its injection. If several faults could strike a call, the first one does.
#[derive(Clone, Copy, Debug)]
pub enum FaultedCalls {
    /// This many calls from now on.
    Next(u32),
    /// Only the nth, from 1.
    Nth(u32),
    /// Each call with this probability. The emulator's seed determines which: of the calls about one request by their
    /// number among them, so that what happens to other requests changes nothing; of the calls about none, by their number
    /// among all of those, and so by the order in which they arrive.
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
    /// The call takes effect, and the response is delayed by this much. `TaskStateChange`, `Message`: the event or the
    /// message is delayed, and later ones overtake it.
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
    /// `TaskStateChange`: the event is delivered twice. `Message`: a copy of the message arrives too. `DeleteMessage`: a
    /// copy of the message remains, and is received again:
    /// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/standard-queues-at-least-once-delivery.html>
    Duplicated,
    /// `TaskStateChange`: the event is delivered without the task's overrides.
    WithoutOverrides,
    /// `TaskStateChange`: the event is delivered without a `stopCode`, as those of interrupted Spot tasks were:
    /// <https://github.com/aws/containers-roadmap/issues/1565>
    WithoutStopCode,
}

/// A fault that was injected, for [`Emulator::end_fault`](crate::Emulator::end_fault) and
/// [`Emulator::struck_calls`](crate::Emulator::struck_calls).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InjectedFault(pub(super) usize);

/// How many calls, runs and deliveries there were that a fault could have struck, and how many were struck.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the type's text says what they count")]
pub struct FaultCounts {
    pub calls: u64,
    pub struck: u64,
}
