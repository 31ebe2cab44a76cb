//! The endpoints that a container on Fargate has at link-local addresses: credentials and metadata.

use std::{sync::Arc, time::Duration};

use axum::{
    extract::{Path, State},
    response::Response,
};
use serde_json::json;

use super::service::EcsService;
use crate::platform::{ACCOUNT, respond};

/// Source: <https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html>
pub(super) async fn credentials(State(ecs): State<Arc<EcsService>>) -> Response {
    let credentials = json!({
        "RoleArn": format!("arn:aws:iam::{ACCOUNT}:role/task"),
        "AccessKeyId": "ASIAEMULATORTASK0000",
        "SecretAccessKey": "emulator",
        "Token": "emulator",
        "Expiration": (ecs.platform.now() + Duration::from_hours(6)).strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
    });
    respond("application/json", credentials.to_string())
}

/// Source: <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-metadata-endpoint-v4-fargate.html>
pub(super) async fn container_metadata(State(ecs): State<Arc<EcsService>>, Path(container): Path<String>) -> Response {
    let name = ecs.task_by_id(task_id(&container)).map(|task| task.family.clone());
    respond("application/json", json!({ "Name": name, "KnownStatus": "RUNNING", "Limits": {} }).to_string())
}

pub(super) async fn task_metadata(State(ecs): State<Arc<EcsService>>, Path(container): Path<String>) -> Response {
    let task = ecs.task_by_id(task_id(&container));
    let task = task.map(|task| {
        json!({
            "Cluster": task.cluster,
            "TaskARN": task.arn,
            "Family": task.family,
            "DesiredStatus": task.desired_status(),
            "KnownStatus": "RUNNING",
            "LaunchType": "FARGATE",
        })
    });
    respond("application/json", task.unwrap_or_default().to_string())
}

/// The task's id in its container's.
fn task_id(container: &str) -> &str {
    container.split_once('-').map_or(container, |(task, _)| task)
}
