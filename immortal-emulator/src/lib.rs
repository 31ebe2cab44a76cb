//! The AWS that immortal-lambda needs, in one process on loopback.
//!
//! It speaks the wire protocols of AWS to AWS's own clients, runs functions and tasks as processes, is strict where AWS
//! is strict, and fails in AWS's ways when told to. It is no product of its own: what the chain of a failed event
//! doesn't need isn't there.
//!
//! | service | what there is |
//! | --- | --- |
//! | Lambda | `Invoke`, `GetFunction`, `GetFunctionConfiguration`, `GetFunctionEventInvokeConfig`, `GetEventSourceMapping`, `ListEventSourceMappings`, `UpdateEventSourceMapping`, `GetLayerVersion`, `GetLayerVersionByArn`; downloads of code for ten minutes; sandboxes with the Runtime API, a timeout that kills, retries, `OnFailure`, `OnSuccess` and `DeadLetterConfig`; queues as event sources with `ReportBatchItemFailures` |
//! | SQS | `SendMessage`, `ReceiveMessage`, `ChangeMessageVisibility`, `ChangeMessageVisibilityBatch`, `DeleteMessage`, `GetQueueUrl`, `GetQueueAttributes`, `StartMessageMoveTask`, `ListMessageMoveTasks`; visibility timeouts, retention, receive counts, redrive policies |
//! | ECS | `RunTask`, `DescribeTasks`, `ListTasks`, `StopTask`; tasks as processes with SIGTERM and stop timeout, Spot interruptions, client tokens, the limit of the overrides and of calls, the memory of an hour |
//! | `EventBridge` | the state changes of tasks, and rules on them with functions and queues as targets; `PutEvents` on buses that keep events |
//! | SNS | `Publish` to topics that keep messages |
//! | S3 | `PutObject` with conditions, `GetObject`, `HeadObject`, `DeleteObject` |
//!
//! All of them share one clock, which [`Emulator::advance`] moves; one journal, which tells of everything that
//! happened; and one script of faults ([`Emulator::inject`]).
//!
//! The code has two floors. `platform` is what services are built of: clock, ids, journal, faults, processes, the shape
//! of API calls. Above it each service knows only those whose calls it makes: Lambda calls SQS, SNS and the buses of
//! `EventBridge`; the rules of `EventBridge` call Lambda and SQS; ECS calls `EventBridge`. `server` and `emulator` put them together.

mod ecs;
mod emulator;
mod eventbridge;
mod lambda;
mod platform;
mod s3;
mod server;
mod sns;
mod sqs;

pub use crate::{
    ecs::{TaskDefinition, TaskLog},
    emulator::Emulator,
    eventbridge::{RuleTarget, TaskRule},
    lambda::{FailureTarget, Function},
    platform::{
        ACCOUNT, CLOCK_VARIABLE, CallRate, EmulatorError, EmulatorOptions, EntryKind, EntrySource, Fault, FaultKind,
        FaultedCalls, JournalEntry, OutputStream, REGION, StopCode,
    },
    sqs::{Message, MessageAttribute, Queue, RedrivePolicy},
};
