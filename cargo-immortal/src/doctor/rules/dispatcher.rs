//! Whether the dispatcher gets the failed events, and knows whose they are.

use immortal_core::{function::FunctionName, names::env};

use super::{name, need};
use crate::{
    aws::{MappingSettings, RuleSettings},
    doctor::{
        finding::DoctorFinding,
        state::{DeployedState, ObservedPart},
    },
};

pub(super) fn findings(state: &DeployedState) -> Vec<DoctorFinding> {
    let mut findings = match need("dispatcher", &state.dispatcher, || missing(state)) {
        Ok(_) => variables(state),
        Err(findings) => findings,
    };
    findings.extend(mapping(state));
    findings.extend(rule(state));
    findings
}

fn missing(state: &DeployedState) -> DoctorFinding {
    let dispatcher = &state.deployment.dispatcher;
    DoctorFinding::fault("dispatcher", format!("there is no function {dispatcher}"), "deploy the stack again")
}

fn variables(state: &DeployedState) -> Vec<DoctorFinding> {
    const CHECK: &str = "dispatcher";
    let (dispatcher, function) = (&state.deployment.dispatcher, &state.deployment.function);
    let mut findings = Vec::new();
    let required = [(env::RUNNER, env::RUNNER_ARTICLE), (env::SUBNETS, env::SUBNETS_ARTICLE)];
    for (variable, article) in required {
        if state.dispatcher_variable(variable).is_none() && state.dispatcher_variable(article).is_none() {
            let text = format!("{dispatcher} has no variable {variable}, and can't start");
            findings.push(DoctorFinding::fault(
                CHECK,
                text,
                format!("set {variable} of {dispatcher}: docs/reference.md"),
            ));
        }
    }
    let wrong = match state.dispatcher_variable(env::FUNCTION).map(str::parse::<FunctionName>) {
        Some(Ok(named)) if named.name == *function => None,
        Some(Ok(named)) => {
            Some(format!("{dispatcher} dispatches for {}, and refuses what {function} failed on", named.name))
        }
        Some(Err(error)) => Some(format!("{} of {dispatcher} names no function: {error}", env::FUNCTION)),
        // Then its own name says it.
        None => None,
    };
    if let Some(text) = wrong {
        let fix = format!("set {} of {dispatcher} to {function}", env::FUNCTION);
        findings.push(DoctorFinding::fault(CHECK, text, fix));
    }
    if let Some(reason) = state.dispatcher.known().and_then(|dispatcher| dispatcher.failed_update.as_ref()) {
        let text = format!("the last update of {dispatcher} failed: {reason}");
        findings.push(DoctorFinding::fault(CHECK, text, "deploy the stack again"));
    }
    if state.dispatcher_variable(env::EVENT_BUCKET).is_none() {
        findings.push(DoctorFinding::warning(
            CHECK,
            format!("{dispatcher} has no bucket: an event that doesn't fit into a task's order stays in the queue"),
            format!("set {} of {dispatcher} to a bucket", env::EVENT_BUCKET),
        ));
    }
    if findings.is_empty() {
        findings.push(DoctorFinding::ok(CHECK, format!("{dispatcher} dispatches for {function}")));
    }
    findings
}

fn mapping(state: &DeployedState) -> Vec<DoctorFinding> {
    const CHECK: &str = "mapping";
    let (dispatcher, queue) = (&state.deployment.dispatcher, &state.deployment.failure_queue);
    let mappings = match need(CHECK, &state.dispatcher_mappings, || missing(state)) {
        Ok(mappings) => mappings,
        Err(findings) => return findings,
    };
    let Some(mapping) = mappings.iter().find(|mapping| mapping.queue_arn == queue.arn) else {
        return vec![DoctorFinding::fault(
            CHECK,
            format!("nothing brings what is in {} to {dispatcher}", queue.name()),
            format!(
                "aws lambda create-event-source-mapping --function-name {dispatcher} --event-source-arn {} --batch-size 10 \
                 --function-response-types ReportBatchItemFailures --scaling-config MaximumConcurrency=2",
                queue.arn
            ),
        )];
    };
    vec![mapping_state(state, mapping), batches(mapping)]
}

