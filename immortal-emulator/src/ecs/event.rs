//! The events about a task's changes, and the rules that hand them to functions.

use std::sync::Arc;

use serde_json::{Value, json};

use super::task::Task;
use crate::{
    ACCOUNT, How, REGION,
    cloud::{Cloud, lock},
    lambda::invoke::accept,
};

/// Tells each rule that asks for it of the task's present state.
///
/// Source of the shape: <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs_task_events.html>
pub(super) fn tell(cloud: &Arc<Cloud>, task: &Task) {
    let status = task.last_status();
    let rules = lock(&cloud.clusters.rules).clone();
    let asked = |statuses: &[String]| statuses.is_empty() || statuses.iter().any(|one| one == status);
    for rule in rules.iter().filter(|rule| asked(&rule.last_status)) {
        let fault = if status == "STOPPED" { cloud.faults.hit("TaskStateChange") } else { None };
        let mut event = event(cloud, task);
        let mut times = 1;
        match fault {
            Some(How::Twice) => times = 2,
            Some(How::WithoutOverrides) => event["detail"]["overrides"] = json!({ "containerOverrides": [] }),
            _ => {}
        }
        for _ in 0..times {
            // A rule whose target is gone fails silently, in AWS too.
            let _ = accept(cloud, &rule.function, None, event.to_string().into());
        }
    }
}

fn event(cloud: &Cloud, task: &Task) -> Value {
    let now = cloud.now();
    json!({
        "version": "0",
        "id": cloud.uuid(),
        "detail-type": "ECS Task State Change",
        "source": "aws.ecs",
        "account": ACCOUNT,
        "time": now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        "region": REGION,
        "resources": [task.arn],
        "detail": task.describe_for_event(now),
    })
}
