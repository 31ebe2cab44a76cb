//! The events about a task's changes, and the rules that hand them to functions and queues.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use serde_json::{Value, json};

use super::task::Task;
use crate::{
    ACCOUNT, How, REGION, RuleTarget, TaskRule,
    cloud::{Cloud, lock},
    lambda::invoke::accept,
};

/// Tells each rule that asks for it of the task's present state.
///
/// Source of the shape: <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs_task_events.html>; that events
/// may come twice, and in another order: <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs_cwet_handling.html>
pub(super) fn tell(cloud: &Arc<Cloud>, task: &Task) {
    let rules = lock(&cloud.clusters.rules).clone();
    for rule in rules.iter().filter(|rule| matches(rule, task)) {
        let fault = cloud.faults.hit("TaskStateChange", task.started_by.as_deref());
        let mut event = event(cloud, task);
        let (mut times, mut late) = (1, Duration::ZERO);
        match fault {
            Some(How::Twice) => times = 2,
            Some(How::Late(delay)) => late = delay,
            Some(How::WithoutOverrides) => event["detail"]["overrides"] = json!({ "containerOverrides": [] }),
            Some(How::WithoutStopCode) => drop(event["detail"].as_object_mut().map(|detail| detail.remove("stopCode"))),
            _ => {}
        }
        for _ in 0..times {
            deliver(cloud, &rule.target, event.to_string(), task.started_by.clone(), late);
        }
    }
}

fn matches(rule: &TaskRule, task: &Task) -> bool {
    let status = task.last_status();
    let status = rule.last_status.is_empty() || rule.last_status.iter().any(|one| one == status);
    status && rule.family.as_ref().is_none_or(|family| *family == task.family)
}

fn deliver(cloud: &Arc<Cloud>, target: &RuleTarget, event: String, started_by: Option<String>, late: Duration) {
    if late.is_zero() {
        return deliver_now(cloud, target, event, started_by.as_deref());
    }
    let (cloud, target, under_way) = (Arc::clone(cloud), target.clone(), cloud.activity.begin());
    cloud.runtime.clone().spawn(async move {
        tokio::time::sleep(late).await;
        deliver_now(&cloud, &target, event, started_by.as_deref());
        drop(under_way);
    });
}

/// Invokes a rule's target, or sends to it. A target that is gone fails silently, in AWS too.
fn deliver_now(cloud: &Arc<Cloud>, target: &RuleTarget, event: String, started_by: Option<&str>) {
    match target {
        RuleTarget::Function(function) => drop(accept(cloud, function, None, event.into())),
        RuleTarget::Queue(queue) => drop(cloud.queues.deliver(cloud, queue, event, BTreeMap::new(), started_by)),
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
