//! State changes of tasks, and their delivery to the targets of rules.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use serde_json::{Value, json};

use super::rule::{RuleTarget, TaskRule};
use crate::{
    lambda::{LambdaService, accept_event},
    platform::{ACCOUNT, FaultKind, FaultSubject, Platform, REGION, lock},
    sqs::SqsService,
};

/// The rules on task state changes, and the services that their targets belong to.
#[derive(Debug)]
pub(crate) struct TaskEvents {
    pub(crate) platform: Arc<Platform>,
    lambda: Arc<LambdaService>,
    sqs: Arc<SqsService>,
    rules: Mutex<Vec<TaskRule>>,
}

/// A state change of a task.
#[derive(Debug)]
pub(crate) struct TaskChange<'a> {
    pub(crate) arn: &'a str,
    pub(crate) family: &'a str,
    pub(crate) started_by: Option<&'a str>,
    pub(crate) last_status: &'static str,
    /// The event's `detail`: the task.
    pub(crate) detail: Value,
}

impl TaskEvents {
    pub(crate) fn new(platform: Arc<Platform>, lambda: Arc<LambdaService>, sqs: Arc<SqsService>) -> Self {
        Self { platform, lambda, sqs, rules: Mutex::default() }
    }

    pub(crate) fn put_rule(&self, rule: TaskRule) {
        lock(&self.rules).push(rule);
    }

    /// Delivers a state change to the target of each rule that matches.
    ///
    /// Source of the shape: <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs_task_events.html>; events
    /// may be duplicated and reordered:
    /// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs_cwet_handling.html>
    pub(crate) fn publish(&self, change: &TaskChange<'_>) {
        let rules = lock(&self.rules).clone();
        for rule in rules.iter().filter(|rule| matches(rule, change)) {
            let subject = FaultSubject::from_request(change.started_by);
            let fault = self.platform.faults.fault_for_call("TaskStateChange", subject);
            let mut event = self.event(change);
            let (mut times, mut delay) = (1, Duration::ZERO);
            match fault {
                Some(FaultKind::Duplicated) => times = 2,
                Some(FaultKind::Delayed(by)) => delay = by,
                Some(FaultKind::WithoutOverrides) => {
                    event["detail"]["overrides"] = json!({ "containerOverrides": [] });
                }
                Some(FaultKind::WithoutStopCode) => {
                    event["detail"].as_object_mut().map(|detail| detail.remove("stopCode"));
                }
                _ => {}
            }
            for _ in 0..times {
                self.deliver(&rule.target, event.to_string(), change.started_by, delay);
            }
        }
    }

    fn event(&self, change: &TaskChange<'_>) -> Value {
        json!({
            "version": "0",
            "id": self.platform.ids.uuid(),
            "detail-type": "ECS Task State Change",
            "source": "aws.ecs",
            "account": ACCOUNT,
            "time": self.platform.now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            "region": REGION,
            "resources": [change.arn],
            "detail": change.detail,
        })
    }

    fn deliver(&self, target: &RuleTarget, event: String, started_by: Option<&str>, delay: Duration) {
        if delay.is_zero() {
            return invoke_target(&self.lambda, &self.sqs, target, event, started_by);
        }
        let (lambda, sqs, under_way) = (self.lambda.clone(), self.sqs.clone(), self.platform.activity.begin());
        let (target, started_by) = (target.clone(), started_by.map(str::to_owned));
        self.platform.runtime.spawn(async move {
            tokio::time::sleep(delay).await;
            invoke_target(&lambda, &sqs, &target, event, started_by.as_deref());
            drop(under_way);
        });
    }
}

fn matches(rule: &TaskRule, change: &TaskChange<'_>) -> bool {
    let status = rule.last_status.is_empty() || rule.last_status.iter().any(|one| one == change.last_status);
    status && rule.family.as_ref().is_none_or(|family| family == change.family)
}

/// Invokes the target function, or sends to the target queue. A target that does not exist is ignored, as in AWS.
fn invoke_target(
    lambda: &Arc<LambdaService>,
    sqs: &SqsService,
    target: &RuleTarget,
    event: String,
    started_by: Option<&str>,
) {
    match target {
        RuleTarget::Function(function) => drop(accept_event(lambda, function, None, event.into())),
        RuleTarget::Queue(queue) => {
            sqs.deliver(queue, event, BTreeMap::new(), started_by);
        }
    }
}
