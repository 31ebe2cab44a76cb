//! What is given up: one dead letter that says why, and a redrive that begins the next series.

use serde_json::{Value, json};

use super::{
    chain::{batch, last, manifest, message, named, one, variable},
    service::{NOW, Service, invoke, invoke_at},
    state_changes::stopped,
};
use crate::{
    dispatcher::invocation_failure::tests::PRIMARY,
    manifest::{DispatchOn, Manifest},
};

const QUEUE: (&str, &str) = ("IMMORTAL_DEAD_LETTER_QUEUE", "http://sqs.invalid/111111111111/dead");
const FIRST: &str = "arn:aws:ecs:eu-central-1:111111111111:task/default/1";

fn letters(service: &Service) -> Vec<Value> {
    service.with(|state| state.letters.clone())
}

fn attribute(letter: &Value, name: &str) -> Option<String> {
    letter["MessageAttributes"][name]["StringValue"].as_str().map(str::to_owned)
}

fn body(letter: &Value) -> Value {
    serde_json::from_str(letter["MessageBody"].as_str().expect("a body")).expect("JSON")
}

/// A dead letter as it comes back after a redrive: another message of the same body.
fn redriven(letter: &Value, id: &str) -> String {
    batch(&[json!({ "messageId": id, "eventSource": "aws:sqs", "body": letter["MessageBody"],
        "messageAttributes": { "ImmortalReason": { "stringValue": "why" } },
        "attributes": { "SentTimestamp": NOW.to_string() } })])
}

