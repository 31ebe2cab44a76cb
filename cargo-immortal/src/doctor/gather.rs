//! Asks AWS for all that the rules look at. What one call is denied is not known, and the others are made all the same.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    rules::{PermissionSubject, wanted_permissions},
    state::{DeployedState, ImagePresence, ObservedPart, RolePermission},
};
use crate::{
    aws::{AwsConnection, CallError, FunctionDetails, QueueSettings, RuleSettings, TaskDefinitionSettings},
    deployment::Deployment,
};

pub(super) async fn gather(aws: &AwsConnection, deployment: Deployment) -> DeployedState {
    let Deployment { function, qualifier, dispatcher, failure_queue, .. } = &deployment;
    let qualifier = qualifier.as_deref();
    let (primary, invoke, dispatcher_details, dispatcher_mappings, function_mappings) = tokio::join!(
        aws.function_details(function, qualifier),
        aws.invoke_settings(function, qualifier),
        aws.function_details(dispatcher, None),
        aws.queue_mappings(Some(dispatcher), None),
        aws.queue_mappings(Some(function), None),
    );
    let (failures, rules, definition, cluster, stopped_tasks, version) = tokio::join!(
        aws.queue_settings(&failure_queue.url),
        rules(aws, &deployment),
        aws.task_definition_settings(&deployment.task_definition, &deployment.container),
        aws.cluster_settings(&deployment.cluster),
        aws.stopped_task_reasons(&deployment.cluster, deployment.task_family()),
        dispatcher_version(aws, &deployment),
    );
    let dead_letter_queue = match &deployment.dead_letter_queue {
        Some(queue) => Some(ObservedPart::from_answer(aws.queue_settings(&queue.url).await.map(Some))),
        None => None,
    };
    let dispatcher_details = ObservedPart::from_answer(dispatcher_details.map(Some));
    let mut state = DeployedState {
        function: ObservedPart::from_answer(primary.map(Some)),
        invoke: ObservedPart::from_answer(invoke),
        dispatcher_mappings: ObservedPart::from_answer(dispatcher_mappings.map(Some)),
        function_mappings: ObservedPart::from_answer(function_mappings.map(Some)),
        failure_queue: ObservedPart::from_answer(failures.map(Some)),
        dead_letter_queue,
        source_queues: BTreeMap::new(),
        rules: ObservedPart::from_answer(rules.map(Some)),
        task_definition: ObservedPart::from_answer(definition.map(Some)),
        cluster: ObservedPart::from_answer(cluster),
        image: ImagePresence::Elsewhere,
        dispatcher_version: version,
        log_groups: BTreeMap::new(),
        permissions: Vec::new(),
        stopped_tasks: ObservedPart::from_answer(stopped_tasks.map(Some)),
        dispatcher: dispatcher_details,
        deployment,
    };
    state.source_queues = source_queues(aws, &state).await;
    state.image = image(aws, &state).await;
    for group in log_groups(&state) {
        let settings = ObservedPart::from_answer(aws.log_group_settings(&group).await);
        state.log_groups.insert(group, settings);
    }
    state.permissions = permissions(aws, &state).await;
    state
}

/// Those that send to the failure queue, or to the dispatcher, and the one that the stack names.
async fn rules(aws: &AwsConnection, deployment: &Deployment) -> Result<Vec<RuleSettings>, CallError> {
    let mut names: BTreeSet<_> = aws.rules_of_target(&deployment.failure_queue.arn).await?.into_iter().collect();
    if names.is_empty()
        && let Ok(dispatcher) = aws.function_details(&deployment.dispatcher, None).await
    {
        names.extend(aws.rules_of_target(&dispatcher.arn).await?);
    }
    names.extend(deployment.rule.clone());
    let mut rules = Vec::new();
    for name in names {
        match aws.rule_settings(&name).await {
            Ok(rule) => rules.push(rule),
            Err(error) if error.is_not_found() => {}
            Err(error) => return Err(error),
        }
    }
    Ok(rules)
}

/// What the stack's output says; no output is no fault.
async fn dispatcher_version(aws: &AwsConnection, deployment: &Deployment) -> Option<String> {
    let stack = aws.stack(deployment.stack.as_deref()?).await.ok()??;
    stack.outputs.into_iter().find(|(name, _)| name == "Version").map(|(_, version)| version)
}

async fn source_queues(aws: &AwsConnection, state: &DeployedState) -> BTreeMap<String, ObservedPart<QueueSettings>> {
    let arns = state.dispatcher.known().map(DeployedState::source_queue_arns).unwrap_or_default();
    let mut queues = BTreeMap::new();
    for arn in arns {
        let settings = queue_by_arn(aws, &arn).await;
        queues.insert(arn, ObservedPart::from_answer(settings.map(Some)));
    }
    queues
}

async fn queue_by_arn(aws: &AwsConnection, arn: &str) -> Result<QueueSettings, CallError> {
    let parts: Vec<_> = arn.split(':').collect();
    let url = aws.queue_url(parts.last().copied().unwrap_or_default(), parts.get(4).copied()).await?;
    aws.queue_settings(&url).await
}

