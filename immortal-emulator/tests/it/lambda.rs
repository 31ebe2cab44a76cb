//! Lambda through the real client, with a real runtime in the sandbox.

use std::{collections::BTreeMap, time::Duration};

use aws_sdk_lambda::{error::ProvideErrorMetadata as _, primitives::Blob, types::InvocationType};
use immortal_emulator::{
    Emulator, EntryKind, EntrySource, FailureTarget, Fault, FaultKind, FaultedCalls, Function, Queue,
};
use serde_json::{Value, json};

use crate::{
    bootstrap::{package, script},
    clients::{emulator, lambda, wait_for},
};

fn function() -> Function {
    Function { retries: 0, timeout: Duration::from_secs(20), ..Function::new("ingest", package()) }
}

async fn call(emulator: &Emulator, event: &Value) -> (Option<String>, Value) {
    let client = lambda(emulator).await;
    let payload = Blob::new(event.to_string());
    let answer = client.invoke().function_name("ingest").payload(payload).send().await.expect("an answer");
    let payload = answer.payload().map(Blob::as_ref).unwrap_or_default();
    (answer.function_error().map(str::to_owned), serde_json::from_slice(payload).expect("JSON"))
}

#[tokio::test]
async fn a_function_gets_lambdas_environment_and_context() {
    let emulator = emulator().await;
    let environment = BTreeMap::from([("MINE".to_owned(), "1".to_owned())]);
    let arn = emulator.deploy(Function { environment, ..function() }).expect("sound");
    let (error, first) = call(&emulator, &json!({ "n": 1 })).await;
    assert_eq!(error, None);
    assert_eq!((&first["event"], &first["arn"]), (&json!({ "n": 1 }), &json!(arn)));
    let variable = |name: &str| first["environment"][name].as_str().unwrap_or_default().to_owned();
    assert_eq!(variable("MINE"), "1");
    assert_eq!(variable("AWS_LAMBDA_FUNCTION_NAME"), "ingest");
    assert_eq!(variable("AWS_LAMBDA_FUNCTION_VERSION"), "$LATEST");
    assert_eq!(variable("AWS_ENDPOINT_URL"), emulator.endpoint());
    assert_eq!(variable("HOME"), "", "nothing of this process");
    let (_, second) = call(&emulator, &json!({ "n": 2 })).await;
    assert_eq!(second["pid"], first["pid"], "a warm sandbox");
    assert_ne!(second["id"], first["id"]);
}

