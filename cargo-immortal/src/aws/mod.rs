//! AWS as the user's profile, region and credentials reach it: one adapter per service, in which alone types of the SDK are
//! named.

mod call_error;
mod cloudformation;
mod cloudwatch;
mod connect;
mod ecs;
mod lambda;
mod logs;
mod s3;
mod sqs;

#[cfg(test)]
pub(crate) use self::sqs::MessageAttributes;
pub(crate) use self::{
    call_error::CallError,
    cloudformation::StackResource,
    connect::{AwsArgs, AwsConnection},
    ecs::{ContainerLog, DescribedTask, TaskSelection},
    lambda::{FunctionConfiguration, MappingState, QueueMapping},
    logs::LogEvent,
    sqs::{MoveProgress, QueueAttributes, ReceivedMessage},
};
