//! The queues that trigger the function: whether what fails in Lambda comes from them into the failure queue.

use serde_json::Value;

use super::{name, need, queues::receives};
use crate::{
    aws::QueueSettings,
    doctor::{finding::DoctorFinding, state::DeployedState},
};

pub(super) fn findings(state: &DeployedState) -> Vec<DoctorFinding> {
    state
        .source_queues
        .iter()
        .flat_map(|(arn, queue)| {
            let missing = || {
                let text = format!("there is no queue {arn}, which IMMORTAL_SOURCE_QUEUES names");
                DoctorFinding::fault(
                    "source queue",
                    text,
                    "deploy with SourceQueues of the queues that trigger the function",
                )
            };
            match need("source queue", queue, missing) {
                Ok(queue) => vec![visibility(state, queue), redrive(state, queue), mapping(state, queue)],
                Err(findings) => findings,
            }
        })
        .collect()
}

fn visibility(state: &DeployedState, queue: &QueueSettings) -> DoctorFinding {
    const CHECK: &str = "source visibility";
    let Some(function) = state.function.known() else {
        return DoctorFinding::not_checked(CHECK, "the function's timeout is not known");
    };
    let (own, timeout) = (queue.visibility, function.timeout);
    let text = format!("{} hides a message for {own} s, and the function may take {timeout} s", name(&queue.arn));
    if own < timeout {
        let fix = format!(
            "aws sqs set-queue-attributes --queue-url {} --attributes VisibilityTimeout={}",
            queue.url,
            timeout + 60
        );
        DoctorFinding::fault(CHECK, format!("{text}: it goes to Fargate while it is at work in Lambda"), fix)
    } else {
        DoctorFinding::ok(CHECK, text)
    }
}

fn redrive(state: &DeployedState, queue: &QueueSettings) -> DoctorFinding {
    const CHECK: &str = "source redrive";
    let failures = &state.deployment.failure_queue;
    let policy: Value =
        queue.redrive_policy.as_deref().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    let fix = format!(
        "aws sqs set-queue-attributes --queue-url {} --attributes \
         '{{\"RedrivePolicy\":\"{{\\\"deadLetterTargetArn\\\":\\\"{}\\\",\\\"maxReceiveCount\\\":\\\"1\\\"}}\"}}'",
        queue.url, failures.arn
    );
    let name = name(&queue.arn);
    if queue.is_fifo {
        let text = format!("{name} is a FIFO queue, whose failures go to a FIFO queue alone");
        return DoctorFinding::fault(CHECK, text, "docs/triggers.md says what to do instead");
    }
    if policy["deadLetterTargetArn"].as_str() != Some(failures.arn.as_str()) {
        let text = format!(
            "the redrive policy of {name} does not name {}: what fails in Lambda never comes to Fargate",
            failures.name()
        );
        return DoctorFinding::fault(CHECK, text, fix);
    }
    let allowed = state.failure_queue.known().is_none_or(|failures| allows(failures, &queue.arn));
    if !allowed {
        let text = format!("{} does not allow {name} to send there by its redrive policy", failures.name());
        return DoctorFinding::fault(CHECK, text, "deploy with this queue in SourceQueues");
    }
    match receives(&policy) {
        0 | 1 => DoctorFinding::ok(CHECK, format!("what fails in {name} goes to {} at once", failures.name())),
        receives => DoctorFinding::warning(
            CHECK,
            format!("a message of {name} is tried {receives} times in Lambda first, each for its whole timeout"),
            fix,
        ),
    }
}

/// Whether a queue takes what another one's redrive policy sends; without a policy of its own it takes all.
///
/// Source: `RedriveAllowPolicy` in
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html>
fn allows(failures: &QueueSettings, source: &str) -> bool {
    let Some(policy) = &failures.redrive_allow_policy else { return true };
    let policy: Value = serde_json::from_str(policy).unwrap_or_default();
    match policy["redrivePermission"].as_str() {
        Some("denyAll") => false,
        Some("byQueue") => {
            policy["sourceQueueArns"].as_array().is_some_and(|queues| queues.iter().any(|queue| queue == source))
        }
        _ => true,
    }
}

