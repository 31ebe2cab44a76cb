//! The parts of a deployment, as far as they are known, and when that is far enough.

use immortal_core::{
    function::FunctionName,
    names::{DISPATCHER_SUFFIX, env},
    task_definition::family,
};

use super::{PartArgs, QueueAddress};
use crate::{
    aws::{FunctionDetails, MappingSettings},
    failure::CommandError,
};

/// A deployed function, and what its attempts on Fargate need.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Deployment {
    /// Where it was found by one.
    pub(crate) stack: Option<String>,
    /// The primary's name.
    pub(crate) function: String,
    /// The version or alias that is invoked; `None`: `$LATEST`.
    pub(crate) qualifier: Option<String>,
    /// The dispatcher's name.
    pub(crate) dispatcher: String,
    /// By name or ARN.
    pub(crate) cluster: String,
    /// By family or ARN.
    pub(crate) task_definition: String,
    pub(crate) container: String,
    pub(crate) failure_queue: QueueAddress,
    /// Without one, what would be a dead letter stays in the failure queue.
    pub(crate) dead_letter_queue: Option<QueueAddress>,
    /// The UUID of the mapping from the failure queue to the dispatcher.
    pub(crate) mapping: Option<String>,
    pub(crate) event_bucket: Option<String>,
    /// The rule on stopped tasks, where a stack names it.
    pub(crate) rule: Option<String>,
    /// `x86_64` or `arm64`, as the primary is.
    pub(crate) architecture: Option<String>,
    pub(crate) function_logs: String,
    pub(crate) dispatcher_logs: String,
    /// Where a stack names it; the task definition says it, too.
    pub(crate) task_logs: Option<String>,
}

impl Deployment {
    /// What tells this function's tasks from those of others in the cluster.
    pub(crate) fn task_family(&self) -> &str {
        family(&self.task_definition)
    }
}

/// What is known by now, each part as it was named.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct DeploymentParts {
    pub(super) function: Option<String>,
    pub(super) qualifier: Option<String>,
    pub(super) dispatcher: Option<String>,
    pub(super) cluster: Option<String>,
    pub(super) task_definition: Option<String>,
    pub(super) container: Option<String>,
    pub(super) failure_queue: Option<String>,
    pub(super) dead_letter_queue: Option<String>,
    pub(super) mapping: Option<String>,
    pub(super) event_bucket: Option<String>,
    pub(super) rule: Option<String>,
    pub(super) architecture: Option<String>,
    pub(super) function_logs: Option<String>,
    pub(super) dispatcher_logs: Option<String>,
    pub(super) task_logs: Option<String>,
}

/// The queues, each by name, URL or ARN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NamedQueues<'a> {
    pub(super) failure: &'a str,
    pub(super) dead_letters: Option<&'a str>,
}

impl DeploymentParts {
    /// What the user named.
    pub(super) fn from_args(args: &PartArgs) -> Result<Self, CommandError> {
        let PartArgs {
            function,
            dispatcher,
            cluster,
            task_definition,
            container,
            failure_queue,
            dead_letter_queue,
            mapping,
        } = args.clone();
        let function = function.map(|text| text.parse::<FunctionName>()).transpose();
        let function = function.map_err(|error| CommandError::WrongUse(format!("--function: {error}")))?;
        let (function, qualifier) = function.map_or((None, None), |name| (Some(name.name), name.qualifier));
        Ok(Self {
            function,
            qualifier,
            dispatcher,
            cluster,
            task_definition,
            container,
            failure_queue,
            dead_letter_queue,
            mapping,
            ..Self::default()
        })
    }

    /// What the dispatcher's own configuration says.
    pub(super) fn from_dispatcher(dispatcher: &FunctionDetails) -> Self {
        let variable = |name: &str| dispatcher.variables.get(name).filter(|value| !value.is_empty()).cloned();
        let own_name = || dispatcher.name.strip_suffix(DISPATCHER_SUFFIX).map(str::to_owned);
        let primary = variable(env::FUNCTION).or_else(own_name).and_then(|name| name.parse::<FunctionName>().ok());
        let (function, qualifier) = primary.map_or((None, None), |name| (Some(name.name), name.qualifier));
        let task_definition = variable(env::RUNNER).or_else(|| variable(env::RUNNER_ARTICLE));
        let container = variable(env::CONTAINER).or_else(|| task_definition.as_deref().map(family).map(str::to_owned));
        Self {
            function,
            qualifier,
            // As the dispatcher itself takes it.
            cluster: variable(env::CLUSTER).or_else(|| Some("default".to_owned())),
            container,
            task_definition,
            dead_letter_queue: variable(env::DEAD_LETTER_QUEUE),
            event_bucket: variable(env::EVENT_BUCKET),
            dispatcher_logs: Some(dispatcher.log_group.clone()),
            ..Self::default()
        }
    }

    /// What the primary's configuration says.
    pub(super) fn from_primary(primary: &FunctionDetails) -> Self {
        Self {
            architecture: Some(primary.architecture.clone()),
            function_logs: Some(primary.log_group.clone()),
            ..Self::default()
        }
    }

