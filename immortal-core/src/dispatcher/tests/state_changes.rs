//! What follows a task's change of state, in each way in which the dispatcher hears of it.

use serde_json::{Value, json};

use super::{
    chain::{batch, last, manifest, named, one, variable},
    service::{NOW, Service, invoke},
};
use crate::dispatcher::invocation_failure::tests::PRIMARY;

pub(super) fn stopped(call: &Value, arn: &str, exit: Option<i64>, code: &str) -> Value {
    json!({ "source": "aws.ecs", "detail-type": "ECS Task State Change", "detail": {
        "taskArn": arn, "lastStatus": "STOPPED", "stopCode": code, "stoppedReason": "said so", "startedBy": call["startedBy"],
        "clusterArn": "arn:aws:ecs:eu-central-1:111111111111:cluster/default",
        "taskDefinitionArn": "arn:aws:ecs:eu-central-1:111111111111:task-definition/runner:3",
        "containers": [{ "name": "runner", "exitCode": exit }], "overrides": call["overrides"] } })
}

#[tokio::test]
async fn a_stopped_task_is_followed_by_the_next_attempt_once() {
    let service = Service::start().await;
    let dispatcher = service.dispatcher(&[], manifest()).await;
    let event = "{\"n\":1.00, \"n\":2}";
    invoke(&dispatcher, &one(event)).await.expect("attempt 1");
    let expected = [(1, "EssentialContainerExited", "2", None), (143, "SpotInterruption", "3", Some("1"))];
    for (number, (exit, code, attempt, interruptions)) in expected.into_iter().enumerate() {
        let arn = format!("arn:aws:ecs:eu-central-1:111111111111:task/default/{}", number + 1);
        let state_change = stopped(&last(&service), &arn, Some(exit), code).to_string();
        for _ in 0..2 {
            invoke(&dispatcher, &state_change).await.expect("the next attempt");
        }
        let call = last(&service);
        assert_eq!(variable(&call, "AWS_LAMBDA_FUNCTION_EVENT").as_deref(), Some(event));
        assert_eq!(variable(&call, "IMMORTAL_ATTEMPT").as_deref(), Some(attempt));
        assert_eq!(variable(&call, "IMMORTAL_INTERRUPTIONS").as_deref(), interruptions);
        assert_eq!(call["startedBy"], "r-1");
        service.with(|state| assert_eq!(state.tasks.len(), number + 2, "{arn}"));
    }
    let refused = stopped(&last(&service), "arn:3", Some(2), "EssentialContainerExited");
    let failed = invoke(&dispatcher, &refused.to_string()).await.expect_err("given up");
    assert!(failed.0.contains("r-1") && failed.0.contains("exit code 2"), "{failed}");
    let wrapped = json!({ "version": "1.0", "requestPayload": refused, "requestContext": {
        "requestId": "own", "functionArn": format!("{PRIMARY}Dlq"), "condition": "RetriesExhausted" } });
    let redriven = json!({ "messageId": "m-9", "eventSource": "aws:sqs", "body": wrapped.to_string(), "attributes": { "SentTimestamp": NOW.to_string() } });
    let back = named(&invoke(&dispatcher, &batch(&[redriven])).await.expect("an answer"));
    assert_eq!(back, ["m-9"], "a dead letter of the first version is the stopped task in it");
}

#[tokio::test]
async fn the_attempt_after_a_kill_for_memory_has_twice_the_memory() {
    let service = Service::start().await;
    let dispatcher = service.dispatcher(&[], manifest().task_size(1024, 2048).memory_max(16_384)).await;
    invoke(&dispatcher, &one("7")).await.expect("attempt 1");
    for (number, expected) in [("1024", "4096"), ("1024", "8192")].into_iter().enumerate() {
        let call = last(&service);
        let arn = format!("arn:aws:ecs:eu-central-1:111111111111:task/default/{}", number + 1);
        let mut event = stopped(&call, &arn, Some(137), "EssentialContainerExited");
        event["detail"]["cpu"] = call["overrides"]["cpu"].clone();
        event["detail"]["memory"] = call["overrides"]["memory"].clone();
        for _ in 0..2 {
            invoke(&dispatcher, &event.to_string()).await.expect("the next attempt");
        }
        let overrides = &last(&service)["overrides"];
        assert_eq!((overrides["cpu"].as_str(), overrides["memory"].as_str()), (Some(expected.0), Some(expected.1)));
        service.with(|state| assert_eq!(state.tasks.len(), number + 2, "{arn}"));
    }
}

#[tokio::test]
async fn overrides_that_the_event_lacks_are_asked_for() {
    let service = Service::start().await;
    let dispatcher = service.dispatcher(&[], manifest()).await;
    invoke(&dispatcher, &one("7")).await.expect("attempt 1");
    let mut event = stopped(&last(&service), "arn:aws:ecs:eu-central-1:111111111111:task/default/1", Some(1), "");
    event["detail"]["overrides"] = json!({ "containerOverrides": [] });
    invoke(&dispatcher, &event.to_string()).await.expect("the next attempt");
    assert_eq!(variable(&last(&service), "IMMORTAL_ATTEMPT").as_deref(), Some("2"));
    service.with(|state| assert_eq!(state.tasks.len(), 2));
}

