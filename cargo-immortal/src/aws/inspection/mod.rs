//! The settings of what is deployed, as `doctor` looks at them: read only, one file for each service.

mod function;
mod logs;
mod queue;
mod role;
mod rule;
mod task;

#[cfg(test)]
pub(crate) use self::rule::RuleTarget;
pub(crate) use self::{
    function::{FunctionDetails, InvokeSettings, MappingSettings},
    logs::LogGroupSettings,
    queue::QueueSettings,
    role::{ActionDecision, SimulatedAction},
    rule::RuleSettings,
    task::{ClusterSettings, StoppedTaskReason, TaskDefinitionSettings},
};
