//! Queues and the event source mapping.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use immortal_emulator::{Attribute, Emulator, Function, Place, Queue, Redrive, What};
use serde_json::Value;

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
