//! The operations of the SQS API.

use std::{collections::BTreeMap, time::Duration};

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{
    content,
    queue::MessageAttribute,
    receiving::{MAX_VISIBILITY_TIMEOUT, ReceiveVisibility, ReceivedMessage},
    service::SqsService,
};
use crate::platform::{ACCOUNT, ApiError, CallOutcome, FaultKind, arn, json_response, lock, parse_json};

/// The parameters of all operations: each has the same meaning everywhere.
#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct SqsParameters {
    queue_name: String,
    queue_url: String,
    message_body: String,
    message_attributes: BTreeMap<String, WireAttribute>,
    max_number_of_messages: Option<usize>,
    visibility_timeout: Option<u64>,
    receipt_handle: String,
    attribute_names: Vec<String>,
    message_system_attribute_names: Vec<String>,
    message_attribute_names: Vec<String>,
    source_arn: String,
    destination_arn: Option<String>,
    max_results: Option<usize>,
    entries: Vec<VisibilityEntry>,
}

/// Shape: `ChangeMessageVisibilityBatchRequestEntry` of the SQS API.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct VisibilityEntry {
    id: String,
    receipt_handle: String,
    visibility_timeout: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct WireAttribute {
    data_type: String,
    string_value: Option<String>,
    binary_value: Option<String>,
}

pub(crate) fn call(
    sqs: &SqsService,
    operation: &str,
    body: &[u8],
    fault: Option<&FaultKind>,
) -> Result<CallOutcome, ApiError> {
    let parameters: SqsParameters = parse_json(body)?;
    let queue = || {
        let name = parameters.queue_url.rsplit('/').next().unwrap_or_default();
        if sqs.exists(name) { Ok(name) } else { Err(no_such_queue()) }
    };
    let answer = match operation {
        "GetQueueUrl" if sqs.exists(&parameters.queue_name) => {
            json!({ "QueueUrl": format!("{}/{ACCOUNT}/{}", sqs.platform.endpoint(), parameters.queue_name) })
        }
        "GetQueueUrl" => return Err(no_such_queue()),
        "GetQueueAttributes" => attributes_of(sqs, queue()?, &parameters.attribute_names)?,
        "SendMessage" => send(sqs, queue()?, parameters.message_body.clone(), &parameters.message_attributes)?,
        "ReceiveMessage" => receive(sqs, queue()?, &parameters)?,
        "DeleteMessage" => {
            sqs.delete(queue()?, parameters.receipt()?, fault);
            json!({})
        }
        "ChangeMessageVisibility" => {
            let timeout = parameters.timeout()?.ok_or_else(|| missing("VisibilityTimeout"))?;
            sqs.change_visibility(queue()?, parameters.receipt()?, timeout)?;
            json!({})
        }
        "ChangeMessageVisibilityBatch" => change_visibility_batch(sqs, queue()?, &parameters.entries)?,
        "StartMessageMoveTask" => {
            sqs.start_move_task(&parameters.source_arn, parameters.destination_arn.as_deref())?;
            json!({ "TaskHandle": sqs.platform.ids.hex(64) })
        }
        "ListMessageMoveTasks" => sqs.list_move_tasks(&parameters.source_arn, parameters.max_results.unwrap_or(1)),
        other => {
            return Err(ApiError::new(400, "InvalidAction", format!("the emulator does not implement SQS {other}")));
        }
    };
    Ok(json_response(&sqs.platform, &answer))
}

impl SqsParameters {
    fn receipt(&self) -> Result<&str, ApiError> {
        if self.receipt_handle.is_empty() { Err(missing("ReceiptHandle")) } else { Ok(&self.receipt_handle) }
    }

    fn timeout(&self) -> Result<Option<Duration>, ApiError> {
        match self.visibility_timeout {
            Some(seconds) if seconds > MAX_VISIBILITY_TIMEOUT.as_secs() => {
                let most = MAX_VISIBILITY_TIMEOUT.as_secs();
                Err(ApiError::new(
                    400,
                    "InvalidParameterValue",
                    format!(
                        "Value {seconds} for parameter VisibilityTimeout is invalid. Reason: Must be between 0 and {most}, if provided."
                    ),
                ))
            }
            seconds => Ok(seconds.map(Duration::from_secs)),
        }
    }
}

