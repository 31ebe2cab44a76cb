//! Queues and the event source mapping.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use immortal_emulator::{
    Emulator, EntryKind, EntrySource, Function, JournalEntry, MessageAttribute, Queue, RedrivePolicy,
};
use serde_json::Value;

use crate::{
    bootstrap::package,
    clients::{emulator, emulator_in_real_time, wait_for},
};

async fn start() -> Emulator {
    set_up(emulator().await)
}

fn set_up(emulator: Emulator) -> Emulator {
    emulator.create_queue(Queue::new("dead"));
    let redrive = Some(RedrivePolicy { dead_letter_queue: "dead".into(), max_receive_count: 3 });
    emulator.create_queue(Queue { redrive, ..Queue::new("failures") });
    let function = Function { timeout: Duration::from_secs(20), ..Function::new("ingestDlq", package()) };
    emulator.deploy(function).expect("sound");
    emulator
}

#[tokio::test]
async fn each_record_of_a_batch_is_deleted_or_returned() {
    let emulator = start().await;
    let attributes = BTreeMap::from([("RequestID".to_owned(), MessageAttribute::text("r-1"))]);
    let good = emulator.send_message("failures", r#"{"n":1}"#, attributes).expect("sent");
    let poison = emulator.send_message("failures", "poison", BTreeMap::new()).expect("sent");
    emulator.map_queue("failures", "ingestDlq", 10).expect("mapped");
    wait_for(&emulator, |entry| matches!(&entry.kind, EntryKind::DeadLettered { .. }).then_some(())).await;
    let received = |what: &EntryKind| match what {
        EntryKind::Received { message_id, .. } => Some(message_id.clone()),
        _ => None,
    };
    let times: Vec<_> = emulator.journal().iter().filter_map(|entry| received(&entry.kind)).collect();
    assert_eq!(times.iter().filter(|id| **id == good).count(), 1);
    assert_eq!(times.iter().filter(|id| **id == poison).count(), 3);
    let deleted = emulator.journal().into_iter().filter_map(|entry| match entry.kind {
        EntryKind::Deleted { message_id } => Some(message_id),
        _ => None,
    });
    assert_eq!(deleted.collect::<Vec<_>>(), [good]);
    assert!(emulator.messages("failures").is_empty());
    let dead = emulator.messages("dead");
    assert_eq!((dead.len(), dead[0].id.as_str(), dead[0].source.as_deref()), (1, poison.as_str(), Some("failures")));

    let batch = emulator.journal().into_iter().find_map(|entry| match entry.kind {
        EntryKind::Log { line, .. } => line.strip_prefix("batch ").map(str::to_owned),
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
async fn pollers_are_added_while_all_are_busy() {
    let emulator = start().await;
    for _ in 0..8 {
        send(&emulator, "failures", "hang");
    }
    emulator.map_queue("failures", "ingestDlq", 1).expect("mapped");
    let mut invocations = 0;
    wait_for(&emulator, |entry| {
        invocations += usize::from(matches!(&entry.kind, EntryKind::Log { line, .. } if line.starts_with("saw ")));
        (invocations == 8).then_some(())
    })
    .await;
    assert!(!emulator.journal().iter().any(|entry| matches!(entry.kind, EntryKind::Failed { .. })), "all hang");
}

#[tokio::test]
async fn a_redrive_sends_new_messages() {
    let emulator = start().await;
    let old = emulator.send_message("failures", "poison", BTreeMap::new()).expect("sent");
    emulator.map_queue("failures", "ingestDlq", 1).expect("mapped");
    let dead = |emulator: &Emulator| emulator.messages("dead").len();
    wait_for(&emulator, |entry| matches!(&entry.kind, EntryKind::DeadLettered { .. }).then_some(())).await;
    assert_eq!(dead(&emulator), 1);
    assert!(emulator.redrive("failures", None).is_err(), "no dead-letter queue");
    assert_eq!(emulator.redrive("dead", None).expect("moved"), 1);
    let mut queued = 0;
    let new = wait_for(&emulator, |entry| match (&entry.source, &entry.kind) {
        (EntrySource::Queue { name }, EntryKind::Queued { message_id, .. }) if name == "failures" => {
            queued += 1;
            (queued == 2).then(|| message_id.clone())
        }
        _ => None,
    })
    .await;
    assert_ne!(new, old, "a new message");
    // A message that no redrive policy moved there needs an explicit destination.
    emulator.send_message("dead", "written there", BTreeMap::new()).expect("sent");
    assert_eq!(emulator.redrive("dead", Some("failures")).expect("moved"), 1);
}

fn send(emulator: &Emulator, queue: &str, body: &str) -> String {
    emulator.send_message(queue, body, BTreeMap::new()).expect("the queue exists")
}

fn receipts(emulator: &Emulator, message: &str) -> usize {
    let is_receipt =
        |entry: &JournalEntry| matches!(&entry.kind, EntryKind::Received { message_id, .. } if message_id == message);
    emulator.journal().iter().filter(|entry| is_receipt(entry)).count()
}

async fn wait_until_received(emulator: &Emulator, message: &str, times: u32) {
    wait_for(emulator, |entry| match &entry.kind {
        EntryKind::Received { message_id, count } if message_id == message && *count == times => Some(()),
        _ => None,
    })
    .await;
}

async fn wait_until_returned(emulator: &Emulator, message: &str) {
    wait_for(emulator, |entry| match &entry.kind {
        EntryKind::Returned { message_id } if message_id == message => Some(()),
        _ => None,
    })
    .await;
}

#[tokio::test]
async fn a_function_can_change_the_visibility_timeout_of_a_record() {
    let emulator = set_up(emulator_in_real_time().await);
    emulator.map_queue("failures", "ingestDlq", 10).expect("mapped");
    // The queue's own timeout is 30 seconds.
    for (body, seconds) in [("poison", 30), ("later 900", 900), ("later 5", 5)] {
        let waiting = send(&emulator, "failures", body);
        wait_until_returned(&emulator, &waiting).await;
        emulator.advance(Duration::from_secs(seconds - 3));
        // If the marker can be received, the other message could be, too.
        let marker = send(&emulator, "failures", "{}");
        wait_until_received(&emulator, &marker, 1).await;
        assert_eq!(receipts(&emulator, &waiting), 1, "{body}");
        emulator.advance(Duration::from_secs(3));
        wait_until_received(&emulator, &waiting, 2).await;
        // So that it doesn't affect the next row.
        emulator.advance(Duration::from_hours(5 * 24));
    }
}

#[tokio::test]
async fn messages_beyond_the_retention_period_are_removed() {
    let emulator = set_up(emulator_in_real_time().await);
    let dead = Queue { retention: Duration::from_hours(14 * 24), ..Queue::new("dead") };
    emulator.create_queue(dead);
    emulator.map_queue("failures", "ingestDlq", 10).expect("mapped");
    let old = send(&emulator, "failures", "later 43200");
    wait_until_returned(&emulator, &old).await;
    send(&emulator, "dead", "{}");
    emulator.advance(Duration::from_hours(4 * 24));
    emulator.wait_until_idle().await;
    assert!(emulator.messages("failures").is_empty(), "four days are over");
    let expired = |entry: &JournalEntry| matches!(&entry.kind, EntryKind::Expired { message_id } if *message_id == old);
    assert!(emulator.journal().iter().any(expired));
    assert_eq!(emulator.messages("dead").len(), 1, "fourteen are not");
    emulator.advance(Duration::from_hours(10 * 24));
    assert!(emulator.messages("dead").is_empty());
}

#[tokio::test]
async fn a_mapping_that_is_off_gives_its_function_nothing() {
    let emulator = start().await;
    let client = crate::clients::lambda(&emulator).await;
    let uuid = emulator.map_queue("failures", "ingestDlq", 10).expect("mapped");
    let listed = client.list_event_source_mappings().function_name("ingestDlq").send().await.expect("listed");
    let [mapping] = listed.event_source_mappings() else { panic!("{listed:?}") };
    assert_eq!((mapping.uuid(), mapping.state()), (Some(uuid.as_str()), Some("Enabled")));
    let other = format!("{}x", mapping.event_source_arn().expect("a queue"));
    let of_other = client.list_event_source_mappings().event_source_arn(other).send().await.expect("listed");
    assert!(of_other.event_source_mappings().is_empty());

    let off = client.update_event_source_mapping().uuid(&uuid).enabled(false).send().await.expect("there");
    assert_eq!(off.state(), Some("Disabling"));
    let state = client.get_event_source_mapping().uuid(&uuid).send().await.expect("there").state;
    assert_eq!(state.as_deref(), Some("Disabled"));
    let message = emulator.send_message("failures", r#"{"n":1}"#, BTreeMap::new()).expect("sent");
    for _ in 0..5 {
        client.get_event_source_mapping().uuid(&uuid).send().await.expect("there");
    }
    let was_received = |entry: &JournalEntry| matches!(&entry.kind, EntryKind::Received { .. });
    assert!(!emulator.journal().iter().any(was_received));
    client.update_event_source_mapping().uuid(&uuid).enabled(true).send().await.expect("there");
    let deleted = |entry: &JournalEntry| match &entry.kind {
        EntryKind::Deleted { message_id } => (*message_id == message).then_some(()),
        _ => None,
    };
    wait_for(&emulator, deleted).await;
    let missing = client.get_event_source_mapping().uuid("nope").send().await.expect_err("no such mapping");
    assert!(missing.into_service_error().is_resource_not_found_exception());
}
