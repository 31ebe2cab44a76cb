//! `DescribeTasks` and `ListTasks`.

use std::{sync::Arc, time::Duration};

use super::{
    reply::{call_outcome, invalid},
    service::EcsService,
    task::EcsTask,
};
use crate::platform::{ApiError, CallOutcome, FaultKind, lock, parse_json};
use serde::Deserialize;
use serde_json::json;

/// ECS describes and lists stopped tasks for at least an hour; the emulator for exactly an hour:
/// <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ListTasks.html>
const STOPPED_TASK_RETENTION: Duration = Duration::from_hours(1);
/// The most ARNs in one page of `ListTasks`, and the default.
const MAX_RESULTS: usize = 100;

#[derive(Debug, Deserialize)]
struct DescribeTasks {
    cluster: Option<String>,
    #[serde(default)]
    tasks: Vec<String>,
}

pub(super) fn describe_tasks(
    ecs: &Arc<EcsService>,
    body: &[u8],
    fault: Option<&FaultKind>,
) -> Result<CallOutcome, ApiError> {
    let request: DescribeTasks = parse_json(body)?;
    let cluster = ecs.cluster_name(request.cluster.as_deref())?;
    // Source: the `DescribeTasksRequest` shape of the ECS API: up to 100 tasks.
    if request.tasks.is_empty() || request.tasks.len() > 100 {
        return Err(invalid("Tasks must have 1 to 100 entries."));
    }
    let (mut tasks, mut failures) = (Vec::new(), Vec::new());
    for named in request.tasks.iter().filter(|_| !matches!(fault, Some(FaultKind::Empty))) {
        let reason = match fault {
            Some(FaultKind::Failures(reason)) => reason,
            _ => "MISSING",
        };
        let task = ecs
            .find_task(&cluster, named)
            .filter(|task| !task.is_forgotten(ecs.platform.now(), STOPPED_TASK_RETENTION));
        match task {
            Some(task) if !matches!(fault, Some(FaultKind::Failures(_))) => tasks.push(task.describe_for_api()),
            _ => failures.push(json!({ "arn": named, "reason": reason })),
        }
    }
    Ok(call_outcome(&ecs.platform, &json!({ "tasks": tasks, "failures": failures })))
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ListTasks {
    cluster: Option<String>,
    container_instance: Option<String>,
    family: Option<String>,
    service_name: Option<String>,
    launch_type: Option<String>,
    started_by: Option<String>,
    desired_status: Option<String>,
    max_results: Option<usize>,
    next_token: Option<String>,
}

impl ListTasks {
    /// Source: the `ListTasksRequest` shape of the ECS API.
    fn check(&self) -> Result<(), ApiError> {
        // "When you specify `startedBy` as the filter, it must be the only filter that you use."
        let others = [&self.container_instance, &self.family, &self.service_name, &self.launch_type];
        if self.started_by.is_some() && others.iter().any(|other| other.is_some()) {
            return Err(invalid("startedBy must be the only filter that you use."));
        }
        if !["RUNNING", "PENDING", "STOPPED"].contains(&self.desired_status()) {
            return Err(invalid(format!("Invalid desired status: {}", self.desired_status())));
        }
        if !(1..=MAX_RESULTS).contains(&self.max_results.unwrap_or(MAX_RESULTS)) {
            return Err(invalid("maxResults must be between 1 and 100."));
        }
        Ok(())
    }

    fn desired_status(&self) -> &str {
        self.desired_status.as_deref().unwrap_or("RUNNING")
    }

    /// The emulator's tasks belong to no service and no container instance. The desired status PENDING matches no task,
    /// as on Fargate.
    fn selects(&self, task: &EcsTask) -> bool {
        let is = |asked: &Option<String>, own: Option<&str>| asked.is_none() || asked.as_deref() == own;
        task.desired_status() == self.desired_status()
            && is(&self.started_by, task.started_by.as_deref())
            && is(&self.family, Some(&task.family))
            && is(&self.launch_type, Some("FARGATE"))
            && is(&self.service_name, None)
            && is(&self.container_instance, None)
    }
}

pub(super) fn list_tasks(ecs: &Arc<EcsService>, body: &[u8]) -> Result<CallOutcome, ApiError> {
    let request: ListTasks = parse_json(body)?;
    let cluster = ecs.cluster_name(request.cluster.as_deref())?;
    request.check()?;
    let now = ecs.platform.now();
    let tasks = lock(&ecs.tasks).clone();
    // A token is the last task of the previous page: tasks keep their order, and are never removed.
    let begin = match &request.next_token {
        None => 0,
        Some(token) => {
            let last = tasks.iter().position(|task| task.cluster == cluster && task.id() == token);
            last.ok_or_else(|| invalid("Invalid token."))? + 1
        }
    };
    let selected = |task: &&Arc<EcsTask>| {
        task.cluster == cluster && !task.is_forgotten(now, STOPPED_TASK_RETENTION) && request.selects(task)
    };
    let mut listed = tasks[begin..].iter().filter(selected).peekable();
    let page: Vec<_> = listed.by_ref().take(request.max_results.unwrap_or(MAX_RESULTS)).collect();
    let arns: Vec<_> = page.iter().map(|task| task.arn.as_str()).collect();
    let mut answer = json!({ "taskArns": arns });
    if let (Some(last), Some(_)) = (page.last(), listed.peek()) {
        answer["nextToken"] = json!(last.id());
    }
    Ok(call_outcome(&ecs.platform, &answer))
}
