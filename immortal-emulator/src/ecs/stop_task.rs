//! `StopTask`.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::json;

use super::{answered, invalid, parse};
use crate::{
    StopCode,
    api::{ApiError, Outcome},
    cloud::Cloud,
};

#[derive(Debug, Deserialize)]
struct StopTask {
    cluster: Option<String>,
    #[serde(default)]
    task: String,
    reason: Option<String>,
}

pub(super) fn stop_task(cloud: &Arc<Cloud>, body: &[u8]) -> Result<Outcome, ApiError> {
    let request: StopTask = parse(body)?;
    let cluster = cloud.clusters.cluster(request.cluster.as_deref())?;
    let task = cloud.clusters.task(&cluster, &request.task);
    let task = task.ok_or_else(|| invalid("The referenced task was not found."))?;
    let reason = request.reason.unwrap_or_else(|| "Task stopped by user".to_owned());
    // Source: the `StopTaskRequest` shape of the ECS API: up to 1024 characters.
    if reason.chars().count() > 1024 {
        return Err(invalid("reason must have up to 1024 characters."));
    }
    task.stop(StopCode::UserInitiated, &reason, task.stop_timeout);
    Ok(answered(cloud, &json!({ "task": task.describe_for_api() })))
}
