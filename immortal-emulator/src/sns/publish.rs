//! `Publish`, in the Query protocol: a form in, XML out.

use std::collections::BTreeMap;

use super::topics::SnsService;
use crate::platform::{ApiError, CallOutcome, form_parameters, request_id, respond};

/// <https://docs.aws.amazon.com/sns/latest/api/API_Publish.html>: 256 KiB.
const MAX_MESSAGE_SIZE: usize = 256 << 10;

/// Answers a call of an SNS operation.
pub(crate) fn call(sns: &SnsService, body: &[u8]) -> Result<CallOutcome, ApiError> {
    let parameters: BTreeMap<_, _> = form_parameters(body).collect();
    let parameter = |name: &str| parameters.get(name).map(String::as_str).unwrap_or_default();
    match parameter("Action") {
        "Publish" => publish(sns, parameter("TopicArn"), parameter("Message")),
        other => Err(ApiError::new(400, "InvalidAction", format!("the emulator does not implement SNS {other:?}"))),
    }
}

fn publish(sns: &SnsService, topic: &str, message: &str) -> Result<CallOutcome, ApiError> {
    let invalid = |reason: &str| Err(ApiError::new(400, "InvalidParameter", format!("Invalid parameter: {reason}")));
    if message.is_empty() {
        return invalid("Empty message");
    }
    if message.len() > MAX_MESSAGE_SIZE {
        return invalid("Message too long");
    }
    if !sns.publish(topic, message.to_owned()) {
        return Err(ApiError::new(404, "NotFound", "Topic does not exist"));
    }
    let (message_id, id) = (sns.platform.ids.uuid(), sns.platform.ids.uuid());
    let body = format!(
        "<PublishResponse xmlns=\"http://sns.amazonaws.com/doc/2010-03-31/\"><PublishResult><MessageId>{message_id}\
         </MessageId></PublishResult><ResponseMetadata><RequestId>{id}</RequestId></ResponseMetadata></PublishResponse>"
    );
    let mut response = respond("text/xml", body);
    request_id(response.headers_mut(), &id);
    Ok(response.into())
}
