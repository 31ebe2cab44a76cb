//! A deployment in which everything is as it must be, for the rules' tests.

use std::collections::BTreeMap;

use crate::{
    aws::{
        ActionDecision, ClusterSettings, FunctionDetails, InvokeSettings, LogGroupSettings, MappingSettings,
        QueueSettings, RuleSettings, RuleTarget, SimulatedAction, StoppedTaskReason, TaskDefinitionSettings,
    },
    deployment::{Deployment, QueueAddress},
    doctor::{
        finding::DoctorFinding,
        state::{DeployedState, ImagePresence, ObservedPart, RolePermission},
    },
};

pub(in crate::doctor) const QUEUE: &str = "arn:aws:sqs:eu-central-1:1:failures";
pub(in crate::doctor) const DEAD_LETTERS: &str = "arn:aws:sqs:eu-central-1:1:dead-letters";
pub(in crate::doctor) const RULE: &str = "arn:aws:events:eu-central-1:1:rule/hello-stopped";

/// The levels of all findings in their order, and words that one of them, or its fix, has.
#[track_caller]
pub(in crate::doctor) fn check(findings: &[DoctorFinding], levels: &[&str], words: &str) {
    let level = |finding: &DoctorFinding| {
        serde_json::to_value(finding).expect("plain data")["level"].as_str().map(str::to_owned)
    };
    let found: Vec<_> = findings.iter().filter_map(level).collect();
    let text: Vec<_> = findings.iter().map(ToString::to_string).collect();
    let text = text.join("\n");
    assert_eq!(found, levels, "{text}");
    assert!(text.contains(words), "{words} is not in:\n{text}");
}

pub(in crate::doctor) fn function() -> FunctionDetails {
    FunctionDetails {
        name: "hello".into(),
        arn: "arn:aws:lambda:eu-central-1:1:function:hello".into(),
        role: "arn:aws:iam::1:role/primary".into(),
        runtime: Some("provided.al2023".into()),
        architecture: "x86_64".into(),
        timeout: 900,
        log_group: "/aws/lambda/hello".into(),
        ..FunctionDetails::default()
    }
}

pub(in crate::doctor) fn dispatcher() -> FunctionDetails {
    let variables = [
        ("IMMORTAL_FUNCTION", "hello"),
        ("IMMORTAL_RUNNER", "arn:aws:ecs:eu-central-1:1:task-definition/hello:3"),
        ("IMMORTAL_SUBNETS", "subnet-a,subnet-b"),
        ("IMMORTAL_ASSIGN_PUBLIC_IP", "ENABLED"),
        ("IMMORTAL_EVENT_BUCKET", "events"),
    ];
    FunctionDetails {
        name: "helloDlq".into(),
        arn: "arn:aws:lambda:eu-central-1:1:function:helloDlq".into(),
        role: "arn:aws:iam::1:role/dispatcher".into(),
        timeout: 60,
        variables: variables.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        log_group: "/aws/lambda/helloDlq".into(),
        ..function()
    }
}

pub(in crate::doctor) fn mapping() -> MappingSettings {
    MappingSettings {
        uuid: "u-1".into(),
        queue_arn: QUEUE.into(),
        function_arn: dispatcher().arn,
        state: "Enabled".into(),
        batch_size: 10,
        reports_failures: true,
        max_concurrency: Some(2),
    }
}