#[tokio::test]
async fn several_invocations_have_a_sandbox_each() {
    let emulator = emulator().await;
    emulator.deploy(function()).expect("sound");
    let client = lambda(&emulator).await;
    let hang = || Blob::new(r#"{"do":"hang"}"#);
    for _ in 0..2 {
        let event = client.invoke().function_name("ingest").invocation_type(InvocationType::Event).payload(hang());
        let answer = event.send().await.expect("accepted");
        assert_eq!(answer.status_code(), 202);
    }
    let mut running = std::collections::BTreeSet::new();
    wait_for(&emulator, |entry| {
        if let EntryKind::Log { line, .. } = &entry.kind {
            running.extend(line.strip_prefix("saw ").map(str::to_owned));
        }
        (running.len() == 2).then_some(())
    })
    .await;
    emulator.shutdown().await;
}

#[tokio::test]
async fn each_failure_is_reported_with_lambdas_message() {
    let emulator = emulator().await;
    emulator.deploy(Function { timeout: Duration::from_secs(3), ..function() }).expect("sound");
    for (event, error_type, message) in [
        (json!({ "do": "fail" }), "alloc::boxed::Box", "it failed"),
        (json!({ "do": "exit", "code": 1 }), "Runtime.ExitError", "Error: Runtime exited with error: exit status 1"),
        (json!({ "do": "exit", "code": 0 }), "Runtime.ExitError", "Error: Runtime exited without providing a reason"),
        (json!({ "do": "kill" }), "Runtime.ExitError", "Error: Runtime exited with error: signal: killed"),
        (
            json!({ "do": "large" }),
            "Function.ResponseSizeTooLarge",
            "exceeded maximum allowed payload size (6291556 bytes)",
        ),
        (json!({ "do": "hang" }), "Sandbox.Timedout", "Error: Task timed out after 3.00 seconds"),
    ] {
        let (error, payload) = call(&emulator, &event).await;
        assert_eq!(error.as_deref(), Some("Unhandled"), "{event}");
        let text = |name: &str| payload[name].as_str().unwrap_or_default().to_owned();
        assert!(text("errorType").contains(error_type), "{payload}");
        assert!(text("errorMessage").contains(message), "{payload}");
    }
}

#[tokio::test]
async fn a_process_that_replaces_itself_stays_the_sandbox() {
    let emulator = emulator().await;
    emulator.deploy(function()).expect("sound");
    let (_, first) = call(&emulator, &json!({})).await;
    let (error, payload) = call(&emulator, &json!({ "do": "fail then exec" })).await;
    assert_eq!((error.as_deref(), &payload["errorType"]), (Some("Unhandled"), &json!("Immortal.HandedOver")));
    let (error, next) = call(&emulator, &json!({})).await;
    assert_eq!((error, &next["pid"]), (None, &first["pid"]));
}

#[tokio::test]
async fn a_failed_init_is_repeated_and_reported() {
    let emulator = emulator().await;
    let environment = BTreeMap::from([("FAIL_INIT".to_owned(), "1".to_owned())]);
    emulator.deploy(Function { environment, ..function() }).expect("sound");
    let (error, payload) = call(&emulator, &json!({})).await;
    assert_eq!((error.as_deref(), &payload["errorMessage"]), (Some("Unhandled"), &json!("no database")));
    emulator.deploy(Function { zip: script("#!/no/such/interpreter\n").into(), ..function() }).expect("sound");
    let (_, payload) = call(&emulator, &json!({})).await;
    assert_eq!(payload["errorType"], "Runtime.InvalidEntrypoint");
}

#[tokio::test]
async fn retries_wait_and_the_failure_is_recorded_with_the_events_bytes() {
    let emulator = emulator().await;
    let queue = emulator.create_queue(Queue::new("failures"));
    let on_failure = Some(FailureTarget::OnFailure(queue.clone()));
    let arn = emulator.deploy(Function { retries: 2, on_failure, ..function() }).expect("sound");
    let event = r#"{"do" : "fail", "n": 1.50, "n": 12345678901234567890123, "é": "\u00e9"}"#;
    let id = emulator.invoke("ingest", event).await.expect("accepted");
    let queued = wait_for(&emulator, |entry| match &entry.kind {
        EntryKind::Queued { request_id, .. } => request_id.clone(),
        _ => None,
    })
    .await;
    assert_eq!(queued, id);
    let waits: Vec<_> = emulator
        .journal()
        .iter()
        .filter_map(|entry| match entry.kind {
            EntryKind::Retrying { after } => Some(after.as_millis()),
            _ => None,
        })
        .collect();
    assert_eq!(waits, [60, 120], "one and two minutes, scaled");
    let body = &emulator.messages("failures")[0].body;
    assert!(body.contains(&format!(r#""requestPayload":{event},"#)), "{body}");
    let record: Value = serde_json::from_str(body).expect("JSON");
    assert_eq!(
        record["requestContext"],
        json!({
            "requestId": id,
            "functionArn": format!("{arn}:$LATEST"),
            "condition": "RetriesExhausted",
            "approximateInvokeCount": 3,
        })
    );
    let context = json!({ "statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled" });
    assert_eq!(record["responseContext"], context);
    assert_eq!(record["responsePayload"]["errorMessage"], "it failed");

    emulator
        .deploy(Function { on_failure: Some(FailureTarget::DeadLetterConfig(queue)), ..function() })
        .expect("sound");
    let id = emulator.invoke("ingest", event).await.expect("accepted");
    wait_for(&emulator, |entry| match &entry.kind {
        EntryKind::Queued { request_id, .. } if request_id.as_ref() == Some(&id) => Some(()),
        _ => None,
    })
    .await;
    let message = emulator.messages("failures").pop().expect("the second");
    assert_eq!(message.body, event);
    let attribute = |name: &str| (message.attributes[name].data_type.clone(), message.attributes[name].value.clone());
    assert_eq!(attribute("RequestID"), ("String".to_owned(), id));
    assert_eq!(attribute("ErrorCode"), ("Number".to_owned(), "200".to_owned()));
    assert_eq!(attribute("ErrorMessage"), ("String".to_owned(), "it failed".to_owned()));
}

#[tokio::test]
async fn an_event_too_large_for_the_queue_is_discarded() {
    let emulator = emulator().await;
    let queue = emulator.create_queue(Queue::new("failures"));
    for target in [FailureTarget::OnFailure, FailureTarget::DeadLetterConfig] {
        emulator.deploy(Function { on_failure: Some(target(queue.clone())), ..function() }).expect("sound");
        let event = json!({ "do": "fail", "bulk": "x".repeat((1 << 20) - 100) }).to_string();
        let request = emulator.invoke("ingest", event).await.expect("it is deployed");
        wait_for(&emulator, |entry| match (&entry.source, &entry.kind) {
            (EntrySource::Lambda { request_id, .. }, EntryKind::Discarded) => (*request_id == request).then_some(()),
            _ => None,
        })
        .await;
    }
    assert!(emulator.messages("failures").is_empty());
}

#[tokio::test]
async fn a_line_is_recorded_before_the_response_that_follows_it() {
    let emulator = emulator().await;
    emulator.deploy(function()).expect("sound");
    for _ in 0..20 {
        let (_, payload) = call(&emulator, &json!({})).await;
        let id = payload["id"].as_str().unwrap_or_default();
        let entries = emulator.journal();
        let mine = entries
            .iter()
            .filter(|entry| matches!(&entry.source, EntrySource::Lambda { request_id, .. } if request_id == id));
        let order: Vec<_> = mine
            .filter_map(|entry| match &entry.kind {
                EntryKind::Log { line, .. } if line.starts_with("saw ") => Some("line"),
                EntryKind::Answered { .. } => Some("answer"),
                _ => None,
            })
            .collect();
        assert_eq!(order, ["line", "answer"]);
    }
}

#[tokio::test]
async fn invalid_invocations_are_rejected_as_by_lambda() {
    let emulator = emulator().await;
    emulator.deploy(function()).expect("sound");
    let client = lambda(&emulator).await;
    let event = |name: &str, payload: &str| {
        client.invoke().function_name(name).invocation_type(InvocationType::Event).payload(Blob::new(payload)).send()
    };
    let large = format!("{:?}", "x".repeat(1 << 20));
    for (name, payload, code) in [
        ("nobody", "{}", "ResourceNotFoundException"),
        ("arn:aws:lambda:eu-west-1:123456789012:function:ingest", "{}", "ResourceNotFoundException"),
        ("ingest", "{", "InvalidRequestContentException"),
        ("ingest", &large, "RequestTooLargeException"),
    ] {
        assert_eq!(event(name, payload).await.expect_err(code).code(), Some(code));
    }
}

#[tokio::test]
async fn get_function_returns_a_version_and_its_codes_location() {
    let emulator = emulator().await;
    let layer = emulator.publish_layer("tools", script("layer"));
    let odd = Function {
        layers: vec![layer.clone()],
        file_systems: vec![("arn:efs".into(), "/mnt/x".into())],
        durable: true,
        environment_error: Some(("AccessDeniedException".into(), "no key".into())),
        ..function()
    };
    emulator.deploy(odd).expect("sound");
    assert_eq!(emulator.publish_version("ingest").expect("published"), "1");
    emulator.deploy(Function { zip: script("newer").into(), ..function() }).expect("sound");
    let client = lambda(&emulator).await;
    let got = client.get_function().function_name("ingest").qualifier("1").send().await.expect("got");
    let configuration = got.configuration().expect("there");
    assert_eq!(configuration.version(), Some("1"));
    assert_eq!(configuration.layers()[0].arn(), Some(layer.as_str()));
    assert_eq!(configuration.file_system_configs()[0].local_mount_path(), "/mnt/x");
    assert!(configuration.durable_config().is_some());
    let error = configuration.environment().and_then(|environment| environment.error()).expect("there");
    assert_eq!(error.error_code(), Some("AccessDeniedException"));
    let latest = client.get_function().function_name("ingest").send().await.expect("got");
    assert_ne!(latest.configuration().expect("there").code_sha256(), configuration.code_sha256());
    let layer = client.get_layer_version_by_arn().arn(&layer).send().await.expect("got");
    assert_eq!(layer.version(), 1);
    assert!(layer.content().and_then(|content| content.location()).is_some());
    let layer = client.get_layer_version().layer_name("tools").version_number(1).send().await.expect("got");
    assert!(layer.content().and_then(|content| content.code_sha256()).is_some());
    let error = client.get_function().function_name("ingest").qualifier("9").send().await.expect_err("no such version");
    assert_eq!(error.code(), Some("ResourceNotFoundException"));
    emulator.inject(Fault { operation: "GetFunction", kind: FaultKind::Throttle, calls: FaultedCalls::Next(1) });
    let error = client.get_function().function_name("ingest").send().await.expect_err("scripted");
    assert_eq!(error.code(), Some("TooManyRequestsException"));
}

#[tokio::test]
async fn a_sandbox_that_exceeds_its_memory_is_killed() {
    let emulator = emulator().await;
    let growing = script("#!/bin/sh\nhead -c 300000000 /dev/zero | tail -c 300000000 | sleep 60\n");
    emulator.deploy(Function { zip: growing.into(), memory: 128, ..function() }).expect("sound");
    let (error, told) = call(&emulator, &json!(1)).await;
    assert_eq!((error.as_deref(), &told["errorType"]), (Some("Unhandled"), &json!("Runtime.OutOfMemory")));
    assert!(told["errorMessage"].as_str().expect("a text").ends_with("signal: killed"), "{told}");
}

#[tokio::test]
async fn a_configuration_is_given_without_the_code() {
    let emulator = emulator().await;
    let environment = BTreeMap::from([("MINE".to_owned(), "1".to_owned())]);
    let arn = emulator.deploy(Function { environment, ..function() }).expect("sound");
    let client = lambda(&emulator).await;
    let plain = client.get_function_configuration().function_name("ingest").send().await.expect("there");
    assert_eq!((plain.function_name(), plain.function_arn()), (Some("ingest"), Some(arn.as_str())));
    let variables = plain.environment().and_then(|environment| environment.variables()).expect("set");
    assert_eq!(variables["MINE"], "1");
    let latest = client.get_function_configuration().function_name(&arn).qualifier("$LATEST").send().await;
    assert_eq!(latest.expect("there").function_arn(), Some(format!("{arn}:$LATEST").as_str()));
    let missing = client.get_function_configuration().function_name("nope").send().await.expect_err("no such function");
    assert_eq!(missing.code(), Some("ResourceNotFoundException"));
}
