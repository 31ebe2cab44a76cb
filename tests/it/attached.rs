//! A function of another stack, with exactly the resources of the template of `cargo immortal template --attach`.

use std::{collections::BTreeMap, time::Duration};

use immortal_emulator::{
    Emulator, EmulatorOptions, EntryKind, EntrySource, FailureTarget, Function, Queue, RedrivePolicy, RuleTarget,
    TaskDefinition, TaskRule,
};
use serde_json::Value;

use crate::{
    binaries::{binary, package},
    chain::function_environment,
    stack::{StackTemplate, text},
};

/// What `cargo immortal template --attach` writes. Its tests compare it with this file.
const TEMPLATE: &str = include_str!("../../cargo-immortal/src/template/expected/attach.yaml");

const FUNCTION: &str = "killed";

const PARAMETERS: [(&str, &str); 7] = [
    ("FunctionName", FUNCTION),
    ("FunctionRole", "role"),
    ("CodeBucket", "code"),
    ("CodeKey", "1.zip"),
    ("Image", "runner:1"),
    ("Cluster", "jobs"),
    ("Subnets", "subnet-0a,subnet-0b"),
];

/// The function as its owner deployed it, with Lambda's own two retries and no destination.
fn owners_function(emulator: &Emulator) -> Function {
    let function = Function {
        timeout: Duration::from_secs(1),
        environment: function_environment(emulator),
        ..Function::new(FUNCTION, package(FUNCTION))
    };
    emulator.deploy(function.clone()).expect("a sound function");
    function
}

/// Creates the template's resources, as far as the emulator has them.
fn attach(emulator: &Emulator, owner: Function, stack: &StackTemplate<'_>) {
    for name in ["DeadLetterQueue", "FailureQueue"] {
        let queue = stack.properties(name);
        emulator.create_queue(Queue {
            visibility_timeout: seconds(&queue["VisibilityTimeout"]).unwrap_or(Duration::from_secs(30)),
            redrive: queue.get("RedrivePolicy").map(|policy| RedrivePolicy {
                dead_letter_queue: last_part(&policy["deadLetterTargetArn"]),
                max_receive_count: policy["maxReceiveCount"].to_string().parse().expect("a number"),
            }),
            ..Queue::new(name)
        });
    }
    emulator.create_bucket(&text(&stack.reference("EventBucket")));

    let definition = stack.properties("TaskDefinition");
    let container = &definition["ContainerDefinitions"][0];
    // Replaces the image.
    let command = [binary(FUNCTION).into_os_string().into_string().expect("cargo's paths are text")];
    let registered = emulator.register_task_definition(TaskDefinition {
        container: text(&container["Name"]),
        environment: variables_by_name(&container["Environment"]),
        cpu: text(&definition["Cpu"]).parse().expect("units"),
        memory: text(&definition["Memory"]).parse().expect("MiB"),
        ..TaskDefinition::new(text(&definition["Family"]), command)
    });
    assert_eq!(registered, text(&stack.reference("TaskDefinition")));
    let rule = stack.properties("TaskStopped");
    let stopped = &rule["EventPattern"]["detail"];
    let family = text(&stopped["taskDefinitionArn"][0]["prefix"]);
    emulator.put_task_rule(TaskRule {
        family: family.strip_suffix(':').and_then(|family| family.rsplit('/').next()).map(str::to_owned),
        last_status: vec![text(&stopped["lastStatus"][0])],
        target: RuleTarget::Queue(text(&rule["Targets"][0]["Arn"])),
    });

    let dispatcher = stack.properties("Dispatcher");
    let variables = dispatcher["Environment"]["Variables"].as_object().expect("variables").iter();
    let mut environment = owner.environment.clone();
    environment.extend(variables.map(|(name, value)| (name.clone(), text(value))));
    let dispatcher = Function {
        timeout: seconds(&dispatcher["Timeout"]).expect("a timeout"),
        environment,
        ..Function::new("Dispatcher", package(FUNCTION))
    };
    emulator.deploy(dispatcher).expect("a sound function");
    let mapping = stack.properties("FailureMapping");
    let size = mapping["BatchSize"].to_string().parse().expect("a number");
    let (queue, function) = (last_part(&mapping["EventSourceArn"]), text(&mapping["FunctionName"]));
    emulator.map_queue(&queue, &function, size).expect("both exist");

    let invoke = stack.properties("FunctionInvoke");
    assert_eq!((text(&invoke["FunctionName"]), text(&invoke["Qualifier"])), (owner.name.clone(), "$LATEST".into()));
    let configured = Function {
        retries: invoke["MaximumRetryAttempts"].to_string().parse().expect("a number"),
        on_failure: Some(FailureTarget::OnFailure(text(&invoke["DestinationConfig"]["OnFailure"]["Destination"]))),
        ..owner
    };
    emulator.deploy(configured).expect("a sound function");
}

fn seconds(value: &Value) -> Option<Duration> {
    value.as_u64().map(Duration::from_secs)
}

/// The last part of an ARN.
fn last_part(arn: &Value) -> String {
    text(arn).rsplit(':').next().unwrap_or_default().to_owned()
}

/// The variables of a container, by name.
fn variables_by_name(list: &Value) -> BTreeMap<String, String> {
    let list = list.as_array().expect("a list").iter();
    list.map(|variable| (text(&variable["Name"]), text(&variable["Value"]))).collect()
}

#[tokio::test]
async fn a_function_of_another_stack_gets_tasks() {
    let options = EmulatorOptions { time_scale: 0.01, ..EmulatorOptions::default() };
    let emulator = Emulator::start(options).await.expect("loopback");
    emulator.create_cluster("jobs", &["FARGATE"]);
    let owner = owners_function(&emulator);
    attach(&emulator, owner, &StackTemplate::read(TEMPLATE, &PARAMETERS, emulator.endpoint()));

    let saved = r#"{"lambda":"hang","tasks":["fail","succeed"]}"#;
    let request = emulator.invoke(FUNCTION, saved).await.expect("it is deployed");
    let mut ends = Vec::new();
    let done = emulator.wait_for(|entry| match (&entry.source, &entry.kind) {
        (EntrySource::Task { arn, started_by }, EntryKind::TaskStopped { exit_code, .. })
            if started_by.as_deref() == Some(&request) =>
        {
            assert!(arn.contains(":task/jobs/"), "{arn}");
            ends.push(*exit_code);
            (*exit_code == Some(0)).then_some(())
        }
        _ => None,
    });
    tokio::time::timeout(Duration::from_mins(2), done).await.expect("the second task succeeds");
    assert_eq!(ends, [Some(1), Some(0)]);

    let lost = r#"{"lambda":"fail","tasks":["fail","fail","fail"]}"#;
    let request = emulator.invoke(FUNCTION, lost).await.expect("it is deployed");
    let dead = emulator.wait_for(|_| {
        let letters = emulator.messages("DeadLetterQueue");
        let of_request = |letter: &immortal_emulator::Message| {
            letter.attributes.get("ImmortalRequestId").is_some_and(|id| id.value == request)
        };
        letters.iter().any(of_request).then_some(())
    });
    tokio::time::timeout(Duration::from_mins(2), dead).await.expect("it is given up");
}
