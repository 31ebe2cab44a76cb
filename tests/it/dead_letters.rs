//! Dead letters in each of their shapes, and their redrive.

use std::time::Duration;

use immortal_emulator::{EmulatorOptions, Fault, FaultKind, FaultedCalls};
use serde_json::json;

use crate::chain::{Chain, ChainSetup, DEAD_LETTERS, FAILURES, SCRIPTED_TASK};

const KILLED: &str = "RequestId: 1-2 Error: Task timed out after 3.00 seconds";

/// Denies the dispatcher these calls of `RunTask` for this request.
fn deny(chain: &Chain, request: &str, calls: impl IntoIterator<Item = u32>) {
    for call in calls {
        let fault = Fault { operation: "RunTask", kind: FaultKind::AccessDenied, calls: FaultedCalls::Nth(call) };
        chain.emulator.inject_for(request, fault);
    }
}

/// Gives up one request for each shape of a dead letter. Returns the requests, each with a part of the dead letter's
/// body.
async fn give_up(chain: &Chain) -> Vec<(&'static str, &'static str)> {
    // By the redrive policy of the failure queue, in both of the primary's shapes.
    deny(chain, "dead-letter-config", 1..=3);
    chain.send_failure("dead-letter-config", r#"{"ends":"0"}"#, KILLED);
    deny(chain, "destination", 1..=3);
    let record =
        |request: &str| chain.destination_record(request, r#"{"ends":"0"}"#, "RetriesExhausted", Some((None, KILLED)));
    chain.emulator.send_message(FAILURES, record("destination"), [].into()).expect("the queue exists");
    // By the failure queue, from a topic.
    deny(chain, "topic-to-queue", 1..=3);
    let notification =
        json!({ "Type": "Notification", "MessageId": "n", "TopicArn": "t", "Message": record("topic-to-queue") });
    chain.emulator.send_message(FAILURES, notification.to_string(), [].into()).expect("the queue exists");
    // By the dispatcher: for a task without a next attempt, and for one that can't be started.
    chain.send_failure("used-up", r#"{"ends":"1 1 1 0"}"#, KILLED);
    chain.send_failure("never", r#"{"ends":"2 0"}"#, KILLED);
    deny(chain, "not-started", 2..=4);
    chain.send_failure("not-started", r#"{"ends":"1 0"}"#, KILLED);
    // By the dispatcher's own destination: for direct invocations by Lambda, and by a topic in both shapes.
    deny(chain, "invoked", 1..=3);
    let sns = |request: &str, attributes: serde_json::Value, message: &str| {
        deny(chain, request, 1..=3);
        let sns = json!({ "Type": "Notification", "MessageId": "n", "TopicArn": "t", "Message": message, "MessageAttributes": attributes });
        json!({ "Records": [{ "EventSource": "aws:sns", "EventVersion": "1.0", "Sns": sns }] }).to_string()
    };
    let attributes = json!({ "RequestID": { "Type": "String", "Value": "topic-with-attributes" },
        "ErrorMessage": { "Type": "String", "Value": KILLED } });
    for event in [
        record("invoked"),
        sns("topic", json!({}), &record("topic")),
        sns("topic-with-attributes", attributes, r#"{"ends":"0"}"#),
    ] {
        chain.emulator.invoke("killedDlq", event).await.expect("the dispatcher is deployed");
    }
    chain.map_failure_queue();
    chain.wait_until_idle().await;
    vec![
        ("dead-letter-config", r#"{"ends":"0"}"#),
        ("destination", r#""requestPayload":{"ends":"0"}"#),
        ("topic-to-queue", r#""Type":"Notification""#),
        ("used-up", "Immortal.GivenUp"),
        ("never", "Immortal.GivenUp"),
        ("not-started", "ECS Task State Change"),
        ("invoked", "function:killedDlq"),
        ("topic", "aws:sns"),
        ("topic-with-attributes", "aws:sns"),
    ]
}

#[tokio::test]
async fn every_shape_of_dead_letter_runs_again_when_redriven() {
    let options = EmulatorOptions { run_task_rate: None, ..ChainSetup::new("killed").options };
    let chain = ChainSetup { task: Some(SCRIPTED_TASK), options, receives: 3, ..ChainSetup::new("killed") }
        .start_unmapped()
        .await;
    let rows = give_up(&chain).await;
    for (request, shape) in &rows {
        assert!(
            chain.is_dead_letter(request) && !chain.is_done(request),
            "{request}\n{}",
            chain.journal_text_of(request)
        );
        let lies = chain.wait_for_dead_letter(request).await;
        assert!(lies.contains(shape), "{request} has the shape of {shape}: {lies}");
    }
    assert_eq!(chain.emulator.messages(DEAD_LETTERS).len(), rows.len());
    let before: Vec<_> = rows.iter().map(|(request, _)| chain.task_count(request)).collect();
    chain.emulator.advance(Duration::from_mins(2));
    chain.emulator.redrive(DEAD_LETTERS, Some(FAILURES)).expect("both exist");
    chain.wait_until_idle().await;
    for ((request, _), before) in rows.iter().zip(before) {
        assert_eq!(chain.task_count(request), before + 1, "{request}\n{}", chain.journal_text_of(request));
        assert!(
            chain.is_done(request) && !chain.is_dead_letter(request),
            "{request}\n{}",
            chain.journal_text_of(request)
        );
    }
}

#[tokio::test]
async fn tasks_of_other_families_are_ignored() {
    let chain = ChainSetup { task: Some(SCRIPTED_TASK), ..ChainSetup::new("killed") }.start().await;
    let context = |function: &str| {
        json!({ "awsRequestId": "r-1", "functionName": function, "functionVersion": "1",
        "invokedFunctionArn": "", "memoryLimitInMB": "128", "logGroupName": "", "logStreamName": "" })
    };
    let order = |container: &str, function: &str| {
        let variable = |name: &str, value: &str| json!({ "name": name, "value": value });
        let variables = [
            variable("AWS_LAMBDA_FUNCTION_EVENT", "{}"),
            variable("AWS_LAMBDA_FUNCTION_CONTEXT", &context(function).to_string()),
            variable("IMMORTAL_ATTEMPT", "1"),
        ];
        json!({ "containerOverrides": [{ "name": container, "environment": variables }] })
    };
    let stopped = |family: &str, overrides: serde_json::Value| {
        let detail = json!({ "taskArn": "arn:aws:ecs:eu-central-1:123456789012:task/default/0123456789abcdef0123456789abcdef",
            "clusterArn": "arn:aws:ecs:eu-central-1:123456789012:cluster/default", "lastStatus": "STOPPED",
            "taskDefinitionArn": format!("arn:aws:ecs:eu-central-1:123456789012:task-definition/{family}:1"),
            "stopCode": "EssentialContainerExited", "startedBy": "r-1",
            "containers": [{ "name": "runner", "exitCode": 1 }], "overrides": overrides });
        json!({ "version": "0", "source": "aws.ecs", "detail-type": "ECS Task State Change", "detail": detail })
            .to_string()
    };
    let none = || json!({ "containerOverrides": [] });
    let nothing_told = json!({ "containerOverrides": [{ "name": "web" }] });
    for (what, event) in [
        ("another family, nothing told", stopped("web", none())),
        ("another container", stopped("web", order("web", "killed"))),
        ("a container that was told nothing", stopped("web", nothing_told)),
    ] {
        chain.emulator.invoke("killedDlq", event).await.expect("the dispatcher is deployed");
        chain.wait_until_idle().await;
        assert!(chain.calls("RunTask").is_empty(), "{what}\n{}", chain.journal_text());
        assert!(chain.emulator.messages(DEAD_LETTERS).is_empty(), "{what}\n{}", chain.journal_text());
    }
    // An order of the own task family that names another function is rejected, and kept unchanged.
    chain.emulator.invoke("killedDlq", stopped("runner", order("runner", "other"))).await.expect("deployed");
    chain.wait_until_idle().await;
    assert!(chain.calls("RunTask").is_empty(), "{}", chain.journal_text());
    assert_eq!(chain.emulator.messages(DEAD_LETTERS).len(), 1, "{}", chain.journal_text());
    // The same event about a task of the own function is followed by the next attempt.
    chain.emulator.invoke("killedDlq", stopped("runner", order("runner", "killed"))).await.expect("deployed");
    chain.wait_until_idle().await;
    assert_eq!(chain.task_count("r-1"), 1, "{}", chain.journal_text());
}
