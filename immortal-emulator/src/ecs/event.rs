//! The events about a task's changes, and the rules that hand them to functions.

use std::{sync::Arc, time::Duration};

use serde_json::{Value, json};

use super::task::Task;
use crate::{
    ACCOUNT, How, REGION,
    cloud::{Cloud, lock},
    lambda::invoke::accept,
};

/// Tells each rule that asks for it of the task's present state.
///
/// Source of the shape: <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs_task_events.html>; that events
/// may come twice, and in another order: <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs_cwet_handling.html>
pub(super) fn tell(cloud: &Arc<Cloud>, task: &Task) {
    let status = task.last_status();
    let rules = lock(&cloud.clusters.rules).clone();
    let asked = |statuses: &[String]| statuses.is_empty() || statuses.iter().any(|one| one == status);
    for rule in rules.iter().filter(|rule| asked(&rule.last_status)) {
        let fault = cloud.faults.hit("TaskStateChange", task.started_by.as_deref());
        let mut event = event(cloud, task);
        let (mut times, mut late) = (1, Duration::ZERO);
        match fault {
            Some(How::Twice) => times = 2,
            Some(How::Late(delay)) => late = delay,
            Some(How::WithoutOverrides) => event["detail"]["overrides"] = json!({ "containerOverrides": [] }),
            _ => {}
        }
        for _ in 0..times {
            deliver(cloud, &rule.function, event.to_string(), late);
        }
    }
}

/// Invokes a rule's target. A target that is gone fails silently, in AWS too.
fn deliver(cloud: &Arc<Cloud>, function: &str, event: String, late: Duration) {
    if late.is_zero() {
        let _ = accept(cloud, function, None, event.into());
        return;
    }
    let (cloud, function, under_way) = (Arc::clone(cloud), function.to_owned(), cloud.activity.begin());
    cloud.runtime.clone().spawn(async move {
        tokio::time::sleep(late).await;
        let _ = accept(&cloud, &function, None, event.into());
        drop(under_way);
    });
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
