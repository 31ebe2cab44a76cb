//! The template's text: a pure function of the plan.

use super::{
    grants, parameters,
    plan::{FailureDelivery, PrimaryOwner, PrimaryPlan, TemplatePlan},
};
use crate::names::repository;

/// What both templates have after the primary, or after what is attached to one.
const PARTS: [&str; 9] = [
    include_str!("parts/queues.yaml"),
    include_str!("parts/dispatcher.yaml"),
    include_str!("parts/stopped.yaml"),
    include_str!("parts/bucket.yaml"),
    include_str!("parts/task.yaml"),
    include_str!("parts/results.yaml"),
    include_str!("parts/key.yaml"),
    include_str!("parts/alarms.yaml"),
    include_str!("parts/dashboard.yaml"),
];

const OUTPUTS: &str = include_str!("parts/outputs.yaml");

/// Fills the template in.
pub(crate) fn template(plan: &TemplatePlan) -> String {
    let storage = plan.task.storage.map(|gib| format!("      EphemeralStorage:\n        SizeInGiB: {gib}\n"));
    let values = [
        ("name", plan.name.clone()),
        ("version", plan.version.clone()),
        ("repository", repository(&plan.name)),
        ("architecture", plan.architecture.to_string()),
        ("ecs_architecture", plan.architecture.ecs().to_owned()),
        ("cpu", plan.task.cpu.to_string()),
        ("memory", plan.task.memory.to_string()),
        ("storage", storage.unwrap_or_default()),
        ("progress_bucket", if plan.has_progress { PROGRESS_BUCKET } else { "" }.to_owned()),
    ];
    let primary = plan.primary.as_ref().map_or_else(attached, primary_values);
    fill(&whole(plan), &[&values[..], &primary].concat())
}

/// The parts in their order, and in them all that does not depend on the function.
fn whole(plan: &TemplatePlan) -> String {
    let owner = plan.owner();
    let has_source_queue = plan.primary.as_ref().is_some_and(|primary| primary.has_source_queue);
    let (head, primary, output) = match owner {
        PrimaryOwner::ThisStack => (include_str!("parts/own_head.yaml"), include_str!("parts/primary.yaml"), ""),
        PrimaryOwner::OtherStack => (
            include_str!("parts/attached_head.yaml"),
            include_str!("parts/attached.yaml"),
            include_str!("parts/invoke_config.yaml"),
        ),
    };
    let source: &[&str] = if has_source_queue { &[include_str!("parts/source.yaml")] } else { &[] };
    let progress: &[&str] = if plan.has_progress { &[include_str!("parts/progress.yaml")] } else { &[] };
    let resources = [&[primary][..], source, &PARTS, progress].concat().join("\n");
    let output = if has_source_queue { include_str!("parts/source_outputs.yaml") } else { output };
    let text = format!("{head}\n{}\nResources:\n{resources}\n{OUTPUTS}{output}", parameters::yaml(owner));
    let policies = [
        ("grants:primary", grants::PRIMARY, 14),
        ("grants:function", grants::FUNCTION, 10),
        ("grants:source", grants::SOURCE, 10),
        ("grants:results", grants::RESULTS, 10),
        ("grants:progress", grants::PROGRESS, 10),
        ("grants:end_progress", grants::END_PROGRESS, 10),
        ("grants:dispatcher", grants::DISPATCHER, 14),
        ("grants:runner", grants::RUNNER, 14),
        ("grants:execution", grants::EXECUTION, 14),
        ("grants:network", grants::NETWORK, 10),
        ("grants:tags", grants::TAGS, 10),
        ("grants:key", grants::KEY, 10),
        ("grants:commands", grants::COMMANDS, 10),
        ("grants:image", grants::IMAGE, 10),
    ];
    let text = fill(&text, &policies.map(|(key, grants, indent)| (key, grants::yaml(grants, indent))));
    let sources = if has_source_queue { WITH_SOURCE_QUEUE } else { WITHOUT_SOURCE_QUEUE };
    fill(&fill(&text, &[&owned(COMMON)[..], &owned(sources)].concat()), &owned(differences(owner)))
}

