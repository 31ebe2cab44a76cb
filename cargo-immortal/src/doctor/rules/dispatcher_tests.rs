use super::*;
use crate::{
    aws::{FunctionDetails, QueueSettings, RuleTarget},
    doctor::rules::fixture::{QUEUE, RULE, check, dispatcher, failure_queue, mapping, rule, sound},
};

const SOUND: [&str; 5] = ["ok"; 5];

fn with_variables(change: impl Fn(&mut FunctionDetails)) -> DeployedState {
    let mut dispatcher = dispatcher();
    change(&mut dispatcher);
    DeployedState { dispatcher: ObservedPart::Known(dispatcher), ..sound() }
}

fn with_mapping(mapping: Option<MappingSettings>) -> DeployedState {
    DeployedState { dispatcher_mappings: ObservedPart::Known(mapping.into_iter().collect()), ..sound() }
}

fn with_rules(rules: Vec<RuleSettings>) -> DeployedState {
    DeployedState { rules: ObservedPart::Known(rules), ..sound() }
}

fn with_policy(policy: &str) -> DeployedState {
    let queue = QueueSettings { policy: Some(policy.to_owned()), ..failure_queue() };
    DeployedState { failure_queue: ObservedPart::Known(queue), ..sound() }
}

/// The levels of all findings, of which these differ from a sound deployment's.
fn check_but(state: &DeployedState, at: usize, levels: &[&str], words: &str) {
    let mut expected = SOUND.to_vec();
    expected.splice(at..=at, levels.iter().copied());
    check(&findings(state), &expected, words);
}

#[test]
fn the_dispatcher_knows_whose_events_it_gets() {
    check(&findings(&sound()), &SOUND, "helloDlq dispatches for hello");
    let without = |name: &'static str| with_variables(move |dispatcher| drop(dispatcher.variables.remove(name)));
    check_but(&without("IMMORTAL_RUNNER"), 0, &["fault"], "no variable IMMORTAL_RUNNER");
    check_but(&without("IMMORTAL_SUBNETS"), 0, &["fault"], "no variable IMMORTAL_SUBNETS");
    check_but(&without("IMMORTAL_EVENT_BUCKET"), 0, &["warning"], "has no bucket");
    for (named, words) in [("other:live", "dispatches for other"), ("arn:aws:s3:::hello", "names no function")] {
        let other = with_variables(|dispatcher| {
            dispatcher.variables.insert("IMMORTAL_FUNCTION".into(), named.into());
        });
        check_but(&other, 0, &["fault"], words);
    }
    let failed = with_variables(|dispatcher| dispatcher.failed_update = Some("no key".into()));
    check_but(&failed, 0, &["fault"], "failed: no key");
    check_but(&DeployedState { dispatcher: ObservedPart::Missing, ..sound() }, 0, &["fault"], "no function helloDlq");
}

#[test]
fn the_queue_is_read_and_batches_come_back_in_part() {
    check_but(
        &with_mapping(Some(MappingSettings { state: "Disabled".into(), ..mapping() })),
        1,
        &["warning"],
        "cargo immortal resume",
    );
    check_but(
        &with_mapping(Some(MappingSettings { state: "Deleting".into(), ..mapping() })),
        1,
        &["fault"],
        "being deleted",
    );
    check_but(
        &with_mapping(Some(MappingSettings { reports_failures: false, ..mapping() })),
        2,
        &["fault"],
        "--uuid u-1 --function-response-types",
    );
    for mappings in [None, Some(MappingSettings { queue_arn: "arn:aws:sqs:r:1:other".into(), ..mapping() })] {
        let expected = ["ok", "fault", "ok", "ok"];
        check(&findings(&with_mapping(mappings)), &expected, "create-event-source-mapping --function-name helloDlq");
    }
    let unknown = DeployedState { dispatcher_mappings: ObservedPart::Unknown("denied: lambda:X".into()), ..sound() };
    check(&findings(&unknown), &["ok", "not-checked", "ok", "ok"], "denied: lambda:X");
}

#[test]
fn a_stopped_task_comes_into_the_failure_queue() {
    let target = |arn: &str, safe| RuleTarget { arn: arn.into(), has_dead_letter_queue: safe };
    let dispatcher = "arn:aws:lambda:eu-central-1:1:function:helloDlq";
    let one = |rule| with_rules(vec![rule]);
    let of_other = rule().pattern.replace("/hello:", "/hello2:");
    let by_group = r#"{"source":["aws.ecs"],"detail":{"group":["family:hello"]}}"#.to_owned();
    check_but(&one(RuleSettings { is_enabled: false, ..rule() }), 3, &["fault"], "enable-rule --name hello-stopped");
    check_but(
        &one(RuleSettings { targets: vec![target(QUEUE, false)], ..rule() }),
        3,
        &["warning"],
        "dropped after a day",
    );
    check_but(&one(RuleSettings { pattern: by_group, ..rule() }), 3, &["ok"], "puts them into failures");
    let table = [
        (with_rules(vec![]), "fault", "put-rule --name hello-stopped"),
        (DeployedState { rules: ObservedPart::Missing, ..sound() }, "fault", "no rule sends stopped tasks"),
        (one(RuleSettings { targets: vec![], ..rule() }), "fault", "put-targets --rule hello-stopped"),
        (one(RuleSettings { pattern: of_other, ..rule() }), "fault", "not about the tasks of hello"),
        (one(RuleSettings { pattern: "?".into(), ..rule() }), "fault", "not about the tasks of hello"),
        (
            one(RuleSettings { targets: vec![target(dispatcher, true)], ..rule() }),
            "warning",
            "to the dispatcher itself",
        ),
        (
            DeployedState { rules: ObservedPart::Unknown("denied: events:X".into()), ..sound() },
            "not-checked",
            "events:X",
        ),
    ];
    for (state, level, words) in table {
        check(&findings(&state), &["ok", "ok", "ok", level], words);
    }
}

#[test]
fn the_queue_lets_the_rule_in() {
    let statement = |principal: &str, action: &str, source: &str| {
        format!(
            r#"{{"Statement":[{{"Effect":"Allow","Principal":{principal},"Action":{action},"Resource":"*","Condition":{{"ArnEquals":{{"aws:SourceArn":"{source}"}}}}}}]}}"#
        )
    };
    let events = r#"{"Service":"events.amazonaws.com"}"#;
    let table = [
        (statement(events, r#""sqs:SendMessage""#, RULE), "ok"),
        (statement(events, r#"["SQS:SendMessage","sqs:GetQueueUrl"]"#, RULE), "ok"),
        (statement(events, r#""sqs:*""#, "arn:aws:events:eu-central-1:1:rule/*"), "ok"),
        (r#"{"Statement":{"Effect":"Allow","Principal":"*","Action":"sqs:SendMessage"}}"#.to_owned(), "ok"),
        (statement(events, r#""sqs:SendMessage""#, "arn:aws:events:eu-central-1:1:rule/other"), "fault"),
        (statement(events, r#""sqs:ReceiveMessage""#, RULE), "fault"),
        (statement(r#"{"Service":"sns.amazonaws.com"}"#, r#""sqs:SendMessage""#, RULE), "fault"),
        (statement(events, r#""sqs:SendMessage""#, RULE).replace("Allow", "Deny"), "fault"),
        (String::new(), "fault"),
    ];
    for (policy, level) in table {
        check_but(&with_policy(&policy), 4, &[level], "failures");
    }
}