/// One that fails says so in an answer of 200:
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ChangeMessageVisibilityBatch.html>
fn change_visibility_batch(sqs: &SqsService, queue: &str, entries: &[VisibilityEntry]) -> Result<Value, ApiError> {
    if entries.is_empty() {
        let message = "There should be at least one ChangeMessageVisibilityBatchRequestEntry in the request.";
        return Err(ApiError::new(400, "AWS.SimpleQueueService.EmptyBatchRequest", message));
    }
    if entries.len() > 10 {
        let message = "Maximum number of entries per request are 10.";
        return Err(ApiError::new(400, "AWS.SimpleQueueService.TooManyEntriesInBatchRequest", message));
    }
    let (mut successful, mut failed) = (Vec::new(), Vec::new());
    for VisibilityEntry { id, receipt_handle, visibility_timeout } in entries {
        match sqs.change_visibility(queue, receipt_handle, Duration::from_secs(*visibility_timeout)) {
            Ok(()) => successful.push(json!({ "Id": id })),
            Err(error) => {
                failed.push(json!({ "Id": id, "SenderFault": true, "Code": error.code, "Message": error.message }));
            }
        }
    }
    Ok(json!({ "Successful": successful, "Failed": failed }))
}

fn no_such_queue() -> ApiError {
    ApiError::new(400, "AWS.SimpleQueueService.NonExistentQueue", "The specified queue does not exist.")
}

fn missing(parameter: &str) -> ApiError {
    ApiError::new(400, "MissingParameter", format!("The request must contain the parameter {parameter}."))
}

fn send(
    sqs: &SqsService,
    queue: &str,
    body: String,
    attributes: &BTreeMap<String, WireAttribute>,
) -> Result<Value, ApiError> {
    let attribute = |wire: &WireAttribute| {
        let of_type = MessageAttribute { data_type: wire.data_type.clone(), value: String::new() };
        let value = if of_type.is_binary() { &wire.binary_value } else { &wire.string_value };
        MessageAttribute { value: value.clone().unwrap_or_default(), ..of_type }
    };
    let attributes: BTreeMap<_, _> = attributes.iter().map(|(name, wire)| (name.clone(), attribute(wire))).collect();
    content::check(&body, &attributes)?;
    let mut answer = json!({ "MD5OfMessageBody": content::body_digest(&body) });
    if !attributes.is_empty() {
        answer["MD5OfMessageAttributes"] = json!(content::attributes_digest(&attributes));
    }
    let id = sqs.send(queue, body, attributes, None).ok_or_else(no_such_queue)?;
    answer["MessageId"] = json!(id);
    Ok(answer)
}

fn receive(sqs: &SqsService, queue: &str, parameters: &SqsParameters) -> Result<Value, ApiError> {
    let most = parameters.max_number_of_messages.unwrap_or(1);
    if !(1..=10).contains(&most) {
        let message = "MaxNumberOfMessages must be between 1 and 10, if provided.";
        return Err(ApiError::new(400, "InvalidParameterValue", message));
    }
    let received = sqs.receive(queue, most, ReceiveVisibility::For(parameters.timeout()?));
    let messages: Vec<_> = received.iter().map(|received| describe(received, parameters)).collect();
    // Without messages the response has no member `Messages`.
    Ok(if messages.is_empty() { json!({}) } else { json!({ "Messages": messages }) })
}

