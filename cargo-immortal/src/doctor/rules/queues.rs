//! Whether the failure queue keeps events until they are dispatched, and the dead-letter queue what was given up.

use serde_json::Value;

use super::{name, need};
use crate::{
    aws::QueueSettings,
    doctor::{finding::DoctorFinding, state::DeployedState},
};

/// The longest that SQS keeps a message, in seconds.
const LONGEST_RETENTION: u32 = 14 * 24 * 60 * 60;

/// Fewer receives than this are used up by events that wait for capacity.
const FEWEST_RECEIVES: u64 = 100;

pub(super) fn findings(state: &DeployedState) -> Vec<DoctorFinding> {
    let mut findings = failure_queue(state);
    findings.extend(dead_letter_queue(state));
    findings
}

fn failure_queue(state: &DeployedState) -> Vec<DoctorFinding> {
    let missing = || {
        let name = state.deployment.failure_queue.name();
        DoctorFinding::fault("failure queue", format!("there is no queue {name}"), "deploy the stack again")
    };
    let queue = match need("failure queue", &state.failure_queue, missing) {
        Ok(queue) => queue,
        Err(findings) => return findings,
    };
    let mut findings = vec![visibility(state, queue), retention("failure queue", queue), redrive(state, queue)];
    findings.extend(key(queue));
    if queue.is_fifo {
        let text = format!("{} is a FIFO queue, which Lambda doesn't send failures to", name(&queue.arn));
        findings.push(DoctorFinding::fault("failure queue", text, "take a standard queue"));
    }
    findings
}

/// Lambda refuses a mapping below the function's timeout, and asks for six times as much:
/// <https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html>
fn visibility(state: &DeployedState, queue: &QueueSettings) -> DoctorFinding {
    const CHECK: &str = "visibility";
    let Some(dispatcher) = state.dispatcher.known() else {
        return DoctorFinding::not_checked(CHECK, "the dispatcher's timeout is not known");
    };
    let (own, timeout) = (queue.visibility, dispatcher.timeout);
    let fix = format!(
        "aws sqs set-queue-attributes --queue-url {} --attributes VisibilityTimeout={}",
        queue.url,
        timeout.saturating_mul(6)
    );
    let text = format!("{} hides a message for {own} s, and the dispatcher may take {timeout} s", name(&queue.arn));
    if own < timeout {
        DoctorFinding::fault(CHECK, format!("{text}: it comes back while it is at work"), fix)
    } else if own < timeout.saturating_mul(6) {
        DoctorFinding::warning(CHECK, format!("{text}; AWS advises six times as long"), fix)
    } else {
        DoctorFinding::ok(CHECK, text)
    }
}

fn retention(check: &'static str, queue: &QueueSettings) -> DoctorFinding {
    let (name, days) = (name(&queue.arn), queue.retention / (24 * 60 * 60));
    if queue.retention >= LONGEST_RETENTION {
        return DoctorFinding::ok(check, format!("{name} keeps messages for 14 days"));
    }
    DoctorFinding::warning(
        check,
        format!("{name} keeps a message for {days} days, and then drops it"),
        format!(
            "aws sqs set-queue-attributes --queue-url {} --attributes MessageRetentionPeriod={LONGEST_RETENTION}",
            queue.url
        ),
    )
}

/// SQS moves dead letters back only from a queue that some redrive policy names:
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_StartMessageMoveTask.html>
fn redrive(state: &DeployedState, queue: &QueueSettings) -> DoctorFinding {
    const CHECK: &str = "redrive";
    let policy: Value =
        queue.redrive_policy.as_deref().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    let target = policy["deadLetterTargetArn"].as_str();
    let receives = receives(&policy);
    let dead_letters = state.deployment.dead_letter_queue.as_ref();
    let wanted = dead_letters.map_or("DEADLETTERQUEUEARN", |queue| &queue.arn);
    let fix = format!(
        "aws sqs set-queue-attributes --queue-url {} --attributes \
         '{{\"RedrivePolicy\":\"{{\\\"deadLetterTargetArn\\\":\\\"{wanted}\\\",\\\"maxReceiveCount\\\":\\\"1000\\\"}}\"}}'",
        queue.url
    );
    let name = self::name(&queue.arn);
    match (target, dead_letters) {
        (None, _) => DoctorFinding::fault(
            CHECK,
            format!(
                "{name} has no redrive policy: a message that the dispatcher fails on comes back until it expires, and SQS moves no dead letter back"
            ),
            fix,
        ),
        (Some(target), Some(dead_letters)) if target != dead_letters.arn => DoctorFinding::fault(
            CHECK,
            format!(
                "the redrive policy of {name} names {}, and not the dead-letter queue {}",
                self::name(target),
                dead_letters.name()
            ),
            fix,
        ),
        _ if receives < FEWEST_RECEIVES => DoctorFinding::warning(
            CHECK,
            format!(
                "{name} gives a message up after {receives} receives, which an event that waits for capacity uses up"
            ),
            fix,
        ),
        _ => DoctorFinding::ok(
            CHECK,
            format!("what the dispatcher fails on {receives} times leaves {name} for the dead-letter queue"),
        ),
    }
}

/// SQS takes it as a number or as text.
pub(super) fn receives(policy: &Value) -> u64 {
    let count = &policy["maxReceiveCount"];
    count.as_u64().or_else(|| count.as_str()?.parse().ok()).unwrap_or_default()
}

/// Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-key-management.html>
fn key(queue: &QueueSettings) -> Option<DoctorFinding> {
    const CHECK: &str = "kms";
    let (key, name) = (queue.key.as_deref()?, name(&queue.arn));
    Some(if key.ends_with("alias/aws/sqs") {
        DoctorFinding::fault(
            CHECK,
            format!(
                "{name} is encrypted with alias/aws/sqs, with which EventBridge can't write: no attempt follows a stopped task"
            ),
            format!(
                "aws sqs set-queue-attributes --queue-url {} --attributes KmsMasterKeyId=,SqsManagedSseEnabled=true",
                queue.url
            ),
        )
    } else {
        DoctorFinding::not_checked(
            CHECK,
            format!(
                "{name} is encrypted with {key}, whose policy must let events.amazonaws.com use it (kms:GetKeyPolicy): \
                 aws kms get-key-policy --key-id {key} --policy-name default"
            ),
        )
    })
}

fn dead_letter_queue(state: &DeployedState) -> Vec<DoctorFinding> {
    const CHECK: &str = "dead letters";
    let dispatcher = &state.deployment.dispatcher;
    let Some(queue) = &state.dead_letter_queue else {
        return vec![DoctorFinding::warning(
            CHECK,
            format!("{dispatcher} has no dead-letter queue: what is given up goes back to its queue"),
            format!("set IMMORTAL_DEAD_LETTER_QUEUE of {dispatcher} to the URL of a queue"),
        )];
    };
    let missing = || {
        let text = "the dead-letter queue isn't there: what is given up goes back to its queue";
        DoctorFinding::fault(
            CHECK,
            text,
            format!("make it, and set IMMORTAL_DEAD_LETTER_QUEUE of {dispatcher} to its URL"),
        )
    };
    match need(CHECK, queue, missing) {
        Ok(queue) => {
            let mut findings = vec![retention(CHECK, queue)];
            findings.extend(key(queue));
            findings
        }
        Err(findings) => findings,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::{
        rules::fixture::{check, dead_letter_queue, failure_queue, sound},
        state::ObservedPart,
    };

    fn with(queue: QueueSettings) -> DeployedState {
        DeployedState { failure_queue: ObservedPart::Known(queue), ..sound() }
    }

    fn dead(queue: Option<ObservedPart<QueueSettings>>) -> DeployedState {
        DeployedState { dead_letter_queue: queue, ..sound() }
    }

    #[test]
    fn the_failure_queue_keeps_events_until_they_are_dispatched() {
        let redrive = |policy: &str| with(QueueSettings { redrive_policy: Some(policy.to_owned()), ..failure_queue() });
        let keyed = |key: &str| with(QueueSettings { key: Some(key.to_owned()), ..failure_queue() });
        let table = vec![
            (sound(), ["ok", "ok", "ok", "ok"].as_slice(), "hides a message for 360 s"),
            (
                with(QueueSettings { visibility: 30, ..failure_queue() }),
                &["fault", "ok", "ok", "ok"],
                "VisibilityTimeout=360",
            ),
            (with(QueueSettings { visibility: 60, ..failure_queue() }), &["warning", "ok", "ok", "ok"], "six times"),
            (
                with(QueueSettings { retention: 345_600, ..failure_queue() }),
                &["ok", "warning", "ok", "ok"],
                "MessageRetentionPeriod=1209600",
            ),
            (
                with(QueueSettings { redrive_policy: None, ..failure_queue() }),
                &["ok", "ok", "fault", "ok"],
                r#"'{"RedrivePolicy":"{\"deadLetterTargetArn\":\"arn:aws:sqs:eu-central-1:1:dead-letters\""#,
            ),
            (
                redrive(r#"{"deadLetterTargetArn":"arn:aws:sqs:eu-central-1:1:x","maxReceiveCount":1000}"#),
                &["ok", "ok", "fault", "ok"],
                "names x, and not the dead-letter queue dead-letters",
            ),
            (
                redrive(r#"{"deadLetterTargetArn":"arn:aws:sqs:eu-central-1:1:dead-letters","maxReceiveCount":"5"}"#),
                &["ok", "ok", "warning", "ok"],
                "after 5 receives",
            ),
            (keyed("alias/aws/sqs"), &["ok", "ok", "ok", "fault", "ok"], "EventBridge can't write"),
            (keyed("arn:aws:kms:r:1:key/a"), &["ok", "ok", "ok", "not-checked", "ok"], "kms:GetKeyPolicy"),
            (with(QueueSettings { is_fifo: true, ..failure_queue() }), &["ok", "ok", "ok", "fault", "ok"], "FIFO"),
            (DeployedState { failure_queue: ObservedPart::Missing, ..sound() }, &["fault", "ok"], "no queue failures"),
            (
                DeployedState { dispatcher: ObservedPart::Unknown("denied".into()), ..sound() },
                &["not-checked", "ok", "ok", "ok"],
                "timeout is not known",
            ),
        ];
        for (state, levels, words) in table {
            check(&findings(&state), levels, words);
        }
    }

    #[test]
    fn what_is_given_up_is_kept() {
        let short = QueueSettings { retention: 60, ..dead_letter_queue() };
        let table = [
            (dead(None), "warning", "set IMMORTAL_DEAD_LETTER_QUEUE of helloDlq"),
            (dead(Some(ObservedPart::Missing)), "fault", "isn't there"),
            (
                dead(Some(ObservedPart::Unknown("denied: sqs:GetQueueAttributes".into()))),
                "not-checked",
                "sqs:GetQueueAttributes",
            ),
            (dead(Some(ObservedPart::Known(short))), "warning", "keeps a message for 0 days"),
        ];
        for (state, level, words) in table {
            check(&findings(&state), &["ok", "ok", "ok", level], words);
        }
    }
}