pub(in crate::doctor) fn failure_queue() -> QueueSettings {
    QueueSettings {
        url: "https://sqs.eu-central-1.amazonaws.com/1/failures".into(),
        arn: QUEUE.into(),
        visibility: 360,
        retention: 1_209_600,
        redrive_policy: Some(format!(r#"{{"deadLetterTargetArn":"{DEAD_LETTERS}","maxReceiveCount":1000}}"#)),
        policy: Some(format!(
            r#"{{"Statement":[{{"Effect":"Allow","Principal":{{"Service":"events.amazonaws.com"}},"Action":"sqs:SendMessage","Resource":"{QUEUE}","Condition":{{"ArnEquals":{{"aws:SourceArn":"{RULE}"}}}}}}]}}"#
        )),
        ..QueueSettings::default()
    }
}

pub(in crate::doctor) fn dead_letter_queue() -> QueueSettings {
    QueueSettings { arn: DEAD_LETTERS.into(), retention: 1_209_600, ..QueueSettings::default() }
}

pub(in crate::doctor) fn rule() -> RuleSettings {
    RuleSettings {
        name: "hello-stopped".into(),
        arn: RULE.into(),
        is_enabled: true,
        pattern: r#"{"source":["aws.ecs"],"detail-type":["ECS Task State Change"],"detail":{"taskDefinitionArn":[{"prefix":"arn:aws:ecs:eu-central-1:1:task-definition/hello:"}],"lastStatus":["STOPPED"]}}"#.into(),
        targets: vec![RuleTarget { arn: QUEUE.into(), has_dead_letter_queue: true }],
    }
}

pub(in crate::doctor) fn definition() -> TaskDefinitionSettings {
    let text = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    };
    TaskDefinitionSettings {
        arn: "arn:aws:ecs:eu-central-1:1:task-definition/hello:3".into(),
        architecture: "X86_64".into(),
        is_fargate: true,
        task_role: Some("arn:aws:iam::1:role/task".into()),
        execution_role: Some("arn:aws:iam::1:role/execution".into()),
        containers: vec!["runner".into()],
        image: "1.dkr.ecr.eu-central-1.amazonaws.com/hello-runner:0.1.0-0123456789ab".into(),
        stop_timeout: Some(120),
        has_own_limits: false,
        variables: text(&[("IMMORTAL_STOP_TIMEOUT", "120")]),
        log_options: Some(text(&[("awslogs-group", "/aws/ecs/hello"), ("mode", "blocking")])),
    }
}

pub(in crate::doctor) fn cluster() -> ClusterSettings {
    ClusterSettings {
        name: "jobs".into(),
        arn: "arn:aws:ecs:eu-central-1:1:cluster/jobs".into(),
        status: "ACTIVE".into(),
        capacity_providers: vec!["FARGATE".into(), "FARGATE_SPOT".into()],
    }
}

pub(in crate::doctor) fn sound() -> DeployedState {
    let queue = |name: &str| QueueAddress {
        url: format!("https://sqs.eu-central-1.amazonaws.com/1/{name}"),
        arn: format!("arn:aws:sqs:eu-central-1:1:{name}"),
    };
    let groups = ["/aws/ecs/hello", "/aws/lambda/hello", "/aws/lambda/helloDlq"];
    let group = |name: &str| {
        (name.to_owned(), ObservedPart::Known(LogGroupSettings { name: name.to_owned(), retention: Some(30) }))
    };
    let actions = ["ecs:RunTask", "ecs:DescribeTasks"];
    DeployedState {
        deployment: Deployment {
            stack: Some("hello".into()),
            function: "hello".into(),
            qualifier: None,
            dispatcher: "helloDlq".into(),
            cluster: "jobs".into(),
            task_definition: definition().arn,
            container: "runner".into(),
            failure_queue: queue("failures"),
            dead_letter_queue: Some(queue("dead-letters")),
            mapping: Some("u-1".into()),
            event_bucket: Some("events".into()),
            rule: Some("hello-stopped".into()),
            architecture: Some("x86_64".into()),
            function_logs: "/aws/lambda/hello".into(),
            dispatcher_logs: "/aws/lambda/helloDlq".into(),
            task_logs: Some("/aws/ecs/hello".into()),
        },
        function: ObservedPart::Known(function()),
        invoke: ObservedPart::Known(InvokeSettings { retries: Some(0), on_failure: Some(QUEUE.into()) }),
        dispatcher: ObservedPart::Known(dispatcher()),
        dispatcher_mappings: ObservedPart::Known(vec![mapping()]),
        function_mappings: ObservedPart::Known(vec![]),
        failure_queue: ObservedPart::Known(failure_queue()),
        dead_letter_queue: Some(ObservedPart::Known(dead_letter_queue())),
        source_queues: BTreeMap::new(),
        rules: ObservedPart::Known(vec![rule()]),
        task_definition: ObservedPart::Known(definition()),
        cluster: ObservedPart::Known(cluster()),
        image: ImagePresence::InRegistry(ObservedPart::Known(())),
        dispatcher_version: Some("0.1.0".into()),
        log_groups: groups.map(group).into(),
        permissions: vec![RolePermission {
            whose: "the dispatcher's role",
            simulated: SimulatedAction {
                role: dispatcher().role,
                actions: actions.to_vec(),
                resource: "*".into(),
                context: vec![],
            },
            decisions: ObservedPart::Known(
                actions.map(|action| ActionDecision { action: action.into(), is_allowed: true }).to_vec(),
            ),
        }],
        stopped_tasks: ObservedPart::Known(vec![StoppedTaskReason {
            task: "arn:aws:ecs:eu-central-1:1:task/jobs/t1".into(),
            stop_code: "EssentialContainerExited".into(),
            reason: "Essential container in task exited".into(),
            started: true,
        }]),
    }
}