/// Attributes are returned only if requested:
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ReceiveMessage.html>
fn describe(received: &ReceivedMessage, parameters: &SqsParameters) -> Value {
    let message = &received.message;
    let mut described = json!({
        "MessageId": message.id,
        "ReceiptHandle": received.receipt,
        "MD5OfBody": content::body_digest(&message.body),
        "Body": message.body,
    });
    let names = parameters.message_system_attribute_names.iter().chain(&parameters.attribute_names);
    let names: Vec<_> = names.map(String::as_str).collect();
    let mut system = system_attributes(received);
    system.retain(|name, _| names.contains(&"All") || names.contains(&name.as_str()));
    if !system.is_empty() {
        described["Attributes"] = system.into();
    }
    let asked = |name: &str| {
        parameters.message_attribute_names.iter().any(|asked| {
            asked == "All" || asked == name || asked.strip_suffix(".*").is_some_and(|prefix| name.starts_with(prefix))
        })
    };
    let attributes: BTreeMap<_, _> = message
        .attributes
        .iter()
        .filter(|(name, _)| asked(name))
        .map(|(name, one)| (name.clone(), one.clone()))
        .collect();
    if !attributes.is_empty() {
        described["MD5OfMessageAttributes"] = json!(content::attributes_digest(&attributes));
        let wire = |attribute: MessageAttribute| {
            let value = if attribute.is_binary() { "BinaryValue" } else { "StringValue" };
            json!({ "DataType": attribute.data_type, value: attribute.value })
        };
        described["MessageAttributes"] = attributes.into_iter().map(|(name, one)| (name, wire(one))).collect();
    }
    described
}

/// Source: the `MessageSystemAttributeName` shape of the SQS API.
pub(crate) fn system_attributes(received: &ReceivedMessage) -> Map<String, Value> {
    let message = &received.message;
    let mut attributes = Map::from_iter([
        ("ApproximateReceiveCount".to_owned(), json!(message.receive_count.to_string())),
        ("SentTimestamp".to_owned(), json!(message.sent.to_string())),
        ("SenderId".to_owned(), json!("AROAEMULATOR:awslambda")),
        ("ApproximateFirstReceiveTimestamp".to_owned(), json!(received.first_received_at.as_millisecond().to_string())),
    ]);
    if let Some(source) = &message.source {
        attributes.insert("DeadLetterQueueSourceArn".to_owned(), json!(arn("sqs", source)));
    }
    attributes
}

/// Source: the `QueueAttributeName` shape of the SQS API.
fn attributes_of(sqs: &SqsService, name: &str, asked: &[String]) -> Result<Value, ApiError> {
    let now = sqs.platform.now();
    let mut queues = lock(&sqs.queues);
    let stored = queues.get_mut(name).ok_or_else(no_such_queue)?;
    stored.expire(&sqs.platform, now);
    let visible = stored.messages.iter().filter(|message| message.is_visible(now)).count();
    let queue = &stored.queue;
    let mut attributes = BTreeMap::from([
        ("QueueArn", arn("sqs", name)),
        ("ApproximateNumberOfMessages", visible.to_string()),
        ("ApproximateNumberOfMessagesNotVisible", (stored.messages.len() - visible).to_string()),
        ("ApproximateNumberOfMessagesDelayed", "0".to_owned()),
        ("VisibilityTimeout", queue.visibility_timeout.as_secs().to_string()),
        ("MessageRetentionPeriod", queue.retention.as_secs().to_string()),
    ]);
    if let Some(redrive) = &queue.redrive {
        let target = arn("sqs", &redrive.dead_letter_queue);
        let policy = json!({ "deadLetterTargetArn": target, "maxReceiveCount": redrive.max_receive_count });
        attributes.insert("RedrivePolicy", policy.to_string());
    }
    let all = asked.iter().any(|name| name == "All");
    // A queue without a redrive policy has no such attribute.
    let known = |name: &str| name == "All" || name == "RedrivePolicy" || attributes.contains_key(name);
    if let Some(unknown) = asked.iter().find(|name| !known(name)) {
        return Err(ApiError::new(400, "InvalidAttributeName", format!("Unknown Attribute {unknown}.")));
    }
    attributes.retain(|name, _| all || asked.iter().any(|asked| asked == name));
    Ok(if attributes.is_empty() { json!({}) } else { json!({ "Attributes": attributes }) })
}
