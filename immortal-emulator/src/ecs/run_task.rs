//! `RunTask`.
//!
//! The rules are those of the `RunTaskRequest` shape of the ECS API, unless another source is named.

use std::sync::Arc;

use super::{
    overrides::{self, TaskOverrides},
    reply::{call_outcome, invalid},
    service::EcsService,
    task::{EcsTask, LaunchKind, ScriptedEnd},
    token,
};
use crate::platform::{ApiError, CallOutcome, FaultKind, FaultSubject, arn, lock, parse_json};
use serde::Deserialize;
use serde_json::{Value, json, value::RawValue};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RunTaskRequest {
    cluster: Option<String>,
    #[serde(default)]
    task_definition: String,
    count: Option<i64>,
    started_by: Option<String>,
    client_token: Option<String>,
    launch_type: Option<String>,
    #[serde(default)]
    capacity_provider_strategy: Vec<CapacityStrategy>,
    network_configuration: Option<NetworkConfiguration>,
    overrides: Option<Box<RawValue>>,
    platform_version: Option<String>,
    group: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct CapacityStrategy {
    capacity_provider: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct NetworkConfiguration {
    awsvpc_configuration: Option<VpcConfiguration>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct VpcConfiguration {
    #[serde(default)]
    subnets: Vec<String>,
    #[serde(default)]
    security_groups: Vec<String>,
    assign_public_ip: Option<String>,
}

pub(super) fn run_task(ecs: &Arc<EcsService>, body: &[u8], fault: Option<&FaultKind>) -> Result<CallOutcome, ApiError> {
    if !ecs.throttle.try_acquire() {
        return Err(ApiError::new(400, "ThrottlingException", "Rate exceeded"));
    }
    let scripted_end = match fault {
        // A request that started a task is answered with that task, whatever capacity there is now.
        Some(FaultKind::Failures(_)) if has_started(ecs, body) => ScriptedEnd::NotScripted,
        Some(FaultKind::Failures(reason)) => {
            let failure = json!({ "arn": arn("ecs", "container-instance/fargate"), "reason": reason });
            return Ok(call_outcome(&ecs.platform, &json!({ "tasks": [], "failures": [failure] })));
        }
        Some(FaultKind::Empty) => return Ok(call_outcome(&ecs.platform, &json!({ "tasks": [], "failures": [] }))),
        Some(FaultKind::Conflict(tasks)) => return Err(token::conflict(tasks)),
        Some(FaultKind::OverridesTooLong) => return Err(overrides::too_long()),
        // Fargate calls EC2, whose throttling is passed on in this form; observed in production.
        Some(FaultKind::RequestLimitExceeded) => {
            let text = "Error retrieving security group information for [sg-1]: Request limit exceeded. (ErrorCode: RequestLimitExceeded)";
            return Err(invalid(text));
        }
        other => ScriptedEnd::from_fault(other),
    };
    let request: RunTaskRequest = parse_json(body)?;
    let cluster = check_request(&request).and_then(|()| ecs.cluster_name(request.cluster.as_deref()))?;
    let launch = launch_kind(ecs, &cluster, &request)?;
    check_network(request.network_configuration.as_ref())?;
    if request.task_definition.is_empty() {
        return Err(invalid("TaskDefinition cannot be blank."));
    }
    let revision = ecs.find_definition(&request.task_definition);
    let revision = revision.ok_or_else(|| ApiError::new(400, "ClientException", "TaskDefinition not found."))?;
    let overrides = TaskOverrides::parse(request.overrides.as_deref(), &revision)?;
    let parameters: Value = parse_json(body)?;
    let now = ecs.platform.now();
    let raw = request.overrides.as_deref().map_or("{}", RawValue::get);
    let raw: Value = serde_json::from_str(raw).unwrap_or_default();
    let create = || {
        let (started_by, group) = (request.started_by.clone(), request.group.clone());
        EcsTask::new(&ecs.platform, &cluster, &revision, launch, &overrides, raw.clone(), started_by, group)
    };
    // The response describes the task as it was before it started.
    let start = || {
        let task = create();
        let described = task.describe_for_api();
        spawn_task(ecs, Arc::clone(&task), &scripted_end);
        (task, described)
    };
    let start = || (0..request.count.unwrap_or(1)).map(|_| start()).unzip();
    let tasks: Vec<Value> = match &request.client_token {
        Some(token) => ecs.tokens.start_once(&cluster, token, parameters, now, start)?,
        None => start().1,
    };
    Ok(call_outcome(&ecs.platform, &json!({ "tasks": tasks, "failures": [] })))
}

/// Whether this request, by its client token, has started its task before.
fn has_started(ecs: &EcsService, body: &[u8]) -> bool {
    let Ok(request) = parse_json::<RunTaskRequest>(body) else { return false };
    let (Ok(cluster), Some(token)) = (ecs.cluster_name(request.cluster.as_deref()), request.client_token) else {
        return false;
    };
    ecs.tokens.is_used(&cluster, &token, ecs.platform.now())
}

fn spawn_task(ecs: &Arc<EcsService>, task: Arc<EcsTask>, scripted_end: &ScriptedEnd) {
    lock(&ecs.tasks).push(Arc::clone(&task));
    task.record_creation(&ecs.platform);
    let own = ecs.platform.faults.fault_for_call("Task", FaultSubject::from_request(task.started_by.as_deref()));
    let scripted_end = if own.is_some() { ScriptedEnd::from_fault(own.as_ref()) } else { scripted_end.clone() };
    let (under_way, events) = (ecs.platform.activity.begin(), Arc::clone(&ecs.events));
    ecs.platform.runtime.spawn(async move {
        task.run(events, scripted_end).await;
        drop(under_way);
    });
}

fn check_request(request: &RunTaskRequest) -> Result<(), ApiError> {
    if let Some(token) = &request.client_token {
        token::check(token)?;
    }
    // "Up to 128 letters (uppercase and lowercase), numbers, hyphens (-), forward slash (/), and underscores (_)."
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '/' | '_');
    if request.started_by.as_ref().is_some_and(|by| by.len() > 128 || !by.chars().all(is_allowed)) {
        return Err(invalid(
            "startedBy must have up to 128 letters, numbers, hyphens, forward slashes, and underscores.",
        ));
    }
    if !(1..=10).contains(&request.count.unwrap_or(1)) {
        return Err(invalid("Count must be between 1 and 10."));
    }
    match request.platform_version.as_deref() {
        None | Some("LATEST" | "1.4.0" | "1.3.0") => Ok(()),
        Some(_) => {
            Err(ApiError::new(400, "PlatformUnknownException", "The specified platform version does not exist."))
        }
    }
}

/// "If a `capacityProviderStrategy` is specified, the `launchType` parameter must be omitted."
fn launch_kind(ecs: &EcsService, cluster: &str, request: &RunTaskRequest) -> Result<LaunchKind, ApiError> {
    match (request.launch_type.as_deref(), &request.capacity_provider_strategy[..]) {
        (Some(_), [_, ..]) => Err(invalid(
            "Specifying both a launch type and capacity provider strategy is not supported. Remove one and try again.",
        )),
        (Some("FARGATE"), []) => Ok(LaunchKind::Fargate),
        // Without either, the launch type is EC2, and the cluster has no instances.
        (Some("EC2" | "EXTERNAL") | None, []) => Err(invalid("No Container Instances were found in your cluster.")),
        (Some(other), []) => Err(invalid(format!("Invalid launch type: {other}"))),
        (None, strategy) => {
            let providers = lock(&ecs.providers);
            let associated = providers.get(cluster).map(Vec::as_slice).unwrap_or_default();
            if strategy.iter().any(|one| !associated.contains(&one.capacity_provider)) {
                return Err(invalid(
                    "The specified capacity provider strategy cannot contain a capacity provider that is not \
                     associated with the cluster. Associate the capacity provider with the cluster and try again.",
                ));
            }
            let spot = strategy.iter().any(|one| one.capacity_provider == "FARGATE_SPOT");
            Ok(if spot { LaunchKind::Spot } else { LaunchKind::Provider })
        }
    }
}

/// Fargate requires the network mode awsvpc. At most 16 subnets and 5 security groups: the `AwsVpcConfiguration` shape
/// of the ECS API.
fn check_network(network: Option<&NetworkConfiguration>) -> Result<(), ApiError> {
    let Some(vpc) = network.and_then(|network| network.awsvpc_configuration.as_ref()) else {
        return Err(invalid("Network Configuration must be provided when networkMode 'awsvpc' is specified."));
    };
    if vpc.subnets.is_empty() {
        return Err(invalid("subnets can not be empty."));
    }
    if vpc.subnets.len() > 16 || vpc.security_groups.len() > 5 {
        return Err(invalid("at most 16 subnets and 5 security groups can be specified."));
    }
    if let Some(subnet) = vpc.subnets.iter().find(|subnet| !subnet.starts_with("subnet-")) {
        return Err(invalid(format!(
            "Error retrieving subnet information for [{subnet}]: (ErrorCode: InvalidSubnetID.NotFound)"
        )));
    }
    if let Some(group) = vpc.security_groups.iter().find(|group| !group.starts_with("sg-")) {
        return Err(invalid(format!(
            "Error retrieving security group information for [{group}]: (ErrorCode: InvalidGroup.NotFound)"
        )));
    }
    match vpc.assign_public_ip.as_deref() {
        None | Some("ENABLED" | "DISABLED") => Ok(()),
        Some(other) => Err(invalid(format!("Invalid value for assignPublicIp: {other}"))),
    }
}