fn owned<const N: usize>(values: [(&'static str, &str); N]) -> [(&'static str, String); N] {
    values.map(|(key, value)| (key, value.to_owned()))
}

/// What both templates say in several places.
const COMMON: [(&str, &str); 3] = [
    ("primary_arn", "!Sub arn:${AWS::Partition}:lambda:${AWS::Region}:${AWS::AccountId}:function:${@function@}"),
    ("cluster", "!If [OwnsCluster, !Ref OwnCluster, !Ref Cluster]"),
    (
        "cluster_arn",
        "!If [OwnsCluster, !GetAtt OwnCluster.Arn, !Sub 'arn:${AWS::Partition}:ecs:${AWS::Region}:${AWS::AccountId}:cluster/${Cluster}']",
    ),
];

/// The queues that trigger the primary: those of other stacks alone.
const WITHOUT_SOURCE_QUEUE: [(&str, &str); 4] = [
    ("source_queues", "!If [HasSourceQueues, !Join [',', !Ref SourceQueues], !Ref AWS::NoValue]"),
    (
        "redrive_allow",
        "!If
        - HasManySourceQueues
        - redrivePermission: allowAll
        - !If
          - HasSourceQueues
          - redrivePermission: byQueue
            sourceQueueArns: !Ref SourceQueues
          - redrivePermission: denyAll",
    ),
    // SQS takes ten: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html
    ("most_sources", "10"),
    ("on_success", ON_SUCCESS),
];

/// The same, and this stack's own.
const WITH_SOURCE_QUEUE: [(&str, &str); 4] = [
    (
        "source_queues",
        "!If
            - HasSourceQueues
            - !Join [',', [!GetAtt SourceQueue.Arn, !Join [',', !Ref SourceQueues]]]
            - !GetAtt SourceQueue.Arn",
    ),
    (
        "redrive_allow",
        "!If
        - HasManySourceQueues
        - redrivePermission: allowAll
        - redrivePermission: byQueue
          # The own one by its name, since both queues name each other.
          sourceQueueArns: !If
            - HasSourceQueues
            - !Split [',', !Join [',', [!Sub 'arn:${AWS::Partition}:sqs:${AWS::Region}:${AWS::AccountId}:${AWS::StackName}-messages', !Join [',', !Ref SourceQueues]]]]
            - [!Sub 'arn:${AWS::Partition}:sqs:${AWS::Region}:${AWS::AccountId}:${AWS::StackName}-messages']",
    ),
    ("most_sources", "9"),
    ("on_success", ON_SUCCESS),
];

const ON_SUCCESS: &str =
    "        # Selected from a list of two, so that the policy, which may not be there, is there first.
        OnSuccess: !If
          - HasOnSuccess
          - Destination: !Select [0, [!Ref OnSuccess, !Ref ResultPolicy]]
          - !Ref AWS::NoValue
";

/// What differs where another stack has the function.
const fn differences(owner: PrimaryOwner) -> [(&'static str, &'static str); 5] {
    match owner {
        PrimaryOwner::ThisStack => [
            ("function", "AWS::StackName"),
            (
                "invoked_arn",
                "!Sub arn:${AWS::Partition}:lambda:${AWS::Region}:${AWS::AccountId}:function:${AWS::StackName}",
            ),
            ("primary_role", "!Ref PrimaryRole"),
            ("dispatcher_name", "      FunctionName: !Sub ${AWS::StackName}Dlq\n"),
            (
                "handler_policies",
                "ARNs of the managed policies that the handler needs. It has them in Lambda and in Fargate alike.",
            ),
        ],
        PrimaryOwner::OtherStack => [
            ("function", "FunctionName"),
            // What names no version, as a queue's message, runs what is invoked.
            (
                "invoked_arn",
                "!Sub arn:${AWS::Partition}:lambda:${AWS::Region}:${AWS::AccountId}:function:${FunctionName}:${Qualifier}",
            ),
            ("primary_role", "!Ref FunctionRole"),
            // A name may have 64 letters, and the other stack may have given them all to the function.
            ("dispatcher_name", ""),
            (
                "handler_policies",
                "ARNs of the managed policies that the handler needs in Fargate, as the function's own role has them in Lambda.",
            ),
        ],
    }
}

fn attached() -> Vec<(&'static str, String)> {
    vec![
        // A file's path is for those alone who package a template.
        ("dispatcher_code", "{S3Bucket: !Ref CodeBucket, S3Key: !Ref CodeKey}".to_owned()),
        ("lost_metric", ON_FAILURE_METRIC.to_owned()),
    ]
}

fn primary_values(primary: &PrimaryPlan) -> Vec<(&'static str, String)> {
    let (on_failure, dead_letter_config, lost_metric) = match primary.delivery {
        FailureDelivery::OnFailure => (ON_FAILURE, "", ON_FAILURE_METRIC),
        FailureDelivery::DeadLetterConfig => (NO_ON_FAILURE, DEAD_LETTER_CONFIG, "DeadLetterErrors"),
    };
    vec![
        ("code", scalar(&primary.code)),
        ("dispatcher_code", scalar(primary.dispatcher_code.as_ref().unwrap_or(&primary.code))),
        ("lambda_memory", primary.memory.to_string()),
        ("lambda_timeout", primary.timeout.as_secs().to_string()),
        // A minute more: what failed is to come back soon, and never while it runs.
        ("source_visibility", (primary.timeout.as_secs() + 60).to_string()),
        ("environment", environment(primary)),
        ("dead_letter_config", dead_letter_config.to_owned()),
        ("on_failure", on_failure.to_owned()),
        ("lost_metric", lost_metric.to_owned()),
    ]
}

/// The task has it for results, too.
const PROGRESS_BUCKET: &str = "          IMMORTAL_EVENT_BUCKET: !Ref EventBucket
";

const ON_FAILURE_METRIC: &str = "DestinationDeliveryFailures";

const ON_FAILURE: &str = "      DestinationConfig:
        OnFailure:
          Destination: !GetAtt FailureQueue.Arn
";

const NO_ON_FAILURE: &str = "      DestinationConfig:
";

const DEAD_LETTER_CONFIG: &str = "      DeadLetterConfig:
        TargetArn: !GetAtt FailureQueue.Arn
";

fn environment(primary: &PrimaryPlan) -> String {
    let lines = primary
        .environment
        .iter()
        .map(|variable| format!("          {}: {}\n", variable.name, quoted(&variable.value)));
    lines.collect()
}

/// Replaces each `@key@` once, so that no value is taken for a key.
fn fill(template: &str, values: &[(&str, String)]) -> String {
    let mut text = String::with_capacity(template.len() * 2);
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('@') {
        text.push_str(before);
        let known =
            after.split_once('@').and_then(|(key, after)| Some((values.iter().find(|(name, _)| *name == key)?, after)));
        let Some(((_, value), after)) = known else {
            text.push('@');
            rest = after;
            continue;
        };
        text.push_str(value);
        rest = after;
    }
    text.push_str(rest);
    text
}

/// A YAML scalar: plain where nothing in it could mean anything else.
fn scalar(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '/' | '_' | '-');
    let begins = |c: char| c.is_ascii_alphabetic() || matches!(c, '.' | '/');
    if text.starts_with(begins) && text.contains('/') && text.chars().all(plain) {
        text.to_owned()
    } else {
        quoted(text)
    }
}

/// A double-quoted YAML scalar: JSON's strings are among them.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
#[path = "render_tests.rs"]
mod tests;
