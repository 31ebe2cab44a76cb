//! Compares the permissions of the template's roles with the calls that the roles make: both must be the same.

use std::collections::BTreeSet;

use immortal_emulator::{ACCOUNT, EntryKind, Fault, FaultKind, FaultedCalls, REGION};
use serde_json::json;

use crate::{
    binaries::zip_of,
    chain::{BUCKET, Chain, ChainSetup, DEAD_LETTERS, EventOutcome, FAILURES, RUNNER},
};

/// What `cargo immortal template` writes, and then with `--attach`. Its tests compare it with these files. Permissions
/// that depend on a parameter are in separate policies, not in a role's section.
const TEMPLATES: [&str; 2] = [
    include_str!("../../cargo-immortal/src/template/expected/default.yaml"),
    include_str!("../../cargo-immortal/src/template/expected/attach.yaml"),
];

/// Actions that Lambda and ECS perform with a role, which the emulator doesn't see.
const OF_PLATFORM: [&str; 5] =
    ["logs:CreateLogStream", "logs:PutLogEvents", "sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"];

/// A role of the template, and an action.
type Permission = (&'static str, String);

/// The actions that this role or policy allows, without those of the platform.
fn granted(template: &'static str, role: &'static str) -> impl Iterator<Item = Permission> {
    let section = template.split_once(&format!("\n  {role}:\n")).expect("the template has it").1;
    let lines = section.lines().take_while(|line| line.is_empty() || line.starts_with("   "));
    let begins = |line: &str| line.trim_start() == "Policies:" || line == "      PolicyDocument:";
    let words = lines.skip_while(move |line| !begins(line)).flat_map(str::split_whitespace);
    let action = |word: &&str| {
        let (service, action) = word.split_once(':').unwrap_or_default();
        // Not the keys of conditions, such as `ecs:cluster`.
        service.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
            && action.starts_with(char::is_uppercase)
            && !word.ends_with(':')
    };
    let ours = words.filter(action).filter(|word| !OF_PLATFORM.contains(word));
    ours.map(move |action| (role, action.to_owned()))
}

/// The permissions that a call needs.
fn needed(service: &str, operation: &str) -> Vec<Permission> {
    let (role, actions) = match operation {
        "GetFunction" | "GetFunctionEventInvokeConfig" | "GetObject" => ("TaskRole", vec![operation]),
        "GetLayerVersionByArn" => ("TaskRole", vec!["GetLayerVersion"]),
        // S3 reports a missing object as such only to callers that may list the bucket.
        "HeadObject" => ("DispatcherRole", vec!["GetObject", "ListBucket"]),
        "RunTask" => return vec![("DispatcherRole", "ecs:RunTask".into()), ("DispatcherRole", "iam:PassRole".into())],
        _ => ("DispatcherRole", vec![operation]),
    };
    actions.into_iter().map(|action| (role, format!("{service}:{action}"))).collect()
}

fn called(chain: &Chain) -> BTreeSet<Permission> {
    let entries = chain.emulator.journal();
    let calls = entries.iter().filter_map(|entry| match &entry.kind {
        // Downloads use URLs that Lambda has signed.
        EntryKind::Called { service, operation, .. } if *service != "download" => Some(needed(service, operation)),
        _ => None,
    });
    calls.flatten().collect()
}

/// Waits until an operation was called.
async fn has_called(chain: &Chain, name: &str) {
    let called = chain.emulator.wait_for(|entry| {
        matches!(&entry.kind, EntryKind::Called { operation, .. } if operation == name).then_some(())
    });
    let waited = tokio::time::timeout(std::time::Duration::from_mins(1), called).await;
    waited.unwrap_or_else(|_| panic!("{name} was never called:\n{}", chain.journal_text()));
}

/// Sends the event of a Spot interruption of attempt 1 at this time, with its event in an object.
fn interrupted(chain: &Chain, request: &str, interruptions: u32, stopped_at: &str) {
    let key = format!("immortal/killed/{request}/{}", "0".repeat(64));
    chain.emulator.put_object(BUCKET, &key, r#"{"lambda":"fail","tasks":["fail","succeed"]}"#);
    let context = json!({ "awsRequestId": request, "functionName": "killed", "functionVersion": "$LATEST" });
    let variable = |name: &str, value: &str| json!({ "name": name, "value": value });
    let environment = [
        variable("AWS_LAMBDA_FUNCTION_CONTEXT", &context.to_string()),
        variable("IMMORTAL_EVENT_S3", &format!("s3://{BUCKET}/{key}")),
        variable("IMMORTAL_INTERRUPTIONS", &interruptions.to_string()),
    ];
    let detail = json!({
        "taskArn": format!("arn:aws:ecs:{REGION}:{ACCOUNT}:task/default/{request}"),
        "clusterArn": format!("arn:aws:ecs:{REGION}:{ACCOUNT}:cluster/default"),
        "taskDefinitionArn": format!("arn:aws:ecs:{REGION}:{ACCOUNT}:task-definition/{RUNNER}:1"),
        "lastStatus": "STOPPED",
        "stopCode": "SpotInterruption",
        "stoppedAt": stopped_at,
        "containers": [{ "name": RUNNER, "exitCode": 143 }],
        "overrides": { "containerOverrides": [{ "name": RUNNER, "environment": environment }] },
    });
    let event = json!({ "source": "aws.ecs", "detail-type": "ECS Task State Change", "detail": detail });
    chain.emulator.send_message(FAILURES, event.to_string(), [].into()).expect("the queue exists");
}

#[tokio::test]
async fn the_template_grants_exactly_the_actions_that_are_called() {
    let chain = ChainSetup {
        function: |function| {
            function.layers = vec![format!("arn:aws:lambda:{REGION}:{ACCOUNT}:layer:data:1")];
            function.on_success = Some(format!("arn:aws:sqs:{REGION}:{ACCOUNT}:gone"));
        },
        runner: [("IMMORTAL_EVENT_BUCKET".to_owned(), BUCKET.to_owned())].into(),
        ..ChainSetup::new("killed")
    };
    let chain = chain.start().await;
    chain.emulator.publish_layer("data", zip_of([("data.txt", 0o644, b"data".as_slice())]));
    // Makes every call that a role can make. One job has an event too large for an order and a stop event without
    // overrides, and is given up.
    chain.emulator.inject(Fault {
        operation: "TaskStateChange",
        kind: FaultKind::WithoutOverrides,
        calls: FaultedCalls::Nth(1),
    });
    let mut random = fastrand::Rng::with_seed(3);
    let noise: String = std::iter::repeat_with(|| random.alphanumeric()).take(50_000).collect();
    let tasks = r#"["fail","fail","fail"]"#;
    let request = chain.invoke(&format!(r#"{{"lambda":"fail","tasks":{tasks},"noise":"{noise}"}}"#)).await;
    chain.wait_for_dead_letter(&request).await;
    assert!(chain.emulator.messages(DEAD_LETTERS).len() == 1, "{}", chain.journal_text());
    // One was interrupted long ago, and succeeds.
    interrupted(&chain, "late", 0, "2026-01-01T00:00:00Z");
    assert!(matches!(chain.wait_for_outcome("late").await, EventOutcome::Task(_)), "{}", chain.journal_text());
    has_called(&chain, "DeleteObject").await;
    // One is due much later.
    interrupted(&chain, "early", 5, "2999-01-01T00:00:00Z");
    has_called(&chain, "ChangeMessageVisibility").await;

    for (template, of_primary) in TEMPLATES.into_iter().zip(["PrimaryRole", "FunctionPolicy"]) {
        let granted_to = |roles: &[&'static str]| roles.iter().flat_map(|role| granted(template, role)).collect();
        let granted: BTreeSet<_> = granted_to(&["DispatcherRole", "TaskRole"]);
        let mut called = called(&chain);
        // Both roles put objects: the runner puts this result, because its destination rejects it.
        if chain.emulator.object(BUCKET, "immortal/killed/late/result").is_some() {
            called.insert(("TaskRole", "s3:PutObject".to_owned()));
        }
        assert_eq!(called, granted, "called, and granted beside {of_primary}");
        let of_lambda = BTreeSet::from([(of_primary, "sqs:SendMessage".to_owned())]);
        assert_eq!(granted_to(&[of_primary]), of_lambda, "the primary itself calls nothing");
    }
}