fn mapping_state(state: &DeployedState, mapping: &MappingSettings) -> DoctorFinding {
    const CHECK: &str = "mapping";
    let queue = state.deployment.failure_queue.name();
    match mapping.state.as_str() {
        "Disabled" | "Disabling" => DoctorFinding::warning(
            CHECK,
            format!("paused: what comes into {queue} waits there, and expires after its retention"),
            format!(
                "aws lambda update-event-source-mapping --uuid {} --enabled, or cargo immortal resume",
                mapping.uuid
            ),
        ),
        "Deleting" => {
            DoctorFinding::fault(CHECK, format!("the mapping from {queue} is being deleted"), "deploy the stack again")
        }
        state => DoctorFinding::ok(CHECK, format!("the mapping from {queue} is {}", state.to_lowercase())),
    }
}

fn batches(mapping: &MappingSettings) -> DoctorFinding {
    const CHECK: &str = "partial batches";
    if mapping.reports_failures {
        return DoctorFinding::ok(CHECK, "of a batch, what can't start yet goes back alone");
    }
    DoctorFinding::fault(
        CHECK,
        "the mapping has no ReportBatchItemFailures: what can't start yet is taken for done, and lost",
        format!(
            "aws lambda update-event-source-mapping --uuid {} --function-response-types ReportBatchItemFailures",
            mapping.uuid
        ),
    )
}

fn rule(state: &DeployedState) -> Vec<DoctorFinding> {
    const CHECK: &str = "stopped tasks";
    let rules = match &state.rules {
        ObservedPart::Known(rules) => rules.as_slice(),
        ObservedPart::Missing => &[],
        ObservedPart::Unknown(why) => return vec![DoctorFinding::not_checked(CHECK, why)],
    };
    let (queue, family) = (&state.deployment.failure_queue, state.deployment.task_family());
    let sends = |rule: &&RuleSettings, arn: &str| rule.targets.iter().any(|target| target.arn == arn);
    let matching = || rules.iter().filter(|rule| matches(&rule.pattern, family));
    let dispatcher = state.dispatcher.known().map(|dispatcher| dispatcher.arn.as_str()).unwrap_or_default();
    if let Some(rule) = matching().find(|rule| sends(rule, &queue.arn)) {
        return vec![target(state, rule), queue_policy(state, rule)];
    }
    if let Some(rule) = matching().find(|rule| sends(rule, dispatcher)) {
        let text = format!(
            "{} sends stopped tasks to the dispatcher itself, where Lambda retries them for six hours",
            rule.name
        );
        let fix = format!("aws events put-targets --rule {} --targets Id=failures,Arn={}", rule.name, queue.arn);
        return vec![DoctorFinding::warning(CHECK, text, fix)];
    }
    let (text, fix) = match (matching().next(), rules.first()) {
        (Some(rule), _) => (
            format!("the rule {} has no target {}: no attempt follows a stopped task", rule.name, queue.name()),
            format!("aws events put-targets --rule {} --targets Id=failures,Arn={}", rule.name, queue.arn),
        ),
        (None, Some(rule)) => (
            format!(
                "the pattern of the rule {} is not about the tasks of {family}: no attempt follows a stopped task",
                rule.name
            ),
            put_rule(&rule.name, state),
        ),
        (None, None) => (
            format!("no rule sends stopped tasks to {}: no attempt follows one", queue.name()),
            put_rule(&format!("{family}-stopped"), state),
        ),
    };
    vec![DoctorFinding::fault(CHECK, text, fix)]
}

fn put_rule(rule: &str, state: &DeployedState) -> String {
    let prefix = match state.task_definition.known().and_then(|definition| definition.arn.rsplit_once(':')) {
        Some((prefix, _)) => format!("{prefix}:"),
        None => format!("TASKDEFINITIONARN/{}:", state.deployment.task_family()),
    };
    format!(
        "aws events put-rule --name {rule} --event-pattern '{{\"source\":[\"aws.ecs\"],\"detail-type\":[\"ECS Task State \
         Change\"],\"detail\":{{\"taskDefinitionArn\":[{{\"prefix\":\"{prefix}\"}}],\"lastStatus\":[\"STOPPED\"]}}}}', then \
         aws events put-targets --rule {rule} --targets Id=failures,Arn={}",
        state.deployment.failure_queue.arn
    )
}

