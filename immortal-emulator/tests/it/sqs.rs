//! Queues and the event source mapping.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{Read as _, Write as _},
    net::TcpStream,
    time::Duration,
};

use immortal_emulator::{Attribute, Emulator, Function, Place, Queue, REGION, Redrive, What};
use serde_json::{Value, json};

use crate::{
    bootstrap::package,
    clients::{emulator, until},
};

async fn chain() -> Emulator {
    let emulator = emulator().await;
    emulator.create_queue(Queue::new("dead"));
    let redrive = Some(Redrive { dead_letter_queue: "dead".into(), max_receive_count: 3 });
    emulator.create_queue(Queue { redrive, ..Queue::new("failures") });
    let function = Function { timeout: Duration::from_secs(20), ..Function::new("ingestDlq", package()) };
    emulator.deploy(function).expect("sound");
    emulator
}

#[tokio::test]
async fn a_batch_is_settled_record_by_record() {
    let emulator = chain().await;
    let attributes = BTreeMap::from([("RequestID".to_owned(), Attribute::text("r-1"))]);
    let good = emulator.send_message("failures", r#"{"n":1}"#, attributes).expect("sent");
    let poison = emulator.send_message("failures", "poison", BTreeMap::new()).expect("sent");
    emulator.map_queue("failures", "ingestDlq", 10).expect("mapped");
    until(&emulator, |happening| matches!(&happening.what, What::DeadLettered { .. }).then_some(())).await;
    let received = |what: &What| match what {
        What::Received { message_id, .. } => Some(message_id.clone()),
        _ => None,
    };
    let times: Vec<_> = emulator.happenings().iter().filter_map(|happening| received(&happening.what)).collect();
    assert_eq!(times.iter().filter(|id| **id == good).count(), 1);
    assert_eq!(times.iter().filter(|id| **id == poison).count(), 3);
    let deleted = emulator.happenings().into_iter().filter_map(|happening| match happening.what {
        What::Deleted { message_id } => Some(message_id),
        _ => None,
    });
    assert_eq!(deleted.collect::<Vec<_>>(), [good]);
    assert!(emulator.messages("failures").is_empty());
    let dead = emulator.messages("dead");
    assert_eq!((dead.len(), dead[0].id.as_str(), dead[0].source.as_deref()), (1, poison.as_str(), Some("failures")));

    let batch = emulator.happenings().into_iter().find_map(|happening| match happening.what {
        What::Log { line, .. } => line.strip_prefix("batch ").map(str::to_owned),
        _ => None,
    });
    let records: Value = serde_json::from_str(&batch.expect("the function prints it")).expect("JSON");
    let keys: BTreeSet<_> = records[0].as_object().expect("an object").keys().map(String::as_str).collect();
    let expected = [
        "attributes",
        "awsRegion",
        "body",
        "eventSource",
        "eventSourceARN",
        "md5OfBody",
        "md5OfMessageAttributes",
        "messageAttributes",
        "messageId",
        "receiptHandle",
    ];
    assert_eq!(keys, BTreeSet::from(expected));
    assert_eq!(records[0]["messageAttributes"]["RequestID"]["stringValue"], "r-1");
    assert_eq!(records[0]["attributes"]["ApproximateReceiveCount"], "1");
    assert_eq!(records[0]["md5OfBody"], "082c26c8a6bc75226a31da5495cc9292");
}

#[tokio::test]
async fn a_redrive_sends_anew_what_a_queue_gave_up() {
    let emulator = chain().await;
    let old = emulator.send_message("failures", "poison", BTreeMap::new()).expect("sent");
    emulator.map_queue("failures", "ingestDlq", 1).expect("mapped");
    let dead = |emulator: &Emulator| emulator.messages("dead").len();
    until(&emulator, |happening| matches!(&happening.what, What::DeadLettered { .. }).then_some(())).await;
    assert_eq!(dead(&emulator), 1);
    assert!(emulator.redrive("failures", None).is_err(), "no dead-letter queue");
    assert_eq!(emulator.redrive("dead", None).expect("moved"), 1);
    let mut queued = 0;
    let new = until(&emulator, |happening| match (&happening.place, &happening.what) {
        (Place::Queue { name }, What::Queued { message_id, .. }) if name == "failures" => {
            queued += 1;
            (queued == 2).then(|| message_id.clone())
        }
        _ => None,
    })
    .await;
    assert_ne!(new, old, "a new message");
    // What was put there by nobody's redrive has no way back of its own.
    emulator.send_message("dead", "written there", BTreeMap::new()).expect("sent");
    assert_eq!(emulator.redrive("dead", Some("failures")).expect("moved"), 1);
}

/// A call as SDKs make it, JSON 1.0 over HTTP: there is no SQS client among the dependencies.
fn call(emulator: &Emulator, operation: &str, body: &Value) -> Value {
    let host = emulator.endpoint().replace("http://", "");
    let mut stream = TcpStream::connect(&host).expect("loopback");
    let body = body.to_string();
    write!(
        stream,
        "POST / HTTP/1.1\r\nHost: {host}\r\nX-Amz-Target: AmazonSQS.{operation}\r\nConnection: close\r\n\
         Authorization: AWS4-HMAC-SHA256 Credential=A/20260101/{REGION}/sqs/aws4_request\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    serde_json::from_str(answer.split_once("\r\n\r\n").expect("a head").1).expect("JSON")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_can_be_used_over_the_wire() {
    let emulator = chain().await;
    let url = call(&emulator, "GetQueueUrl", &json!({ "QueueName": "failures" }))["QueueUrl"].clone();
    let attribute = json!({ "RequestID": { "DataType": "String", "StringValue": "r-1" } });
    let message = json!({ "QueueUrl": url, "MessageBody": "{}", "MessageAttributes": attribute });
    let id = call(&emulator, "SendMessage", &message)["MessageId"].clone();
    let received = call(&emulator, "ReceiveMessage", &json!({ "QueueUrl": url, "MaxNumberOfMessages": 10 }));
    let message = &received["Messages"][0];
    assert_eq!((&message["MessageId"], &message["Body"]), (&id, &json!("{}")));
    assert_eq!(message["MessageAttributes"], attribute);
    call(&emulator, "DeleteMessage", &json!({ "QueueUrl": url, "ReceiptHandle": message["ReceiptHandle"] }));
    assert!(emulator.messages("failures").is_empty());
    emulator.send_message("dead", "{}", BTreeMap::new()).expect("sent");
    let arn = |queue: &str| format!("arn:aws:sqs:{REGION}:123456789012:{queue}");
    let task = json!({ "SourceArn": arn("dead"), "DestinationArn": arn("failures") });
    assert!(call(&emulator, "StartMessageMoveTask", &task)["TaskHandle"].is_string());
    assert_eq!(emulator.messages("failures").len(), 1);
    let error = call(&emulator, "SendMessage", &json!({ "QueueUrl": "none", "MessageBody": "{}" }));
    assert_eq!(error["__type"], "com.amazonaws.sqs#QueueDoesNotExist");
}