/// The repository and the tag, or the digest behind an `@`, of an image of the function's account and region.
fn own_image<'a>(definition: &'a TaskDefinitionSettings, function: &FunctionDetails) -> Option<(&'a str, &'a str)> {
    let parts: Vec<_> = function.arn.split(':').collect();
    let (region, account) = (parts.get(3)?, parts.get(4)?);
    let (registry, rest) = definition.image.split_once('/')?;
    let is_own = registry.starts_with(&format!("{account}.dkr.ecr.{region}."));
    let (repository, reference) = match rest.split_once('@') {
        Some((repository, _)) => (repository.split(':').next()?, &rest[rest.find('@')?..]),
        None => rest.split_once(':').unwrap_or((rest, "latest")),
    };
    is_own.then_some((repository, reference))
}

async fn image(aws: &AwsConnection, state: &DeployedState) -> ImagePresence {
    let known = state.task_definition.known().zip(state.function.known());
    let Some((repository, reference)) = known.and_then(|(definition, function)| own_image(definition, function)) else {
        return ImagePresence::Elsewhere;
    };
    let is_there = aws.has_image(repository, reference).await;
    ImagePresence::InRegistry(ObservedPart::from_answer(is_there.map(|is_there| is_there.then_some(()))))
}

fn log_groups(state: &DeployedState) -> BTreeSet<String> {
    let definition = state.task_definition.known().and_then(|definition| definition.log_options.as_ref());
    let of_tasks = definition.and_then(|options| options.get("awslogs-group")).cloned();
    let Deployment { function_logs, dispatcher_logs, .. } = &state.deployment;
    [Some(function_logs.clone()), Some(dispatcher_logs.clone()), of_tasks].into_iter().flatten().collect()
}

/// What the first call is denied, the others are too.
async fn permissions(aws: &AwsConnection, state: &DeployedState) -> Vec<RolePermission> {
    let mut permissions = Vec::new();
    let mut refusal = None;
    for (whose, simulated) in wanted_permissions(&subject(state)) {
        let decisions = match &refusal {
            Some(why) => ObservedPart::Unknown(String::clone(why)),
            None => ObservedPart::from_answer(aws.simulate(&simulated).await.map(Some)),
        };
        if let ObservedPart::Unknown(why) = &decisions {
            refusal = Some(why.clone());
        }
        permissions.push(RolePermission { whose, simulated, decisions });
    }
    permissions
}

fn subject(state: &DeployedState) -> PermissionSubject {
    let (function, dispatcher) = (state.function.known(), state.dispatcher.known());
    let definition = state.task_definition.known();
    let image = definition.zip(function).and_then(|(definition, function)| own_image(definition, function));
    let options = definition.and_then(|definition| definition.log_options.as_ref());
    let key = state.failure_queue.known().and_then(|queue| queue.key.clone());
    PermissionSubject {
        function_arn: function.map(|function| function.arn.clone()).unwrap_or_default(),
        function_role: function.map(|function| function.role.clone()),
        dispatcher_role: dispatcher.map(|dispatcher| dispatcher.role.clone()),
        task_role: definition.and_then(|definition| definition.task_role.clone()),
        execution_role: definition.and_then(|definition| definition.execution_role.clone()),
        failure_queue: Some(state.deployment.failure_queue.arn.clone()),
        dead_letter_queue: state.deployment.dead_letter_queue.as_ref().map(|queue| queue.arn.clone()),
        event_bucket: state.deployment.event_bucket.clone(),
        cluster_arn: state.cluster.known().map(|cluster| cluster.arn.clone()),
        dispatcher_logs: Some(state.deployment.dispatcher_logs.clone()),
        runner_logs: options.and_then(|options| options.get("awslogs-group")).cloned(),
        image_repository: image.map(|(repository, _)| repository.to_owned()),
        // An alias can't be named in a policy.
        key: key.filter(|key| key.starts_with("arn:") && key.contains(":key/")),
        has_layers: function.is_some_and(|function| function.has_layers),
        saves_progress: function.is_some_and(|function| function.variables.contains_key("IMMORTAL_EVENT_BUCKET")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::rules::fixture::{definition, function};

    #[test]
    fn an_image_of_the_accounts_registry_can_be_asked_for() {
        let registry = "1.dkr.ecr.eu-central-1.amazonaws.com";
        let table = [
            (format!("{registry}/team/runner:1"), Some(("team/runner", "1"))),
            (format!("{registry}/runner"), Some(("runner", "latest"))),
            (format!("{registry}/runner@sha256:00"), Some(("runner", "@sha256:00"))),
            (format!("{registry}/runner:1@sha256:00"), Some(("runner", "@sha256:00"))),
            ("2.dkr.ecr.eu-central-1.amazonaws.com/runner:1".to_owned(), None),
            ("1.dkr.ecr.us-east-1.amazonaws.com/runner:1".to_owned(), None),
            ("public.ecr.aws/x/runner:1".to_owned(), None),
            ("runner".to_owned(), None),
        ];
        for (image, expected) in table {
            let definition = TaskDefinitionSettings { image: image.clone(), ..definition() };
            assert_eq!(own_image(&definition, &function()), expected, "{image}");
        }
    }
}