#[tokio::test]
async fn what_is_not_ours_is_ignored_successfully() {
    let service = Service::start().await;
    let dispatcher = service.dispatcher(&[], manifest()).await;
    invoke(&dispatcher, &one("7")).await.expect("attempt 1");
    let ours = stopped(&last(&service), "arn:1", Some(1), "EssentialContainerExited");
    let change = |edit: &dyn Fn(&mut Value)| {
        let mut event = ours.clone();
        edit(&mut event["detail"]);
        event.to_string()
    };
    let other = |text: &str| {
        let context = variable(&last(&service), "AWS_LAMBDA_FUNCTION_CONTEXT").expect("a context");
        let mut event = ours.clone();
        let variables =
            event["detail"]["overrides"]["containerOverrides"][0]["environment"].as_array_mut().expect("a list");
        variables.retain(|variable| variable["name"] != "AWS_LAMBDA_FUNCTION_CONTEXT");
        variables.push(json!({ "name": "AWS_LAMBDA_FUNCTION_CONTEXT", "value": context.replace("ingest", text) }));
        event.to_string()
    };
    let events = [
        change(&|detail| detail["lastStatus"] = json!("RUNNING")),
        change(&|detail| {
            detail["overrides"]["containerOverrides"][0]["name"] = json!("web");
            detail["containers"][0]["name"] = json!("web");
        }),
        change(&|detail| {
            detail["taskDefinitionArn"] = json!("arn:aws:ecs:eu-central-1:111111111111:task-definition/web:1");
        }),
        change(&|detail| {
            detail["overrides"] = json!({});
            detail["taskDefinitionArn"] = json!("arn:aws:ecs:eu-central-1:111111111111:task-definition/web:1");
        }),
    ];
    let failed = invoke(&dispatcher, &other("another")).await.expect_err("our family, and another function");
    assert!(failed.0.contains("another"), "{failed}");
    for event in events {
        invoke(&dispatcher, &event).await.expect("ignored");
        service.with(|state| assert_eq!((state.calls.len(), state.described), (1, 0), "{event}"));
    }
}

/// An event whose variable of this name has this value; without a value it has no such variable.
fn with_variable(event: &Value, name: &str, value: Option<&str>) -> Value {
    let mut event = event.clone();
    let variables =
        event["detail"]["overrides"]["containerOverrides"][0]["environment"].as_array_mut().expect("a list");
    variables.retain(|variable| variable["name"] != name);
    variables.extend(value.map(|value| json!({ "name": name, "value": value })));
    event
}

const FIRST: &str = "arn:aws:ecs:eu-central-1:111111111111:task/default/1";
const MASK: Option<&str> = Some("HIDDEN_DUE_TO_SECURITY_REASONS");

/// An order that can't be read in each of its ways.
fn unreadable(event: &Value) -> Vec<Value> {
    let context = "AWS_LAMBDA_FUNCTION_CONTEXT";
    let mut nothing_of_it = event.clone();
    nothing_of_it["detail"]["overrides"]["containerOverrides"][0]["environment"] =
        json!([{ "name": "A", "value": "1" }]);
    vec![
        with_variable(event, context, Some("{\"awsRequestId\":\"r-1\",\"functionNa")),
        with_variable(event, context, MASK),
        with_variable(event, context, Some("")),
        with_variable(event, context, None),
        with_variable(event, "AWS_LAMBDA_FUNCTION_EVENT", MASK),
        with_variable(event, "AWS_LAMBDA_FUNCTION_EVENT", Some("{\"n\":")),
        with_variable(event, "IMMORTAL_ATTEMPT", MASK),
        nothing_of_it,
    ]
}

#[tokio::test]
async fn an_order_that_the_event_shows_in_part_is_asked_for() {
    for row in 0..8 {
        let service = Service::start().await;
        let dispatcher = service.dispatcher(&[], manifest()).await;
        invoke(&dispatcher, &one("7")).await.expect("attempt 1");
        let event = unreadable(&stopped(&last(&service), FIRST, Some(1), "EssentialContainerExited"))[row].clone();
        invoke(&dispatcher, &event.to_string()).await.expect("the next attempt");
        assert_eq!(variable(&last(&service), "IMMORTAL_ATTEMPT").as_deref(), Some("2"), "{event}");
        assert_eq!(variable(&last(&service), "AWS_LAMBDA_FUNCTION_EVENT").as_deref(), Some("7"), "{event}");
        service.with(|state| assert_eq!((state.tasks.len(), state.described), (2, 1), "{event}"));
    }
}

