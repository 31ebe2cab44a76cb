//! The AWS that immortal-lambda needs, in one process on loopback.
//!
//! It speaks AWS's wire protocols to AWS's own clients, runs functions and tasks as processes, is strict where AWS is
//! strict, and can be made to fail in the ways in which AWS fails. It is not a general emulator: it has only what
//! Immortal needs.
//!
//! | service | implemented |
//! | --- | --- |
//! | Lambda | `Invoke`, `GetFunction`, `GetFunctionConfiguration`, `GetFunctionEventInvokeConfig`, `GetEventSourceMapping`, `ListEventSourceMappings`, `UpdateEventSourceMapping`, `GetLayerVersion`, `GetLayerVersionByArn`; code downloads by presigned URL; sandboxes with the Runtime API, an enforced timeout, retries, `OnFailure`, `OnSuccess` and `DeadLetterConfig`; queues as event sources with `ReportBatchItemFailures` |
//! | SQS | `SendMessage`, `ReceiveMessage`, `ChangeMessageVisibility`, `ChangeMessageVisibilityBatch`, `DeleteMessage`, `GetQueueUrl`, `GetQueueAttributes`, `StartMessageMoveTask`, `ListMessageMoveTasks`; visibility timeouts, retention, receive counts, redrive policies |
//! | ECS | `RunTask`, `DescribeTasks`, `DescribeTaskDefinition`, `ListTasks`, `StopTask`; tasks as processes with SIGTERM and stop timeout, Spot interruptions, client tokens, the limits of overrides and call rate; stopped tasks are kept for an hour |
//! | `EventBridge` | task state changes, and rules on them with functions and queues as targets; `PutEvents` on buses that store events |
//! | SNS | `Publish` to topics that store messages |
//! | S3 | `PutObject` with conditions, `GetObject`, `HeadObject`, `DeleteObject` |
//!
//! All services share one clock, which [`Emulator::advance`] moves, one journal of everything that happened
//! ([`Emulator::journal`]), and one list of injected faults ([`Emulator::inject`]).
//!
//! The code has two layers. `platform` is what services are built on: clock, ids, journal, faults, processes, API
//! calls. Above it, each service depends only on those that it calls: Lambda on SQS, SNS and the buses of
//! `EventBridge`; the rules of `EventBridge` on Lambda and SQS; ECS on `EventBridge`. `server` and `emulator` combine
//! them.

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
        ACCOUNT, CLOCK_VARIABLE, CallRate, EmulatorError, EmulatorOptions, EntryKind, EntrySource, Fault, FaultCounts,
        FaultKind, FaultedCalls, InjectedFault, JournalEntry, OutputStream, REGION, StopCode,
    },
    sqs::{Message, MessageAttribute, Queue, RedrivePolicy},
};
