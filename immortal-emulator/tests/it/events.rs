//! Task state changes, as rules deliver them to functions and queues.

use std::time::Duration;

use aws_sdk_ecs::types::{CapacityProviderStrategyItem, LaunchType};
use immortal_emulator::{
    Emulator, EntryKind, Fault, FaultKind, FaultedCalls, Function, Queue, RuleTarget, StopCode, TaskDefinition,
    TaskRule,
};
use serde_json::{Value, json};

use crate::{
    bootstrap::package,
    clients::{ecs, emulator, wait_for},
    ecs::run,
};

async fn start(script: &str) -> Emulator {
    let emulator = emulator().await;
    emulator.register_task_definition(TaskDefinition::new("runner", ["/bin/sh", "-c", script]));
    let function = Function { timeout: Duration::from_secs(20), ..Function::new("ingestDlq", package()) };
    emulator.deploy(function).expect("sound");
    emulator
}

/// Waits until the function has received this many events, and returns them: the function echoes its event.
async fn received_events(emulator: &Emulator, count: usize) -> Vec<Value> {
    let mut events = Vec::new();
    wait_for(emulator, |entry| {
        if let EntryKind::Answered { body } = &entry.kind {
            let answer: Value = serde_json::from_slice(body).expect("JSON");
            events.push(answer["event"].clone());
        }
        (events.len() == count).then_some(())
    })
    .await;
    events.sort_by_key(|event| event["detail"]["version"].as_u64());
    events
}

#[tokio::test]
async fn every_state_of_a_task_is_delivered() {
    let emulator = start("exit 5").await;
    emulator.watch_tasks("ingestDlq", &[]);
    let client = ecs(&emulator).await;
    let answer = run(&client).send().await.expect("accepted");
    let arn = answer.tasks()[0].task_arn().expect("there");
    let events = received_events(&emulator, 4).await;
    let statuses: Vec<_> = events.iter().map(|event| event["detail"]["lastStatus"].as_str()).collect();
    assert_eq!(statuses, [Some("PROVISIONING"), Some("PENDING"), Some("RUNNING"), Some("STOPPED")]);
    let last = &events[3];
    assert_eq!((&last["source"], &last["detail-type"]), (&json!("aws.ecs"), &json!("ECS Task State Change")));
    assert_eq!(last["resources"], json!([arn]));
    let detail = &last["detail"];
    assert_eq!((&detail["stopCode"], &detail["startedBy"]), (&json!("EssentialContainerExited"), &json!("r-1")));
    assert_eq!(detail["containers"][0]["exitCode"], 5);
    assert!(detail["stoppedAt"].as_str().is_some_and(|at| at.ends_with('Z')), "time stamps are text");
    assert!(detail.get("tags").is_none());
}

#[tokio::test]
async fn an_interruption_is_delivered_at_its_begin_and_at_its_end() {
    let emulator = start("exec sleep 100").await;
    emulator.watch_tasks("ingestDlq", &["RUNNING", "STOPPED"]);
    let after = Duration::from_millis(20);
    let kind = FaultKind::Interrupt { after, stop_code: StopCode::SpotInterruption };
    emulator.inject(Fault { operation: "RunTask", kind, calls: FaultedCalls::Next(1) });
    let client = ecs(&emulator).await;
    let spot = CapacityProviderStrategyItem::builder().capacity_provider("FARGATE_SPOT").build().expect("named");
    let request = run(&client).set_launch_type(None::<LaunchType>).capacity_provider_strategy(spot);
    request.send().await.expect("accepted");
    let events = received_events(&emulator, 3).await;
    let detail = |index: usize, name: &str| events[index]["detail"][name].clone();
    assert_eq!((detail(1, "lastStatus"), detail(1, "desiredStatus")), (json!("RUNNING"), json!("STOPPED")));
    assert_eq!((detail(1, "stopCode"), detail(2, "stopCode")), (json!("SpotInterruption"), json!("SpotInterruption")));
    assert_eq!((detail(2, "lastStatus"), detail(2, "capacityProviderName")), (json!("STOPPED"), json!("FARGATE_SPOT")));
}

#[tokio::test]
async fn a_failed_start_has_no_exit_code_and_can_be_delivered_twice() {
    let emulator = start("exit 0").await;
    emulator.watch_tasks("ingestDlq", &["STOPPED"]);
    emulator.inject(Fault {
        operation: "RunTask",
        kind: FaultKind::FailToStart("no ENI"),
        calls: FaultedCalls::Next(1),
    });
    emulator.inject(Fault { operation: "TaskStateChange", kind: FaultKind::Duplicated, calls: FaultedCalls::Next(1) });
    let client = ecs(&emulator).await;
    run(&client).send().await.expect("accepted");
    let events = received_events(&emulator, 2).await;
    assert_eq!(events[0], events[1]);
    assert_eq!(events[0]["detail"]["stopCode"], "TaskFailedToStart");
    assert!(events[0]["detail"]["containers"][0].get("exitCode").is_none());
}

#[tokio::test]
async fn a_rule_on_a_family_puts_its_events_into_a_queue() {
    let emulator = start("exit 5").await;
    emulator.register_task_definition(TaskDefinition::new("other", ["/bin/sh", "-c", "exit 0"]));
    let queue = emulator.create_queue(Queue::new("failures"));
    let rule = |family: &str, target| TaskRule {
        family: Some(family.to_owned()),
        last_status: vec!["STOPPED".to_owned()],
        target,
    };
    emulator.put_task_rule(rule("runner", RuleTarget::Queue(queue)));
    emulator.put_task_rule(rule("other", RuleTarget::Function("ingestDlq".to_owned())));
    emulator.put_task_rule(rule("other", RuleTarget::Queue("arn:aws:sqs:eu-central-1:123456789012:gone".to_owned())));
    let client = ecs(&emulator).await;
    let answer = run(&client).send().await.expect("accepted");
    run(&client).task_definition("other").send().await.expect("accepted");
    emulator.wait_until_idle().await;
    let messages = emulator.messages("failures");
    assert_eq!((messages.len(), messages[0].attributes.len()), (1, 0));
    let event: Value = serde_json::from_str(&messages[0].body).expect("the event's JSON");
    assert_eq!(event["detail-type"], "ECS Task State Change");
    assert_eq!(event["resources"], json!([answer.tasks()[0].task_arn()]));
    assert_eq!(
        (&event["detail"]["lastStatus"], &event["detail"]["group"]),
        (&json!("STOPPED"), &json!("family:runner"))
    );
    let direct = received_events(&emulator, 1).await;
    assert_eq!(direct[0]["detail"]["group"], "family:other");
}

#[tokio::test]
async fn an_event_can_lack_its_stop_code() {
    let emulator = start("exit 0").await;
    emulator.watch_tasks("ingestDlq", &["STOPPED"]);
    emulator.inject(Fault {
        operation: "TaskStateChange",
        kind: FaultKind::WithoutStopCode,
        calls: FaultedCalls::Next(1),
    });
    run(&ecs(&emulator).await).send().await.expect("accepted");
    let detail = received_events(&emulator, 1).await[0]["detail"].clone();
    assert!(detail.get("stopCode").is_none() && detail["stoppedReason"].is_string(), "{detail}");
}