#[tokio::test]
async fn an_order_that_nobody_can_read_is_never_ignored_unless_the_task_succeeded() {
    let service = Service::start().await;
    let dispatcher = service.dispatcher(&[], manifest()).await;
    invoke(&dispatcher, &one("7")).await.expect("attempt 1");
    let call = last(&service);
    let hidden = |exit| unreadable(&stopped(&call, FIRST, exit, "EssentialContainerExited"));
    let overrides = hidden(None)[1]["detail"]["overrides"].clone();
    service.with(|state| {
        for (_, task) in state.tasks.values_mut() {
            task["overrides"] = overrides.clone();
        }
    });
    for event in hidden(Some(1)).into_iter().chain(hidden(None)) {
        let failed = invoke(&dispatcher, &event.to_string()).await.expect_err("it fails");
        assert!(failed.0.contains(FIRST) && failed.0.contains("startedBy"), "{failed}");
        let queued = json!({ "messageId": "m-9", "eventSource": "aws:sqs", "body": event.to_string() });
        assert_eq!(named(&invoke(&dispatcher, &batch(&[queued])).await.expect("an answer")), ["m-9"]);
    }
    for event in hidden(Some(0)) {
        let described = service.with(|state| state.described);
        invoke(&dispatcher, &event.to_string()).await.expect("it succeeded");
        service.with(|state| assert_eq!((state.tasks.len(), state.described), (1, described + 1), "asked for once"));
    }
}

#[tokio::test]
async fn an_exit_code_as_text_is_read() {
    let service = Service::start().await;
    let dispatcher = service.dispatcher(&[], manifest()).await;
    invoke(&dispatcher, &one("7")).await.expect("attempt 1");
    let mut event = stopped(&last(&service), FIRST, None, "EssentialContainerExited");
    for (exit, tasks) in [("0", 1), ("1", 2)] {
        event["detail"]["containers"][0]["exitCode"] = json!(exit);
        invoke(&dispatcher, &event.to_string()).await.expect("it is read");
        service.with(|state| assert_eq!(state.tasks.len(), tasks, "{exit}"));
    }
}

fn notification(event: &Value) -> Value {
    json!({ "Type": "Notification", "TopicArn": "t", "Message": event.to_string(), "MessageAttributes": {} })
}

/// Each way in which an event comes to the dispatcher, and whether it is ECS's own.
fn ways(event: &Value) -> [(Value, bool); 7] {
    let queued = |body: String| json!({ "Records": [{ "messageId": "m-9", "eventSource": "aws:sqs", "body": body }] });
    let wrapped = json!({ "version": "1.0", "requestPayload": event, "requestContext": {
        "requestId": "own", "functionArn": format!("{PRIMARY}Dlq"), "condition": "RetriesExhausted" } });
    let on_a_bus = json!({ "source": "lambda", "detail-type": "any", "detail": wrapped });
    [
        (event.clone(), true),
        (json!({ "Records": [{ "EventSource": "aws:sns", "Sns": notification(event) }] }), false),
        (queued(event.to_string()), false),
        (queued(notification(event).to_string()), false),
        (queued(on_a_bus.to_string()), false),
        (wrapped, false),
        (on_a_bus, false),
    ]
}

#[tokio::test]
async fn only_ecs_itself_names_a_handler() {
    for row in 0..7 {
        let service = Service::start().await;
        let dispatcher = service.dispatcher(&[], manifest()).await;
        invoke(&dispatcher, &one("7")).await.expect("attempt 1");
        let event = stopped(&last(&service), FIRST, Some(1), "EssentialContainerExited");
        let event = with_variable(&event, "AWS_LAMBDA_HANDLER_PATH", Some("another"));
        let (payload, is_own) = &ways(&event)[row];
        let response = invoke(&dispatcher, &payload.to_string()).await.expect("the next attempt");
        assert!(named(&response).is_empty(), "{payload}");
        let call = last(&service);
        assert_eq!(variable(&call, "IMMORTAL_ATTEMPT").as_deref(), Some("2"), "{payload}");
        assert_eq!(variable(&call, "AWS_LAMBDA_HANDLER_PATH").is_some(), *is_own, "{payload}");
    }
}

#[tokio::test]
async fn a_queue_names_no_object_of_anothers() {
    let service = Service::start().await;
    let dispatcher = service.dispatcher(&[("IMMORTAL_EVENT_BUCKET", "events")], manifest()).await;
    invoke(&dispatcher, &one("7")).await.expect("attempt 1");
    let event = stopped(&last(&service), FIRST, Some(1), "EssentialContainerExited");
    let event = with_variable(&event, "AWS_LAMBDA_FUNCTION_EVENT", None);
    let queued = |uri: &str| {
        let event = with_variable(&event, "IMMORTAL_EVENT_S3", Some(uri));
        batch(&[json!({ "messageId": "m-9", "eventSource": "aws:sqs", "body": event.to_string() })])
    };
    for uri in ["s3://payroll/2026.json", "s3://events/immortal/other/r-1/x", "s3://events/immortal/ingest/r-2/x"] {
        assert_eq!(named(&invoke(&dispatcher, &queued(uri)).await.expect("an answer")), ["m-9"], "{uri}");
    }
    service.with(|state| assert_eq!(state.tasks.len(), 1));
    let own = format!("s3://events/immortal/ingest/r-1/{}", "0".repeat(64));
    assert!(named(&invoke(&dispatcher, &queued(&own)).await.expect("an answer")).is_empty());
    assert_eq!(variable(&last(&service), "IMMORTAL_EVENT_S3"), Some(own));
}
