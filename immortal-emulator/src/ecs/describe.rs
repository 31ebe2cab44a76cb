//! `DescribeTasks` and `ListTasks`.

use std::{sync::Arc, time::Duration};

use serde::Deserialize;
use serde_json::json;

use super::{answered, invalid, parse};
use crate::{
    How,
    api::{ApiError, Outcome},
    cloud::{Cloud, lock},
};

/// Stopped tasks can be described for an hour at least; here, for just that.
const KEPT: Duration = Duration::from_hours(1);

#[derive(Debug, Deserialize)]
struct DescribeTasks {
    cluster: Option<String>,
    #[serde(default)]
    tasks: Vec<String>,
}

pub(super) fn describe_tasks(cloud: &Arc<Cloud>, body: &[u8], fault: Option<&How>) -> Result<Outcome, ApiError> {
    let request: DescribeTasks = parse(body)?;
    let cluster = cloud.clusters.cluster(request.cluster.as_deref())?;
    // Source: the `DescribeTasksRequest` shape of the ECS API: up to 100 tasks.
    if request.tasks.is_empty() || request.tasks.len() > 100 {
        return Err(invalid("Tasks must have 1 to 100 entries."));
    }
    let (mut tasks, mut failures) = (Vec::new(), Vec::new());
    for named in request.tasks.iter().filter(|_| !matches!(fault, Some(How::Empty))) {
        let reason = match fault {
            Some(How::Failures(reason)) => reason,
            _ => "MISSING",
        };
        let task = cloud.clusters.task(&cluster, named).filter(|task| !task.is_gone(cloud.now(), KEPT));
        match task {
            Some(task) if !matches!(fault, Some(How::Failures(_))) => tasks.push(task.describe_for_api()),
            _ => failures.push(json!({ "arn": named, "reason": reason })),
        }
    }
    Ok(answered(cloud, &json!({ "tasks": tasks, "failures": failures })))
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ListTasks {
    cluster: Option<String>,
    family: Option<String>,
    started_by: Option<String>,
    desired_status: Option<String>,
}

pub(super) fn list_tasks(cloud: &Arc<Cloud>, body: &[u8]) -> Result<Outcome, ApiError> {
    let request: ListTasks = parse(body)?;
    let cluster = cloud.clusters.cluster(request.cluster.as_deref())?;
    // Source: the `ListTasksRequest` shape of the ECS API: the default is RUNNING; PENDING lists nothing.
    let desired = request.desired_status.as_deref().unwrap_or("RUNNING");
    if !["RUNNING", "PENDING", "STOPPED"].contains(&desired) {
        return Err(invalid(format!("Invalid desired status: {desired}")));
    }
    // "When you specify `startedBy` as the filter, it must be the only filter that you use."
    if request.started_by.is_some() && request.family.is_some() {
        return Err(invalid("startedBy must be the only filter that you use."));
    }
    let now = cloud.now();
    let matches = |task: &super::Task| {
        task.cluster == cluster
            && task.desired() == desired
            && !task.is_gone(now, KEPT)
            && request.started_by.as_ref().is_none_or(|by| task.started_by.as_ref() == Some(by))
            && request.family.as_ref().is_none_or(|family| task.family == *family)
    };
    let tasks = lock(&cloud.clusters.tasks).clone();
    let arns: Vec<_> = tasks.iter().filter(|task| matches(task)).map(|task| task.arn.clone()).collect();
    Ok(answered(cloud, &json!({ "taskArns": arns })))
}
