//! Each answer of the service, and what became of the record.

use std::{
    collections::BTreeSet,
    sync::Arc,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tokio::sync::Semaphore;

use super::service::{NOW, Service, ServiceFault, invoke, invoke_for};
use crate::{
    dispatcher::{invocation_failure::tests::PRIMARY, task_overrides::TaskOverrides},
    manifest::{DispatchOn, Manifest},
    task_size::TaskSize,
};

pub(super) fn manifest() -> Manifest {
    Manifest::new("ingest", "ingest", "1")
}

pub(super) fn message(id: &str, request_id: &str, body: &str, sent: i64) -> Value {
    json!({ "messageId": id, "eventSource": "aws:sqs", "body": body,
        "eventSourceARN": "arn:aws:sqs:eu-central-1:111111111111:failures", "receiptHandle": format!("receipt of {id}"),
        "attributes": { "SentTimestamp": sent.to_string(), "ApproximateReceiveCount": "1" },
        "messageAttributes": { "RequestID": { "stringValue": request_id }, "ErrorMessage": { "stringValue": "no such table" } } })
}

pub(super) fn batch(messages: &[Value]) -> String {
    json!({ "Records": messages }).to_string()
}

pub(super) fn one(body: &str) -> String {
    batch(&[message("m-1", "r-1", body, NOW)])
}

/// Who went back.
pub(super) async fn back(service: &Service, payload: &str) -> Vec<String> {
    let dispatcher = service.dispatcher(&[], manifest()).await;
    named(&invoke(&dispatcher, payload).await.expect("a partial batch response"))
}

pub(super) fn named(response: &crate::dispatcher::response::BatchResponse) -> Vec<String> {
    let json = serde_json::to_value(response).expect("plain data");
    let failures = json["batchItemFailures"].as_array().expect("a list");
    failures.iter().map(|item| item["itemIdentifier"].as_str().expect("a text").to_owned()).collect()
}

pub(super) fn last(service: &Service) -> Value {
    service.with(|state| serde_json::from_str(state.calls.last().expect("a call")).expect("JSON"))
}

pub(super) fn variable(call: &Value, name: &str) -> Option<String> {
    let variables = call["overrides"]["containerOverrides"][0]["environment"].as_array()?;
    let found = variables.iter().find(|variable| variable["name"] == name)?;
    found["value"].as_str().map(str::to_owned)
}

#[tokio::test]
async fn what_is_measured_is_what_is_sent() {
    let service = Service::start().await;
    let manifest =
        Manifest { cpu: Some(1024), memory: Some(4096), storage: Some(50), limit: Some(1_500), ..manifest() };
    let event = "{\"a\":\"\\u0001\\\"\\\\ä😀\u{7f}\\n\",\n\t\"b\":1e400}";
    let variables = [("IMMORTAL_SECURITY_GROUPS", "sg-1"), ("IMMORTAL_ASSIGN_PUBLIC_IP", "DISABLED")];
    let dispatcher = service.dispatcher(&variables, manifest).await;
    assert!(named(&invoke(&dispatcher, &one(event)).await.expect("an answer")).is_empty());
    let text = service.with(|state| state.calls[0].clone());
    let call: Value = serde_json::from_str(&text).expect("JSON");
    let lookup = |name: &str| variable(&call, name);
    let order = crate::order::Order::from_variables(lookup).expect("our own order");
    let size = Some(TaskSize { cpu: 1024, memory: 4096 });
    let mirror = TaskOverrides::new("runner", &order, &order.event, size, Some(50));
    let mirror = serde_json::to_string(&mirror).expect("plain data");
    assert!(text.contains(&format!("\"overrides\":{mirror}")), "{text}\n{mirror}");
    assert_eq!(variable(&call, "AWS_LAMBDA_FUNCTION_EVENT").as_deref(), Some(event));
    assert_eq!((order.attempt, order.limit), (1, Some(2)));
    assert_eq!(
        (&call["cluster"], &call["taskDefinition"], &call["count"]),
        (&json!("default"), &json!("runner"), &json!(1))
    );
    assert_eq!((&call["launchType"], &call["startedBy"]), (&json!("FARGATE"), &json!("r-1")));
    let network =
        json!({ "subnets": ["subnet-1", "subnet-2"], "securityGroups": ["sg-1"], "assignPublicIp": "DISABLED" });
    assert_eq!(call["networkConfiguration"]["awsvpcConfiguration"], network);
    assert_eq!((call.get("propagateTags"), call.get("enableExecuteCommand")), (None, None));
}

#[tokio::test]
async fn a_task_has_tags_and_commands_where_that_is_asked_for() {
    let service = Service::start().await;
    let variables = [("IMMORTAL_PROPAGATE_TAGS", "true"), ("IMMORTAL_EXECUTE_COMMAND", "true")];
    let dispatcher = service.dispatcher(&variables, manifest()).await;
    assert!(named(&invoke(&dispatcher, &one("1")).await.expect("an answer")).is_empty());
    let call = last(&service);
    assert_eq!((&call["propagateTags"], &call["enableExecuteCommand"]), (&json!("TASK_DEFINITION"), &json!(true)));
}

#[tokio::test]
async fn what_passes_ends_in_one_task() {
    let network = "Error retrieving subnets (RequestLimitExceeded)";
    let faults = [
        ServiceFault::Refuse(400, "ThrottlingException", "Rate exceeded"),
        ServiceFault::Refuse(400, "InvalidParameterException", network),
        ServiceFault::Refuse(500, "ServerException", ""),
        ServiceFault::Refuse(503, "", ""),
        ServiceFault::CutBefore,
        ServiceFault::CutAfter,
        ServiceFault::Say(""),
        ServiceFault::Say("{}"),
        ServiceFault::Say("<html>"),
        ServiceFault::Say(r#"{"tasks":[],"failures":[{"arn":"x","reason":"Capacity is unavailable at this time"}]}"#),
    ];
    for fault in faults {
        let service = Service::start().await;
        service.with(|state| state.faults = vec![fault.clone()]);
        assert!(back(&service, &one("1")).await.is_empty(), "{fault:?}");
        service.with(|state| {
            assert_eq!((state.calls.len(), state.tasks.len()), (2, 1), "{fault:?}");
            assert_eq!(state.calls[0], state.calls[1], "the same request for the same token");
        });
    }
}

#[tokio::test]
async fn what_stays_goes_back_at_once() {
    let faults = [
        ServiceFault::Refuse(400, "AccessDeniedException", "not authorized"),
        ServiceFault::Refuse(400, "ClusterNotFoundException", "Cluster not found."),
        ServiceFault::Refuse(400, "ConflictException", "no task"),
        ServiceFault::Refuse(404, "", ""),
        ServiceFault::Say(r#"{"tasks":[],"failures":[{"arn":"x","reason":"MISSING"}]}"#),
    ];
    for fault in faults {
        let service = Service::start().await;
        service.with(|state| state.faults = vec![fault.clone()]);
        assert_eq!(back(&service, &one("1")).await, ["m-1"], "{fault:?}");
        service.with(|state| assert_eq!((state.calls.len(), state.tasks.len()), (1, 0), "{fault:?}"));
    }
}

#[tokio::test]
async fn what_is_not_answered_goes_back_in_time() {
    let service = Service::behind(Arc::new(Semaphore::new(0))).await;
    let dispatcher = service.dispatcher(&[], manifest()).await;
    let begin = Instant::now();
    let response = invoke_for(&dispatcher, &one("1"), 2_000).await.expect("a partial batch response");
    assert_eq!(named(&response), ["m-1"]);
    assert!(begin.elapsed() < Duration::from_secs(2), "there was time to answer: {:?}", begin.elapsed());
    service.with(|state| assert!(state.most >= 2, "a call is bound well inside the deadline"));
}

#[tokio::test]
async fn a_poison_record_goes_back_alone() {
    let service = Service::start().await;
    let mut messages: Vec<_> = (0..10).map(|n| message(&format!("m-{n}"), &format!("r-{n}"), "1", NOW)).collect();
    messages[4]["messageAttributes"] = json!({});
    messages[4]["body"] = json!(r#"{"Service":"Amazon S3","Event":"s3:TestEvent"}"#);
    assert_eq!(back(&service, &batch(&messages)).await, ["m-4"]);
    service.with(|state| assert_eq!(state.tasks.len(), 9));
}

#[tokio::test]
async fn a_batch_of_ten_is_ten_calls_side_by_side() {
    let service = Service::behind(Arc::new(Semaphore::new(0))).await;
    let messages: Vec<_> = (0..25).map(|n| message(&format!("m-{n}"), &format!("r-{n}"), "1", NOW)).collect();
    let dispatcher = service.dispatcher(&[], manifest()).await;
    let payload = batch(&messages);
    let mut invocation = tokio::spawn(async move { invoke(&dispatcher, &payload).await });
    let mut open = service.open.subscribe();
    tokio::select! {
        ten = open.wait_for(|open| *open == 10) => drop(ten.expect("the service runs")),
        ended = &mut invocation => panic!("it ended before ten calls were open: {ended:?}"),
    }
    service.door.add_permits(1_000);
    assert!(named(&invocation.await.expect("no panic").expect("an answer")).is_empty());
    service.with(|state| assert_eq!((state.most, state.tasks.len()), (10, 25)));
}

#[tokio::test]
async fn one_failure_is_one_task_in_whichever_shape_and_however_often() {
    let service = Service::start().await;
    let dispatcher = service.dispatcher(&[], manifest()).await;
    let record = json!({ "version": "1.0", "requestPayload": 1,
        "requestContext": { "requestId": "r-1", "functionArn": format!("{PRIMARY}:$LATEST"), "condition": "RetriesExhausted" },
        "responseContext": { "executedVersion": "7" }, "responsePayload": { "errorType": "Sandbox.Timedout" } })
    .to_string();
    let other = json!({ "messageId": "m-2", "eventSource": "aws:sqs", "body": record, "attributes": { "SentTimestamp": NOW.to_string() } });
    for payload in [one("1"), one("1"), batch(&[other]), record] {
        assert!(named(&invoke(&dispatcher, &payload).await.expect("an answer")).is_empty());
    }
    service.with(|state| assert_eq!((state.calls.len(), state.tasks.len()), (4, 1)));
}

#[tokio::test]
async fn without_spot_capacity_it_is_fargate() {
    let service = Service::start().await;
    service.with(|state| {
        let body = r#"{"tasks":[],"failures":[{"arn":"x","reason":"Capacity is unavailable at this time"}]}"#;
        state.faults = vec![ServiceFault::Refuse(500, "ServerException", ""), ServiceFault::Say(body)];
    });
    let dispatcher = service.dispatcher(&[], Manifest { spot: true, ..manifest() }).await;
    assert!(named(&invoke(&dispatcher, &one("1")).await.expect("an answer")).is_empty());
    service.with(|state| {
        let kinds: Vec<_> = state.calls.iter().map(|call| call.contains("FARGATE_SPOT")).collect();
        assert_eq!(kinds, [true, true, false]);
        assert!(state.calls[2].contains(r#""launchType":"FARGATE""#), "{}", state.calls[2]);
    });
    let tokens = tokens(&service);
    assert_eq!(tokens[0], tokens[1], "the same request");
    assert_ne!(tokens[1], tokens[2], "another request");
}

fn tokens(service: &Service) -> Vec<String> {
    let token = |call: &String| {
        let call: Value = serde_json::from_str(call).expect("JSON");
        call["clientToken"].as_str().expect("a token").to_owned()
    };
    service.with(|state| state.calls.iter().map(token).collect())
}

#[tokio::test]
async fn spot_is_left_after_a_definite_answer_only() {
    let faults = [
        ServiceFault::CutBefore,
        ServiceFault::CutAfter,
        ServiceFault::Say("{}"),
        ServiceFault::Refuse(500, "ServerException", "Capacity is unavailable at this time"),
        ServiceFault::Refuse(400, "ThrottlingException", "Rate exceeded"),
    ];
    for fault in faults {
        let service = Service::start().await;
        service.with(|state| state.faults = vec![fault.clone()]);
        let dispatcher = service.dispatcher(&[], Manifest { spot: true, ..manifest() }).await;
        assert!(named(&invoke(&dispatcher, &one("1")).await.expect("an answer")).is_empty());
        service.with(|state| {
            assert_eq!(state.tasks.len(), 1, "{fault:?}");
            assert!(state.calls.iter().all(|call| call.contains("FARGATE_SPOT")), "{fault:?}");
        });
        let tokens = tokens(&service);
        assert!(tokens.len() == 2 && tokens[0] == tokens[1], "{fault:?}");
    }
}

#[tokio::test]
async fn on_killed_leaves_the_handlers_own_errors_in_the_queue() {
    let service = Service::start().await;
    let dispatcher = service.dispatcher(&[], Manifest { on: DispatchOn::Killed, ..manifest() }).await;
    let mut killed = message("m-2", "r-2", "1", NOW);
    killed["messageAttributes"]["ErrorMessage"]["stringValue"] = json!("Task timed out after 3.00 seconds");
    let response = invoke(&dispatcher, &batch(&[message("m-1", "r-1", "1", NOW), killed])).await.expect("an answer");
    assert_eq!(named(&response), ["m-1"]);
    service.with(|state| assert_eq!(state.tasks.len(), 1));
}

#[tokio::test]
async fn each_of_many_events_is_in_one_task_or_back() {
    let service = Service::start().await;
    let mut random = fastrand::Rng::with_seed(11);
    let faults = (0..60).map(|_| match random.u8(..) {
        0..12 => ServiceFault::CutBefore,
        12..24 => ServiceFault::CutAfter,
        24..36 => ServiceFault::Refuse(500, "ServerException", ""),
        36..48 => ServiceFault::Refuse(400, "AccessDeniedException", ""),
        _ => ServiceFault::Say("{}"),
    });
    service.with(|state| state.faults = faults.collect());
    let dispatcher = service.dispatcher(&[], manifest()).await;
    let mut open: BTreeSet<String> = (0..40).map(|n| n.to_string()).collect();
    let all = open.clone();
    while !open.is_empty() {
        let ids: Vec<_> = open.iter().take(10).cloned().collect();
        let messages: Vec<_> = ids.iter().map(|id| message(id, id, "1", NOW)).collect();
        let returned = named(&invoke(&dispatcher, &batch(&messages)).await.expect("an answer"));
        assert!(returned.iter().all(|id| ids.contains(id)));
        open.retain(|id| !ids.contains(id) || returned.contains(id));
    }
    let started = service.with(|state| {
        let calls = state.tasks.values().map(|(call, _)| serde_json::from_str(call).expect("JSON"));
        let ids: Vec<_> = calls.map(|call: Value| call["startedBy"].as_str().expect("a text").to_owned()).collect();
        ids
    });
    assert_eq!((started.len(), started.into_iter().collect::<BTreeSet<_>>()), (40, all));
}
