//! `StopTask`.

use std::sync::Arc;

use super::{
    reply::{call_outcome, invalid},
    service::EcsService,
};
use crate::platform::{ApiError, CallOutcome, StopCode, parse_json};
use serde::Deserialize;
use serde_json::json;

#[derive(Debug, Deserialize)]
struct StopTask {
    cluster: Option<String>,
    #[serde(default)]
    task: String,
    reason: Option<String>,
}

pub(super) fn stop_task(ecs: &Arc<EcsService>, body: &[u8]) -> Result<CallOutcome, ApiError> {
    let request: StopTask = parse_json(body)?;
    let cluster = ecs.cluster_name(request.cluster.as_deref())?;
    let task = ecs.find_task(&cluster, &request.task);
    let task = task.ok_or_else(|| invalid("The referenced task was not found."))?;
    let reason = request.reason.unwrap_or_else(|| "Task stopped by user".to_owned());
    // Source: the `StopTaskRequest` shape of the ECS API: up to 1024 characters.
    if reason.chars().count() > 1024 {
        return Err(invalid("reason must have up to 1024 characters."));
    }
    task.stop(StopCode::UserInitiated, &reason, task.stop_timeout);
    Ok(call_outcome(&ecs.platform, &json!({ "task": task.describe_for_api() })))
}