fn mapping(state: &DeployedState, queue: &QueueSettings) -> DoctorFinding {
    const CHECK: &str = "source mapping";
    let (function, name) = (&state.deployment.function, name(&queue.arn));
    let missing = || DoctorFinding::warning(CHECK, format!("{function} has no mappings"), "docs/triggers.md");
    let mappings = match need(CHECK, &state.function_mappings, missing) {
        Ok(mappings) => mappings,
        Err(findings) => return findings.into_iter().next().unwrap_or_else(missing),
    };
    let Some(mapping) = mappings.iter().find(|mapping| mapping.queue_arn == queue.arn) else {
        let text = format!("no mapping brings what is in {name} to {function}");
        let fix = format!(
            "aws lambda create-event-source-mapping --function-name {function} --event-source-arn {} --batch-size 1 \
             --function-response-types ReportBatchItemFailures",
            queue.arn
        );
        return DoctorFinding::warning(CHECK, text, fix);
    };
    let update = format!("aws lambda update-event-source-mapping --uuid {}", mapping.uuid);
    if !mapping.reports_failures && mapping.batch_size > 1 {
        let text =
            format!("a failed batch of {name} comes back whole, since its mapping has no ReportBatchItemFailures");
        return DoctorFinding::warning(
            CHECK,
            text,
            format!("{update} --function-response-types ReportBatchItemFailures"),
        );
    }
    if mapping.batch_size > 1 {
        let text = format!(
            "a batch of {name} has up to {} messages, and where one takes too long each becomes a task",
            mapping.batch_size
        );
        return DoctorFinding::warning(CHECK, text, format!("{update} --batch-size 1"));
    }
    DoctorFinding::ok(CHECK, format!("{name} brings {function} one message at a time"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        aws::MappingSettings,
        doctor::{
            rules::fixture::{QUEUE, check, failure_queue, mapping, sound},
            state::ObservedPart,
        },
    };

    const SOURCE: &str = "arn:aws:sqs:eu-central-1:1:messages";

    fn queue() -> QueueSettings {
        QueueSettings {
            url: "https://sqs/1/messages".into(),
            arn: SOURCE.into(),
            visibility: 960,
            retention: 345_600,
            redrive_policy: Some(format!(r#"{{"deadLetterTargetArn":"{QUEUE}","maxReceiveCount":1}}"#)),
            ..QueueSettings::default()
        }
    }

    fn with(source: ObservedPart<QueueSettings>) -> DeployedState {
        let own = MappingSettings { uuid: "u-2".into(), queue_arn: SOURCE.into(), batch_size: 1, ..mapping() };
        let function_mappings = ObservedPart::Known(vec![own]);
        DeployedState { source_queues: [(SOURCE.to_owned(), source)].into(), function_mappings, ..sound() }
    }

    fn with_mapping(mapping: Option<MappingSettings>) -> DeployedState {
        let function_mappings = ObservedPart::Known(mapping.into_iter().collect());
        DeployedState { function_mappings, ..with(ObservedPart::Known(queue())) }
    }

    fn allowing(policy: &str) -> DeployedState {
        let failures = QueueSettings { redrive_allow_policy: Some(policy.to_owned()), ..failure_queue() };
        DeployedState { failure_queue: ObservedPart::Known(failures), ..with(ObservedPart::Known(queue())) }
    }

    #[test]
    fn a_function_without_source_queues_has_no_findings() {
        check(&findings(&sound()), &[], "");
    }

    #[test]
    fn what_fails_comes_into_the_failure_queue() {
        let known = |queue: QueueSettings| with(ObservedPart::Known(queue));
        let redrive =
            |policy: &str| known(QueueSettings { redrive_policy: Some(policy.replace("QUEUE", QUEUE)), ..queue() });
        let own = |batch_size, reports_failures| MappingSettings {
            uuid: "u-2".into(),
            queue_arn: SOURCE.into(),
            batch_size,
            reports_failures,
            ..mapping()
        };
        let by_other = r#"{"redrivePermission":"byQueue","sourceQueueArns":["arn:aws:sqs:eu-central-1:1:other"]}"#;
        let by_source = by_other.replace("other", "messages");
        let table = vec![
            (known(queue()), ["ok", "ok", "ok"].as_slice(), "goes to failures at once"),
            (known(QueueSettings { visibility: 30, ..queue() }), &["fault", "ok", "ok"], "VisibilityTimeout=960"),
            (redrive("?"), &["ok", "fault", "ok"], "never comes to Fargate"),
            (
                redrive(r#"{"deadLetterTargetArn":"x","maxReceiveCount":1}"#),
                &["ok", "fault", "ok"],
                "does not name failures",
            ),
            (
                redrive(r#"{"deadLetterTargetArn":"QUEUE","maxReceiveCount":"3"}"#),
                &["ok", "warning", "ok"],
                "tried 3 times",
            ),
            (known(QueueSettings { is_fifo: true, ..queue() }), &["ok", "fault", "ok"], "docs/triggers.md"),
            (allowing(r#"{"redrivePermission":"denyAll"}"#), &["ok", "fault", "ok"], "in SourceQueues"),
            (allowing(by_other), &["ok", "fault", "ok"], "does not allow messages"),
            (allowing(&by_source), &["ok", "ok", "ok"], ""),
            (allowing(r#"{"redrivePermission":"allowAll"}"#), &["ok", "ok", "ok"], ""),
            (with_mapping(None), &["ok", "ok", "warning"], "create-event-source-mapping --function-name hello"),
            (with_mapping(Some(own(10, false))), &["ok", "ok", "warning"], "--uuid u-2 --function-response-types"),
            (with_mapping(Some(own(10, true))), &["ok", "ok", "warning"], "--uuid u-2 --batch-size 1"),
            (with(ObservedPart::Missing), &["fault"], "no queue arn:aws:sqs:eu-central-1:1:messages"),
            (with(ObservedPart::Unknown("denied: sqs:X".into())), &["not-checked"], "sqs:X"),
        ];
        for (state, levels, words) in table {
            check(&findings(&state), levels, words);
        }
    }
}
