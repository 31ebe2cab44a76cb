//! What Lambda writes about an event that it gave up, in either shape.

use std::collections::BTreeMap;

use super::{
    invocation::{InvocationFailure, InvocationRequest},
    version::FunctionVersion,
};
use crate::{platform::Platform, sqs::MessageAttribute};
use serde::Serialize;
use serde_json::value::RawValue;

/// Source: <https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html>
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct FailureRecord<'a> {
    version: &'static str,
    timestamp: String,
    request_context: RequestContext<'a>,
    request_payload: &'a RawValue,
    response_context: ResponseContext<'a>,
    response_payload: &'a RawValue,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RequestContext<'a> {
    request_id: &'a str,
    function_arn: String,
    condition: &'static str,
    approximate_invoke_count: u32,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ResponseContext<'a> {
    status_code: u16,
    executed_version: &'a str,
    function_error: &'static str,
}

/// The record for an `OnFailure` destination. The event goes into it byte for byte.
pub(super) fn destination_record(
    platform: &Platform,
    version: &FunctionVersion,
    request: &InvocationRequest,
    failed: &InvocationFailure,
    tries: u32,
) -> String {
    // Both were checked to be JSON when they came in.
    let json = |bytes| serde_json::from_slice::<&RawValue>(bytes).unwrap_or(RawValue::NULL);
    let record = FailureRecord {
        version: "1.0",
        timestamp: format!("{:.3}", platform.now()),
        request_context: RequestContext {
            request_id: &request.id,
            function_arn: version.qualified_arn(),
            condition: "RetriesExhausted",
            approximate_invoke_count: tries,
        },
        request_payload: json(&request.event),
        response_context: ResponseContext {
            status_code: 200,
            executed_version: &version.number,
            function_error: "Unhandled",
        },
        response_payload: json(&failed.payload),
    };
    serde_json::to_string(&record).unwrap_or_default()
}

/// The attributes of a message to a dead-letter queue, whose body is the event.
///
/// Source: <https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html#invocation-dlq>
pub(super) fn attributes(
    request: &InvocationRequest,
    failed: &InvocationFailure,
) -> BTreeMap<String, MessageAttribute> {
    // "The first 1 KB of the error message."
    let end = failed.message.floor_char_boundary(1024);
    let mut attributes = BTreeMap::from([
        ("RequestID".to_owned(), MessageAttribute::text(&request.id)),
        ("ErrorCode".to_owned(), MessageAttribute::number(200)),
    ]);
    // SQS has no empty attributes.
    if end > 0 {
        attributes.insert("ErrorMessage".to_owned(), MessageAttribute::text(&failed.message[..end]));
    }
    attributes
}
