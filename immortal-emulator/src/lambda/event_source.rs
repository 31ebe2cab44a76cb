//! Event source mappings: a function is invoked with batches of a queue's messages, with `ReportBatchItemFailures`.

use std::{sync::Arc, time::Duration};

use super::{event_source_mapping::EventSourceMapping, invoke::prepare_invocation, service::LambdaService};
use crate::{
    platform::{FaultSubject, REGION, arn},
    sqs::{MessageAttribute, ReceiveVisibility, ReceivedMessage, attributes_digest, body_digest, system_attributes},
};
use bytes::Bytes;
use immortal_core::batch_failures::BatchFailures;
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::sync::Semaphore;

/// Lambda starts with five pollers:
/// <https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html>
const FIRST_POLLERS: usize = 5;
/// While all are busy, up to 300 a minute are added (the same page).
const POLLER_INTERVAL: Duration = Duration::from_millis(200);

/// Polls for as long as the emulator runs, and the mapping is on. Pollers are added up to the most sandboxes that
/// the function may have; unlike Lambda's, they do not become fewer.
pub(crate) async fn poll_queue(lambda: Arc<LambdaService>, mapping: EventSourceMapping) {
    let EventSourceMapping { queue, function, batch_size, enabled, .. } = mapping;
    let pollers = Arc::new(Semaphore::new(FIRST_POLLERS));
    let (mut count, mut last_added) = (FIRST_POLLERS, lambda.platform.now());
    let most = lambda.platform.options.concurrency;
    let mut enabled = enabled.subscribe();
    loop {
        if enabled.wait_for(|enabled| *enabled).await.is_err() {
            return;
        }
        let poller = tokio::select! {
            biased;
            poller = Arc::clone(&pollers).acquire_owned() => poller,
            // All are busy.
            () = lambda.platform.clock.sleep_until(last_added + POLLER_INTERVAL), if count < most => {
                pollers.add_permits(1);
                (count, last_added) = (count + 1, lambda.platform.now());
                continue;
            }
        };
        let Ok(poller) = poller else { return };
        let mut changed = std::pin::pin!(lambda.sqs.changed());
        changed.as_mut().enable();
        let batch = lambda.sqs.receive(&queue, batch_size, ReceiveVisibility::Held);
        if batch.is_empty() {
            drop(poller);
            let due = lambda.sqs.next_visible(&queue).unwrap_or(Timestamp::MAX);
            tokio::select! {
                () = changed => {}
                () = lambda.platform.clock.sleep_until(due) => {}
                _ = enabled.changed() => {}
            }
            continue;
        }
        let (lambda, queue, function) = (Arc::clone(&lambda), queue.clone(), function.clone());
        tokio::spawn(async move {
            handle_batch(&lambda, &queue, &function, &batch).await;
            drop(poller);
        });
    }
}

/// Invokes the function with one batch. The messages stay hidden until it ends: with scaled time, the visibility
/// timeout may be shorter than the invocation.
async fn handle_batch(lambda: &LambdaService, queue: &str, function: &str, batch: &[ReceivedMessage]) {
    let answer = match prepare_invocation(lambda, function, None, batch_event(queue, batch), None) {
        Ok((version, request)) => version.run(&lambda.platform, &request, 1).await.ok(),
        Err(_) => None,
    };
    let ids: Vec<_> = batch.iter().map(|received| received.message.id.as_str()).collect();
    let failed = answer.map_or(BatchFailures::All, |answer| BatchFailures::from_response(&answer, &ids));
    for received in batch {
        if failed.include(&received.message.id) {
            lambda.sqs.release(queue, received);
        } else {
            let subject = FaultSubject { request_id: received.request_id.as_deref(), queue: Some(queue) };
            let fault = lambda.platform.faults.fault_for_call("DeleteMessage", subject);
            lambda.sqs.delete(queue, &received.receipt, fault.as_ref());
        }
    }
}

/// The event that Lambda creates from a batch.
///
/// Source: <https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html#example-standard-queue-message-event>
fn batch_event(queue: &str, batch: &[ReceivedMessage]) -> Bytes {
    let records: Vec<_> = batch.iter().map(|received| event_record(queue, received)).collect();
    json!({ "Records": records }).to_string().into()
}

fn event_record(queue: &str, received: &ReceivedMessage) -> Value {
    let message = &received.message;
    let attribute = |attribute: &MessageAttribute| {
        let value = if attribute.is_binary() { "binaryValue" } else { "stringValue" };
        json!({
            value: attribute.value,
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