/// Whether a pattern is about the tasks of a family: it names the family's definitions or its group, or leaves it open.
fn matches(pattern: &str, family: &str) -> bool {
    let Ok(pattern) = serde_json::from_str::<serde_json::Value>(pattern) else { return false };
    let is_ecs = pattern["source"].as_array().is_some_and(|sources| sources.iter().any(|source| source == "aws.ecs"));
    let (definitions, group) = (&pattern["detail"]["taskDefinitionArn"], &pattern["detail"]["group"]);
    let definitions = definitions.is_null() || definitions.to_string().contains(&format!(":task-definition/{family}:"));
    let group = group.is_null() || group.to_string().contains(&format!("\"family:{family}\""));
    is_ecs && definitions && group
}

fn target(state: &DeployedState, rule: &RuleSettings) -> DoctorFinding {
    const CHECK: &str = "stopped tasks";
    let (queue, name) = (&state.deployment.failure_queue, &rule.name);
    if !rule.is_enabled {
        let text = format!("the rule {name} is disabled: no attempt follows a stopped task");
        return DoctorFinding::fault(CHECK, text, format!("aws events enable-rule --name {name}"));
    }
    let is_safe = rule.targets.iter().any(|target| target.arn == queue.arn && target.has_dead_letter_queue);
    if is_safe || state.deployment.dead_letter_queue.is_none() {
        return DoctorFinding::ok(CHECK, format!("the rule {name} puts them into {}", queue.name()));
    }
    let dead_letters = state.deployment.dead_letter_queue.as_ref().map(|queue| queue.arn.as_str()).unwrap_or_default();
    DoctorFinding::warning(
        CHECK,
        format!(
            "the target of the rule {name} has no dead-letter queue: what can't be delivered is dropped after a day"
        ),
        format!(
            "aws events put-targets --rule {name} --targets \
             '[{{\"Id\":\"failures\",\"Arn\":\"{}\",\"DeadLetterConfig\":{{\"Arn\":\"{dead_letters}\"}}}}]'",
            queue.arn
        ),
    )
}

/// Source: <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html#eb-sqs-permissions>
fn queue_policy(state: &DeployedState, rule: &RuleSettings) -> DoctorFinding {
    const CHECK: &str = "queue policy";
    let queue =
        match need(CHECK, &state.failure_queue, || DoctorFinding::not_checked(CHECK, "there is no failure queue")) {
            Ok(queue) => queue,
            Err(findings) => return findings.into_iter().next().unwrap_or_else(|| DoctorFinding::ok(CHECK, "")),
        };
    let queue_name = name(&queue.arn);
    if lets_in(queue.policy.as_deref().unwrap_or_default(), &rule.arn) {
        return DoctorFinding::ok(CHECK, format!("{queue_name} takes what the rule {} sends", rule.name));
    }
    let policy = serde_json::json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Sid": "StoppedTasks",
            "Effect": "Allow",
            "Principal": { "Service": "events.amazonaws.com" },
            "Action": "sqs:SendMessage",
            "Resource": queue.arn,
            "Condition": { "ArnEquals": { "aws:SourceArn": rule.arn } },
        }],
    });
    let attributes = serde_json::json!({ "Policy": policy.to_string() });
    DoctorFinding::fault(
        CHECK,
        format!("the policy of {queue_name} doesn't let EventBridge send there: no attempt follows a stopped task"),
        format!(
            "aws sqs set-queue-attributes --queue-url {} --attributes '{attributes}' (it replaces the policy that is there)",
            queue.url
        ),
    )
}

/// Whether a queue's policy lets EventBridge send for a rule.
fn lets_in(policy: &str, rule: &str) -> bool {
    let policy: serde_json::Value = serde_json::from_str(policy).unwrap_or_default();
    let statements = match &policy["Statement"] {
        serde_json::Value::Array(statements) => statements.clone(),
        statement => vec![statement.clone()],
    };
    // An action's service may be written in any case.
    let texts = |value: &serde_json::Value| value.to_string().to_lowercase();
    statements.iter().any(|statement| {
        let principal = texts(&statement["Principal"]);
        let action = texts(&statement["Action"]);
        let condition = statement["Condition"].to_string();
        statement["Effect"] == "Allow"
            && (principal.contains("events.amazonaws.com") || principal == "\"*\"")
            && ["\"sqs:sendmessage\"", "\"sqs:*\"", "\"*\""].iter().any(|allowed| action.contains(allowed))
            && (!condition.contains("SourceArn") || condition.contains(rule) || condition.contains('*'))
    })
}

#[cfg(test)]
#[path = "dispatcher_tests.rs"]
mod tests;