    /// The dispatcher behind a queue, where there is one.
    pub(super) fn from_mappings(mappings: &[MappingSettings]) -> Self {
        let [mapping] = mappings else { return Self::default() };
        let dispatcher = mapping.function_arn.parse::<FunctionName>().ok().map(|function| function.name);
        Self { dispatcher, mapping: Some(mapping.uuid.clone()), ..Self::default() }
    }

    /// The mapping from the failure queue, and the queue by it.
    pub(super) fn with_mapping(self, mappings: &[MappingSettings]) -> Self {
        let name = |queue: &str| queue.rsplit(['/', ':']).next().unwrap_or(queue).to_owned();
        let fits = |mapping: &&MappingSettings| match (&self.mapping, &self.failure_queue) {
            (Some(uuid), _) => mapping.uuid == *uuid,
            (None, Some(queue)) => name(&mapping.queue_arn) == name(queue),
            (None, None) => true,
        };
        let mut fitting = mappings.iter().filter(fits);
        let (Some(mapping), None) = (fitting.next(), fitting.next()) else { return self };
        self.or(Self {
            mapping: Some(mapping.uuid.clone()),
            failure_queue: Some(mapping.queue_arn.clone()),
            ..Self::default()
        })
    }

    /// These parts, and the others for what isn't known by now.
    pub(super) fn or(self, other: Self) -> Self {
        // The qualifier belongs to the name beside it.
        let (function, qualifier) = match self.function {
            Some(function) if other.function.as_ref() != Some(&function) || self.qualifier.is_some() => {
                (Some(function), self.qualifier)
            }
            _ => (other.function, other.qualifier),
        };
        Self {
            function,
            qualifier,
            dispatcher: self.dispatcher.or(other.dispatcher),
            cluster: self.cluster.or(other.cluster),
            task_definition: self.task_definition.or(other.task_definition),
            container: self.container.or(other.container),
            failure_queue: self.failure_queue.or(other.failure_queue),
            dead_letter_queue: self.dead_letter_queue.or(other.dead_letter_queue),
            mapping: self.mapping.or(other.mapping),
            event_bucket: self.event_bucket.or(other.event_bucket),
            rule: self.rule.or(other.rule),
            architecture: self.architecture.or(other.architecture),
            function_logs: self.function_logs.or(other.function_logs),
            dispatcher_logs: self.dispatcher_logs.or(other.dispatcher_logs),
            task_logs: self.task_logs.or(other.task_logs),
        }
    }

    /// The queues, once all is known that must be.
    pub(super) fn queues(&self, stack: Option<&str>) -> Result<NamedQueues<'_>, String> {
        match (&self.failure_queue, self.missing().as_slice()) {
            (Some(failure), []) => Ok(NamedQueues { failure, dead_letters: self.dead_letter_queue.as_deref() }),
            (_, missing) => Err(incomplete(stack, missing)),
        }
    }

    /// The flags that would name what isn't known.
    fn missing(&self) -> Vec<&'static str> {
        let parts = [
            (&self.function, "--function"),
            (&self.dispatcher, "--dispatcher"),
            (&self.cluster, "--cluster"),
            (&self.task_definition, "--task-definition"),
            (&self.container, "--container"),
            (&self.failure_queue, "--failure-queue"),
        ];
        parts.into_iter().filter(|(part, _)| part.is_none()).map(|(_, flag)| flag).collect()
    }

    /// The deployment, where nothing is missing.
    pub(super) fn complete(
        self,
        stack: Option<&str>,
        failure_queue: QueueAddress,
        dead_letter_queue: Option<QueueAddress>,
    ) -> Result<Deployment, String> {
        let missing = self.missing();
        let (Some(function), Some(dispatcher), Some(cluster), Some(task_definition), Some(container)) =
            (self.function, self.dispatcher, self.cluster, self.task_definition, self.container)
        else {
            return Err(incomplete(stack, &missing));
        };
        Ok(Deployment {
            stack: stack.map(str::to_owned),
            function_logs: self.function_logs.unwrap_or_else(|| format!("/aws/lambda/{function}")),
            dispatcher_logs: self.dispatcher_logs.unwrap_or_else(|| format!("/aws/lambda/{dispatcher}")),
            function,
            qualifier: self.qualifier.filter(|qualifier| qualifier != "$LATEST"),
            dispatcher,
            cluster,
            task_definition,
            container,
            failure_queue,
            dead_letter_queue,
            mapping: self.mapping,
            event_bucket: self.event_bucket,
            rule: self.rule,
            architecture: self.architecture,
            task_logs: self.task_logs,
        })
    }
}

fn incomplete(stack: Option<&str>, missing: &[&str]) -> String {
    let place = match stack {
        Some(stack) => format!("the stack {stack}"),
        None => "what is named by hand".to_owned(),
    };
    format!("{place} does not lead to all parts of the deployment; name the others: {}", missing.join(", "))
}

#[cfg(test)]
#[path = "parts_tests.rs"]
mod tests;
