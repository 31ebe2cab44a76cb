//! What is deployed, as far as AWS said it.

use std::collections::BTreeMap;

use immortal_core::names::env;

use crate::{
    aws::{
        ActionDecision, CallError, ClusterSettings, FunctionDetails, InvokeSettings, LogGroupSettings, MappingSettings,
        QueueSettings, RuleSettings, SimulatedAction, StoppedTaskReason, TaskDefinitionSettings,
    },
    deployment::Deployment,
};

/// Something that AWS was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ObservedPart<T> {
    Known(T),
    /// It is not there.
    Missing,
    /// Why it is not known: whom AWS didn't answer, or what has to be known first.
    Unknown(String),
}

impl<T> ObservedPart<T> {
    /// What AWS answered, where nothing is an answer too.
    pub(super) fn from_answer(answer: Result<Option<T>, CallError>) -> Self {
        match answer {
            Ok(Some(known)) => Self::Known(known),
            Ok(None) => Self::Missing,
            Err(error) if error.is_not_found() => Self::Missing,
            Err(error) => Self::Unknown(error.to_string()),
        }
    }

    pub(super) fn known(&self) -> Option<&T> {
        match self {
            Self::Known(known) => Some(known),
            Self::Missing | Self::Unknown(_) => None,
        }
    }
}

/// What one of the deployment's roles is to be able to do, and what IAM says of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RolePermission {
    /// Whose role it is.
    pub(super) whose: &'static str,
    pub(super) simulated: SimulatedAction,
    pub(super) decisions: ObservedPart<Vec<ActionDecision>>,
}

/// The runner's image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ImagePresence {
    /// Whether the account's registry has it.
    InRegistry(ObservedPart<()>),
    /// It lies in another registry.
    Elsewhere,
}

/// A deployment as it stands.
#[derive(Clone, Debug)]
pub(super) struct DeployedState {
    pub(super) deployment: Deployment,
    pub(super) function: ObservedPart<FunctionDetails>,
    /// `Missing`: the qualifier has no asynchronous configuration.
    pub(super) invoke: ObservedPart<InvokeSettings>,
    pub(super) dispatcher: ObservedPart<FunctionDetails>,
    /// From queues to the dispatcher.
    pub(super) dispatcher_mappings: ObservedPart<Vec<MappingSettings>>,
    /// From queues to the function.
    pub(super) function_mappings: ObservedPart<Vec<MappingSettings>>,
    pub(super) failure_queue: ObservedPart<QueueSettings>,
    /// `None`: none is configured.
    pub(super) dead_letter_queue: Option<ObservedPart<QueueSettings>>,
    /// By their ARNs.
    pub(super) source_queues: BTreeMap<String, ObservedPart<QueueSettings>>,
    /// Those that send to the failure queue, or to the dispatcher, and the one that the stack names.
    pub(super) rules: ObservedPart<Vec<RuleSettings>>,
    pub(super) task_definition: ObservedPart<TaskDefinitionSettings>,
    pub(super) cluster: ObservedPart<ClusterSettings>,
    pub(super) image: ImagePresence,
    /// The version of the dispatcher's framework, where the stack says it.
    pub(super) dispatcher_version: Option<String>,
    pub(super) log_groups: BTreeMap<String, ObservedPart<LogGroupSettings>>,
    pub(super) permissions: Vec<RolePermission>,
    pub(super) stopped_tasks: ObservedPart<Vec<StoppedTaskReason>>,
}

impl DeployedState {
    /// A variable of the dispatcher, where it is set.
    pub(super) fn dispatcher_variable(&self, name: &str) -> Option<&str> {
        let value = self.dispatcher.known()?.variables.get(name)?.trim();
        (!value.is_empty()).then_some(value)
    }

    /// The ARNs of the queues that trigger the function.
    pub(super) fn source_queue_arns(dispatcher: &FunctionDetails) -> Vec<String> {
        let queues = dispatcher.variables.get(env::SOURCE_QUEUES).map(String::as_str).unwrap_or_default();
        queues.split(',').map(str::trim).filter(|queue| !queue.is_empty()).map(str::to_owned).collect()
    }

    /// The function's name, with the qualifier that is invoked.
    pub(super) fn function_name(&self) -> String {
        let Deployment { function, qualifier, .. } = &self.deployment;
        qualifier.as_ref().map_or_else(|| function.clone(), |qualifier| format!("{function}:{qualifier}"))
    }

    /// The flags that name the function and the qualifier to the AWS CLI.
    pub(super) fn function_flags(&self) -> String {
        let Deployment { function, qualifier, .. } = &self.deployment;
        let qualifier = qualifier.as_ref().map(|qualifier| format!(" --qualifier {qualifier}"));
        format!("--function-name {function}{}", qualifier.unwrap_or_default())
    }
}
