//! AWS as the user's profile, region and credentials reach it: one adapter per service, in which alone types of the SDK are
//! named.

mod call_error;
mod cloudformation;
mod cloudwatch;
mod connect;
mod lambda;
mod sqs;

pub(crate) use self::{
    call_error::CallError,
    cloudformation::StackResource,
    connect::{AwsArgs, AwsConnection},
    lambda::{FunctionConfiguration, MappingState, QueueMapping},
    sqs::QueueAttributes,
};
