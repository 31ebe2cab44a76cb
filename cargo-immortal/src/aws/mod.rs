//! AWS as the user's profile, region and credentials reach it: one adapter per service, in which alone types of the SDK are
//! named.

mod call_error;
mod cloudformation;
mod cloudwatch;
mod connect;
mod deployment_bucket;
mod ecr;
mod ecs;
mod inspection;
mod lambda;
mod logs;
mod s3;
mod sqs;
mod stack_changes;
mod sts;

pub(crate) use self::{
    call_error::CallError,
    cloudformation::StackResource,
    connect::{AwsArgs, AwsConnection},
    deployment_bucket::PackageBucket,
    ecr::RegistryLogin,
    ecs::{ContainerLog, DescribedTask, TaskSelection},
    inspection::{
        ActionDecision, ClusterSettings, FunctionDetails, InvokeSettings, LogGroupSettings, MappingSettings,
        QueueSettings, RuleSettings, SimulatedAction, StoppedTaskReason, TaskDefinitionSettings,
    },
    lambda::MappingState,
    logs::LogEvent,
    sqs::{MoveProgress, QueueAttributes, ReceivedMessage},
    stack_changes::{ChangeSetDescription, ChangeSetRequest, StackChange, StackEvent},
};
#[cfg(test)]
pub(crate) use self::{inspection::RuleTarget, sqs::MessageAttributes};
