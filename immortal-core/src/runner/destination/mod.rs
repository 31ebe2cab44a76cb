//! Delivers the record of a success to the function's `OnSuccess` destination.

mod clients;
mod record;
mod target;

use bytes::Bytes;
use serde_json::value::{RawValue, to_raw_value};

use super::{config::RunnerConfig, error::RunnerError, identity::FunctionIdentity};
use crate::{
    aws::{self, AwsClients},
    job_object::result_key,
    order::Order,
    runtime_api::AnswerBody,
};
use clients::DestinationClients;
use record::{RecordForm, SuccessRecord};
pub(super) use target::{DestinationArn, ResultDestination};

/// Delivers the result of an attempt that succeeded. If that fails, an error is logged and the record is put
/// into the event bucket. The work is done, so the exit code stays 0.
pub(super) async fn deliver(
    order: &Order,
    config: &RunnerConfig,
    identity: &FunctionIdentity,
    (event, response): (&Bytes, &AnswerBody),
    aws: &AwsClients,
) {
    let clients = DestinationClients::new(aws).await;
    let Some(destination) = destination_of(order, config, identity, &clients).await.transpose() else { return };
    let record = SuccessRecord {
        context: &order.context,
        attempt: order.attempt,
        timestamp: &aws::timestamp(aws::unix_now()),
        event: serde_json::from_slice::<&RawValue>(event).ok(),
        response: json_of(response),
    };
    let key = result_key(&identity.name, &order.context.aws_request_id);
    let bucket = config.event_bucket.as_deref();
    let (place, error) = match destination {
        Err(error) => ("its destination, which is unknown".to_owned(), error),
        Ok(destination) => match send(&clients, &destination, &record, bucket, &key).await {
            Ok(()) => return tracing::info!("result delivered to {destination}"),
            Err(error) => (destination.to_string(), error),
        },
    };
    let request_id = &order.context.aws_request_id;
    let kept = keep(&clients, &record, bucket, &key).await;
    tracing::error!("the result of request {request_id} can't be delivered to {place}: {error}; {kept}");
}

/// The destination that was set for this task, or that the function names: for the version or alias that was invoked,
/// and for no other. A queue's function has none: Lambda invokes it synchronously.
async fn destination_of(
    order: &Order,
    config: &RunnerConfig,
    identity: &FunctionIdentity,
    clients: &DestinationClients,
) -> Result<Option<DestinationArn>, RunnerError> {
    match &config.on_success {
        ResultDestination::Nowhere => Ok(None),
        ResultDestination::Arn(destination) => Ok(Some(destination.clone())),
        ResultDestination::OfFunction if order.source.is_some() => Ok(None),
        ResultDestination::OfFunction => {
            let invoked = &order.context.invoked_function_arn;
            clients.on_success_destination(if invoked.is_empty() { &identity.name } else { invoked }).await
        }
    }
}

/// Sends the record in the first form that fits the destination: complete, without the event, or as the address of the
/// complete record.
async fn send(
    clients: &DestinationClients,
    destination: &DestinationArn,
    record: &SuccessRecord<'_>,
    bucket: Option<&str>,
    key: &str,
) -> Result<(), RunnerError> {
    let fits = |json: &String| json.len() <= destination.largest_record();
    let forms = [RecordForm::Whole, RecordForm::WithoutEvent].map(|form| record.to_json(&form));
    if let Some(json) = forms.into_iter().find(fits) {
        return clients.send(destination, record.context, json).await;
    }
    let Some(bucket) = bucket else {
        return Err(RunnerError::Permanent(format!(
            "the result is too large for {destination}, and there is no bucket for it; set IMMORTAL_EVENT_BUCKET of the task"
        )));
    };
    let uri = clients.put(bucket, key, &record.to_json(&RecordForm::Whole)).await?;
    clients.send(destination, record.context, record.to_json(&RecordForm::Address(uri))).await
}

/// Stores a record in the bucket, and returns where, or why not.
async fn keep(clients: &DestinationClients, record: &SuccessRecord<'_>, bucket: Option<&str>, key: &str) -> String {
    let Some(bucket) = bucket else {
        return "it is not kept, because IMMORTAL_EVENT_BUCKET of the task is not set".to_owned();
    };
    match clients.put(bucket, key, &record.to_json(&RecordForm::Whole)).await {
        Ok(uri) => format!("its record is kept as {uri}"),
        Err(error) => format!("its record can't be kept either: {error}"),
    }
}

/// The response as JSON: one that isn't, as a streamed one may be, is a text. Of a streamed response only the first
/// part is held, so that a longer one is null.
fn json_of(response: &AnswerBody) -> Option<Box<RawValue>> {
    if response.length > response.bytes.len() as u64 {
        tracing::warn!(
            "the response of {} bytes is longer than a record holds, which has null for it",
            response.length
        );
        return None;
    }
    if response.bytes.is_empty() {
        return None;
    }
    let json = serde_json::from_slice::<Box<RawValue>>(&response.bytes);
    json.or_else(|_| to_raw_value(&String::from_utf8_lossy(&response.bytes))).ok()
}

#[cfg(test)]
mod moto_tests;