#[tokio::test]
async fn a_job_without_attempts_left_is_a_dead_letter_and_its_redrive_is_a_series() {
    let service = Service::start().await;
    let dispatcher = service.dispatcher(&[QUEUE], Manifest { attempts: 1, ..manifest() }).await;
    assert!(named(&invoke(&dispatcher, &one(r#"{"n": 1.0}"#)).await.expect("attempt 1")).is_empty());
    let stop = stopped(&last(&service), FIRST, Some(1), "EssentialContainerExited").to_string();
    let queued = batch(&[json!({ "messageId": "m-2", "eventSource": "aws:sqs", "body": stop })]);
    assert!(named(&invoke(&dispatcher, &queued).await.expect("an answer")).is_empty(), "it is done with the record");

    let [letter] = &letters(&service)[..] else { panic!("one letter: {:?}", letters(&service)) };
    assert_eq!(letter["QueueUrl"], QUEUE.1);
    let record = body(letter);
    assert_eq!(record["requestPayload"], json!({ "n": 1.0 }));
    assert_eq!(
        (&record["immortal"]["series"], &record["responsePayload"]["errorType"]),
        (&json!(1), &json!("Immortal.GivenUp"))
    );
    let reason = record["responsePayload"]["errorMessage"].as_str().expect("a reason");
    for part in ["r-1", "exit code 1", "last of 1 attempts", "/aws/ecs/ingest", "task/runner/1", "redrive"] {
        assert!(reason.contains(part), "{part}: {reason}");
    }
    assert_eq!(attribute(letter, "ImmortalTask").as_deref(), Some(FIRST));
    assert_eq!(attribute(letter, "ImmortalAttempts").as_deref(), Some("1"));

    service.all_are("STOPPED");
    let context = variable(&last(&service), "AWS_LAMBDA_FUNCTION_CONTEXT");
    for id in ["m-3", "m-4"] {
        assert!(named(&invoke(&dispatcher, &redriven(letter, id)).await.expect("an answer")).is_empty());
    }
    let call = last(&service);
    assert_eq!(variable(&call, "IMMORTAL_SERIES").as_deref(), Some("1"));
    assert_eq!(variable(&call, "IMMORTAL_ATTEMPT").as_deref(), Some("1"));
    assert_eq!(variable(&call, "AWS_LAMBDA_FUNCTION_CONTEXT"), context, "the same context");
    assert_eq!(variable(&call, "AWS_LAMBDA_FUNCTION_EVENT").as_deref(), Some(r#"{"n": 1.0}"#), "to the byte");
    service.with(|state| assert_eq!(state.tasks.len(), 2, "the second delivery starts nothing"));
}

#[tokio::test]
async fn an_order_that_names_the_function_only_by_its_name_is_redriven_too() {
    let service = Service::start().await;
    let dispatcher = service.dispatcher(&[QUEUE], Manifest { attempts: 1, ..manifest() }).await;
    invoke(&dispatcher, &one("1")).await.expect("attempt 1");
    let mut event = stopped(&last(&service), FIRST, Some(1), "EssentialContainerExited");
    // As the article's dispatcher orders it.
    let context = json!({ "awsRequestId": "r-1", "functionName": "ingest" });
    for variable in event["detail"]["overrides"]["containerOverrides"][0]["environment"].as_array_mut().expect("a list")
    {
        if variable["name"] == "AWS_LAMBDA_FUNCTION_CONTEXT" {
            variable["value"] = json!(context.to_string());
        }
    }
    invoke(&dispatcher, &event.to_string()).await.expect("given up");
    let letter = &letters(&service)[0];
    assert_eq!(body(letter)["requestContext"]["functionArn"], json!(format!("{PRIMARY}:$LATEST")));

    service.all_are("STOPPED");
    invoke(&dispatcher, &redriven(letter, "m-2")).await.expect("an answer");
    assert_eq!(letters(&service).len(), 1, "it is not refused");
    assert_eq!(variable(&last(&service), "IMMORTAL_SERIES").as_deref(), Some("1"));
}

#[tokio::test]
async fn a_list_that_is_refused_is_one_dead_letter() {
    let service = Service::start().await;
    let dispatcher = service.dispatcher(&[QUEUE], manifest()).await;
    let list = json!({ "Records": [{ "eventSource": "aws:s3", "s3": {} }, { "eventSource": "aws:s3", "s3": {} }] });
    let queued = batch(&[json!({ "messageId": "m-2", "eventSource": "aws:sqs", "body": list.to_string() })]);
    assert!(named(&invoke(&dispatcher, &queued).await.expect("an answer")).is_empty());
    let [letter] = &letters(&service)[..] else { panic!("one letter: {:?}", letters(&service)) };
    assert_eq!(letter["MessageBody"], json!(list.to_string()));
}

#[tokio::test]
async fn what_is_given_up_at_once_never_circles() {
    let killed = Manifest { on: DispatchOn::Killed, ..manifest() };
    let own_error = one("1");
    let mut unreadable = message("m-1", "r-1", "1", NOW);
    unreadable["messageAttributes"]["ErrorMessage"]["stringValue"] =
        json!("Immortal.UnreadableEvent: the event can't be read as `Export`");
    let test_event =
        batch(&[json!({ "messageId": "m-1", "eventSource": "aws:sqs", "body": r#"{"Event":"s3:TestEvent"}"# })]);
    let record = json!({ "version": "1.0", "requestPayload": 1, "requestContext": { "requestId": "r-1",
        "functionArn": format!("{PRIMARY}:$LATEST"), "condition": "RetriesExhausted" },
        "responseContext": { "executedVersion": "$LATEST" }, "responsePayload": { "errorType": "Immortal.UnreadableEvent" } });
    let table = [
        (own_error, &killed, "on = \"killed\"", true),
        (batch(&[unreadable]), &manifest(), "handler's type", true),
        (record.to_string(), &manifest(), "handler's type", true),
        (test_event, &manifest(), "s3:TestEvent", false),
    ];
    for (payload, manifest, reason, is_job) in table {
        let service = Service::start().await;
        let dispatcher = service.dispatcher(&[QUEUE], manifest.clone()).await;
        assert!(named(&invoke(&dispatcher, &payload).await.expect("an answer")).is_empty(), "{payload}");
        let [letter] = &letters(&service)[..] else { panic!("{payload}") };
        assert!(attribute(letter, "ImmortalReason").expect("a reason").contains(reason), "{letter}");
        assert_eq!(body(letter)["immortal"]["series"] == json!(1), is_job, "{letter}");
        service.with(|state| assert!(state.calls.is_empty(), "{payload}"));
    }
}

#[tokio::test]
async fn somebody_who_stops_a_task_finds_a_dead_letter() {
    let service = Service::start().await;
    let dispatcher = service.dispatcher(&[QUEUE], manifest()).await;
    invoke(&dispatcher, &one("1")).await.expect("attempt 1");
    let stop = stopped(&last(&service), FIRST, Some(143), "UserInitiated").to_string();
    invoke(&dispatcher, &stop).await.expect("it is given up");
    let [letter] = &letters(&service)[..] else { panic!("one letter") };
    assert!(attribute(letter, "ImmortalReason").expect("a reason").contains("somebody stopped"), "{letter}");
    service.all_are("STOPPED");
    let redriven = redriven(letter, "m-9");
    invoke_at(&dispatcher, &redriven, NOW + 2 * 86_400_000).await.expect("two days later");
    assert_eq!(variable(&last(&service), "IMMORTAL_SERIES").as_deref(), Some("1"));
    service.with(|state| {
        assert_eq!(state.tasks.len(), 2);
        assert_eq!(state.listed.last().map(|filter| filter["startedBy"].clone()), Some(json!("r-1")), "tasks at work");
    });
}

#[tokio::test]
async fn a_letter_that_cant_be_sent_leaves_the_record_in_its_queue() {
    let service = Service::start().await;
    service.with(|state| state.refuses_letters = true);
    let dispatcher = service.dispatcher(&[QUEUE], Manifest { on: DispatchOn::Killed, ..manifest() }).await;
    assert_eq!(named(&invoke(&dispatcher, &one("1")).await.expect("an answer")), ["m-1"]);
    service.with(|state| state.refuses_letters = false);
    assert!(named(&invoke(&dispatcher, &one("1")).await.expect("an answer")).is_empty());
    assert_eq!(letters(&service).len(), 1);
}

#[tokio::test]
async fn an_event_too_large_for_a_letter_is_in_the_bucket_and_comes_back_from_there() {
    let event = format!("\"{}\"", "x".repeat(1_048_400));
    let payload = one(&event);
    let killed = || Manifest { on: DispatchOn::Killed, ..manifest() };
    let service = Service::start().await;
    let variables = [QUEUE, ("IMMORTAL_EVENT_BUCKET", "events")];
    let dispatcher = service.dispatcher(&variables, killed()).await;
    assert!(named(&invoke(&dispatcher, &payload).await.expect("an answer")).is_empty());
    let [letter] = &letters(&service)[..] else { panic!("one letter") };
    let record = body(letter);
    let uri = record["immortal"]["eventObject"].as_str().expect("an address").to_owned();
    assert_eq!(record["requestPayload"], Value::Null);
    let path = uri.strip_prefix("s3:/").expect("an address");
    service.with(|state| assert_eq!(state.objects[path], event.as_bytes()));
    assert!(named(&invoke(&dispatcher, &redriven(letter, "m-9")).await.expect("an answer")).is_empty());
    assert_eq!(variable(&last(&service), "IMMORTAL_EVENT_S3"), Some(uri.clone()));

    // Whoever may write to the queue must not choose another's object.
    let forged = json!({ "MessageBody": letter["MessageBody"].as_str().expect("a body").replace("s3://events/", "s3://payroll/") });
    assert!(named(&invoke(&dispatcher, &redriven(&forged, "m-10")).await.expect("an answer")).is_empty());
    assert!(attribute(&letters(&service)[1], "ImmortalReason").expect("a reason").contains("payroll"));

    let without = Service::start().await;
    let dispatcher = without.dispatcher(&[QUEUE], killed()).await;
    invoke(&dispatcher, &payload).await.expect("an answer");
    let as_it_was = &letters(&without)[0];
    assert_eq!(as_it_was["MessageBody"].as_str(), Some(event.as_str()), "the message as it was");
    assert_eq!(attribute(as_it_was, "RequestID").as_deref(), Some("r-1"), "a redrive knows its shape");
}

#[tokio::test]
async fn a_finished_job_leaves_no_event_behind() {
    let service = Service::start().await;
    let variables = [QUEUE, ("IMMORTAL_EVENT_BUCKET", "events"), ("IMMORTAL_INLINE_EVENTS", "false")];
    let dispatcher = service.dispatcher(&variables, manifest()).await;
    invoke(&dispatcher, &one("1")).await.expect("attempt 1");
    service.with(|state| assert_eq!(state.objects.len(), 1));
    let call = last(&service);
    invoke(&dispatcher, &stopped(&call, FIRST, Some(0), "EssentialContainerExited").to_string()).await.expect("done");
    service.with(|state| assert!(state.objects.is_empty()));

    // The same where the event lacks the order: ECS is asked for it.
    invoke(&dispatcher, &batch(&[message("m-2", "r-2", "2", NOW)])).await.expect("attempt 1 of another");
    let mut without_order = stopped(&last(&service), &FIRST.replace("/1", "/2"), Some(0), "EssentialContainerExited");
    without_order["detail"]["overrides"] = json!({ "containerOverrides": [] });
    service.with(|state| assert_eq!(state.objects.len(), 1));
    invoke(&dispatcher, &without_order.to_string()).await.expect("done");
    service.with(|state| assert!(state.objects.is_empty()));

    // Its late duplicate, hours after that: ECS has forgotten the token, and the event's object tells that the job is done.
    let mut late = stopped(&call, FIRST, Some(1), "EssentialContainerExited");
    late["detail"]["stoppedAt"] = json!("2023-11-14T20:13:20Z");
    invoke(&dispatcher, &late.to_string()).await.expect("nothing to do");
    service.with(|state| assert_eq!(state.calls.len(), 2));
}
