//! The event source mapping: a queue's messages, in batches, into a function, with `ReportBatchItemFailures`.

use std::{collections::BTreeSet, sync::Arc};

use super::{invoke::prepare, service::LambdaService};
use crate::{
    platform::{REGION, arn},
    sqs::{HidingTime, MessageAttribute, ReceivedMessage, attributes_digest, body_digest, system_attributes},
};
use bytes::Bytes;
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::sync::Semaphore;

/// Lambda begins with five pollers:
/// <https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html>
const POLLERS: usize = 5;

/// Polls for as long as the emulator runs.
pub(crate) async fn poll(lambda: Arc<LambdaService>, queue: String, function: String, batch_size: usize) {
    let pollers = Arc::new(Semaphore::new(POLLERS));
    loop {
        let Ok(poller) = Arc::clone(&pollers).acquire_owned().await else { return };
        let mut changed = std::pin::pin!(lambda.sqs.changed());
        changed.as_mut().enable();
        let batch = lambda.sqs.receive(&queue, batch_size, HidingTime::Held);
        if batch.is_empty() {
            drop(poller);
            let due = lambda.sqs.next_visible(&queue).unwrap_or(Timestamp::MAX);
            tokio::select! {
                () = changed => {}
                () = lambda.platform.clock.sleep_until(due) => {}
            }
            continue;
        }
        let (lambda, queue, function) = (Arc::clone(&lambda), queue.clone(), function.clone());
        tokio::spawn(async move {
            handle(&lambda, &queue, &function, &batch).await;
            drop(poller);
        });
    }
}

/// Hands one batch over. Its messages are hidden for as long as that takes: with scaled time, the visibility timeout
/// may be shorter than the function's own run.
async fn handle(lambda: &LambdaService, queue: &str, function: &str, batch: &[ReceivedMessage]) {
    let answer = match prepare(lambda, function, None, event(queue, batch), None) {
        Ok((version, request)) => version.run(&lambda.platform, &request, 1).await.ok(),
        Err(_) => None,
    };
    let ids = batch.iter().map(|received| received.message.id.as_str()).collect();
    let failed = answer.map_or(BatchFailures::All, |answer| failures(&answer, &ids));
    for received in batch {
        if failed.hold(&received.message.id) {
            lambda.sqs.give_back(queue, received);
        } else {
            let fault = lambda.platform.faults.hit("DeleteMessage", received.request_id.as_deref());
            lambda.sqs.delete(queue, &received.receipt, fault.as_ref());
        }
    }
}

/// Which records of a batch come back.
#[derive(Debug, PartialEq, Eq)]
enum BatchFailures {
    All,
    Some(BTreeSet<String>),
}

impl BatchFailures {
    fn hold(&self, id: &str) -> bool {
        match self {
            Self::All => true,
            Self::Some(ids) => ids.contains(id),
        }
    }
}

/// Reads the function's answer. What isn't a sound list fails the whole batch.
///
/// Source: <https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html#services-sqs-batchfailurereporting>
fn failures(answer: &Bytes, batch: &BTreeSet<&str>) -> BatchFailures {
    let none = || BatchFailures::Some(BTreeSet::new());
    if answer.is_empty() {
        return none();
    }
    let list = match serde_json::from_slice::<Value>(answer) {
        Err(_) => return BatchFailures::All,
        Ok(Value::Object(mut object)) => object.remove("batchItemFailures").unwrap_or_default(),
        // `null`, or an answer that is not an object: nothing is reported.
        Ok(_) => return none(),
    };
    let list = match list {
        Value::Array(list) => list,
        Value::Null => return none(),
        _ => return BatchFailures::All,
    };
    let ids: Option<BTreeSet<_>> = list
        .iter()
        .map(|item| item.get("itemIdentifier")?.as_str().filter(|id| batch.contains(id)).map(str::to_owned))
        .collect();
    ids.map_or(BatchFailures::All, BatchFailures::Some)
}

/// The event that Lambda makes of a batch.
///
/// Source: <https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html#example-standard-queue-message-event>
fn event(queue: &str, batch: &[ReceivedMessage]) -> Bytes {
    let records: Vec<_> = batch.iter().map(|received| record(queue, received)).collect();
    json!({ "Records": records }).to_string().into()
}

fn record(queue: &str, received: &ReceivedMessage) -> Value {
    let message = &received.message;
    let attribute = |attribute: &MessageAttribute| {
        json!({
            "stringValue": attribute.value,
            "stringListValues": [],
            "binaryListValues": [],
            "dataType": attribute.data_type,
        })
    };
    let attributes: serde_json::Map<_, _> =
        message.attributes.iter().map(|(name, value)| (name.clone(), attribute(value))).collect();
    let mut record = json!({
        "messageId": message.id,
        "receiptHandle": received.receipt,
        "body": message.body,
        "attributes": system_attributes(received),
        "messageAttributes": attributes,
        "md5OfBody": body_digest(&message.body),
        "eventSource": "aws:sqs",
        "eventSourceARN": arn("sqs", queue),
        "awsRegion": REGION,
    });
    if !message.attributes.is_empty() {
        record["md5OfMessageAttributes"] = json!(attributes_digest(&message.attributes));
    }
    record
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_sound_list_saves_a_batch() {
        let some = |ids: &[&str]| BatchFailures::Some(ids.iter().map(|id| (*id).to_owned()).collect());
        let table = [
            ("", some(&[])),
            ("null", some(&[])),
            ("{}", some(&[])),
            (r#"{"batchItemFailures":null}"#, some(&[])),
            (r#"{"batchItemFailures":[]}"#, some(&[])),
            (r#"{"batchItemFailures":[{"itemIdentifier":"a"}]}"#, some(&["a"])),
            (r#"{"batchItemFailures":[{"itemIdentifier":"a"},{"itemIdentifier":"b"}]}"#, some(&["a", "b"])),
            (r#"{"batchItemFailures":[{"itemIdentifier":""}]}"#, BatchFailures::All),
            (r#"{"batchItemFailures":[{"itemIdentifier":null}]}"#, BatchFailures::All),
            (r#"{"batchItemFailures":[{"itemidentifier":"a"}]}"#, BatchFailures::All),
            (r#"{"batchItemFailures":[{"itemIdentifier":"z"}]}"#, BatchFailures::All),
            (r#"{"batchItemFailures":"a"}"#, BatchFailures::All),
            (r#"{"batchItemFailures":["#, BatchFailures::All),
        ];
        for (answer, expected) in table {
            let batch = BTreeSet::from(["a", "b"]);
            assert_eq!(failures(&Bytes::from_static(answer.as_bytes()), &batch), expected, "{answer}");
        }
    }
}
