//! SQS over the wire: what a client needs to send, receive, delete and redrive.

use std::{collections::BTreeMap, sync::Arc};

use md5::{Digest as _, Md5};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Hidden, LARGEST, fits, mapping::attributes_digest};
use crate::{
    Attribute, EmulatorError,
    api::{ApiError, Outcome, json_response},
    cloud::{Cloud, arn, hex},
};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", default)]
#[derive(Default)]
struct Parameters {
    queue_name: String,
    queue_url: String,
    message_body: String,
    message_attributes: BTreeMap<String, WireAttribute>,
    max_number_of_messages: Option<usize>,
    receipt_handle: String,
    source_arn: String,
    destination_arn: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct WireAttribute {
    data_type: String,
    string_value: String,
}

pub(crate) fn call(cloud: &Arc<Cloud>, operation: &str, body: &[u8]) -> Result<Outcome, ApiError> {
    let parameters: Parameters = serde_json::from_slice(body)
        .map_err(|error| ApiError::new(400, "SerializationException", error.to_string()))?;
    let queue = || {
        let name = parameters.queue_url.rsplit('/').next().unwrap_or_default();
        if cloud.queues.exists(name) { Ok(name) } else { Err(missing()) }
    };
    let answer = match operation {
        "GetQueueUrl" if cloud.queues.exists(&parameters.queue_name) => {
            json!({ "QueueUrl": format!("{}/{}/{}", cloud.endpoint(), crate::ACCOUNT, parameters.queue_name) })
        }
        "GetQueueUrl" => return Err(missing()),
        "SendMessage" => send(cloud, queue()?, &parameters)?,
        "ReceiveMessage" => receive(cloud, queue()?, &parameters)?,
        "DeleteMessage" => {
            if parameters.receipt_handle.is_empty() {
                let message = "The request must contain the parameter ReceiptHandle.";
                return Err(ApiError::new(400, "MissingParameter", message));
            }
            cloud.queues.delete(cloud, queue()?, &parameters.receipt_handle);
            json!({})
        }
        "StartMessageMoveTask" => {
            let name = |queue_arn: &str| queue_arn.strip_prefix(&arn("sqs", "")).map(str::to_owned).ok_or_else(missing);
            let destination = parameters.destination_arn.as_deref().map(name).transpose()?;
            let moved = cloud.queues.redrive(cloud, &name(&parameters.source_arn)?, destination.as_deref());
            moved.map_err(|error| match error {
                EmulatorError::Refused { code, message } => ApiError::new(400, code, message),
                _ => missing(),
            })?;
            json!({ "TaskHandle": cloud.hex(64) })
        }
        other => return Err(ApiError::new(400, "InvalidAction", format!("the emulator's SQS has no {other}"))),
    };
    Ok(json_response(cloud, &answer))
}

fn missing() -> ApiError {
    ApiError::new(400, "com.amazonaws.sqs#QueueDoesNotExist", "The specified queue does not exist.")
}

fn send(cloud: &Cloud, queue: &str, parameters: &Parameters) -> Result<Value, ApiError> {
    let body = &parameters.message_body;
    let attributes: BTreeMap<_, _> = parameters
        .message_attributes
        .iter()
        .map(|(name, WireAttribute { data_type, string_value })| {
            (name.clone(), Attribute { data_type: data_type.clone(), value: string_value.clone() })
        })
        .collect();
    if body.is_empty() || !fits(body, &attributes) {
        let message = format!("a body of {} bytes and its attributes: a message has 1 to {LARGEST} bytes", body.len());
        return Err(ApiError::new(400, "InvalidParameterValue", message));
    }
    let digest = attributes_digest(attributes.iter());
    let any = !attributes.is_empty();
    let id = cloud.queues.send(cloud, queue, body.clone(), attributes, None).ok_or_else(missing)?;
    let mut answer = json!({ "MessageId": id, "MD5OfMessageBody": hex(&Md5::digest(body)) });
    if any {
        answer["MD5OfMessageAttributes"] = json!(digest);
    }
    Ok(answer)
}

fn receive(cloud: &Cloud, queue: &str, parameters: &Parameters) -> Result<Value, ApiError> {
    let most = parameters.max_number_of_messages.unwrap_or(1);
    if !(1..=10).contains(&most) {
        let message = "MaxNumberOfMessages must be between 1 and 10, if provided.";
        return Err(ApiError::new(400, "InvalidParameterValue", message));
    }
    let received = cloud.queues.receive(cloud, queue, most, Hidden::AsQueue);
    let messages = received.iter().map(|received| {
        let message = &received.message;
        let attributes = message.attributes.iter().map(|(name, attribute)| {
            (name.clone(), json!({ "DataType": attribute.data_type, "StringValue": attribute.value }))
        });
        json!({
            "MessageId": message.id,
            "ReceiptHandle": received.receipt,
            "MD5OfBody": hex(&Md5::digest(&message.body)),
            "Body": message.body,
            "Attributes": {
                "ApproximateReceiveCount": message.receive_count.to_string(),
                "SentTimestamp": message.sent.to_string(),
                "ApproximateFirstReceiveTimestamp": received.first.as_millisecond().to_string(),
            },
            "MessageAttributes": attributes.collect::<serde_json::Map<_, _>>(),
        })
    });
    Ok(json!({ "Messages": messages.collect::<Vec<_>>() }))
}
