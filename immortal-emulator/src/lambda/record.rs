//! The record of an asynchronous invocation for its `OnFailure` or `OnSuccess` destination.

use super::{invocation::InvocationRequest, version::FunctionVersion};
use crate::platform::Platform;
use bytes::Bytes;
use serde::Serialize;
use serde_json::value::RawValue;

/// Source: <https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html>
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct InvocationRecord<'a> {
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
    #[serde(skip_serializing_if = "Option::is_none")]
    function_error: Option<&'static str>,
}

/// The record of an invocation that succeeded with this response or failed with this error, after this many tries. It
/// contains event and payload byte for byte.
pub(super) fn record(
    platform: &Platform,
    version: &FunctionVersion,
    request: &InvocationRequest,
    (succeeded, payload): (bool, &Bytes),
    tries: u32,
) -> String {
    // Both were checked to be valid JSON on arrival; a streamed response may not be.
    let json = |bytes| serde_json::from_slice::<&RawValue>(bytes).unwrap_or(RawValue::NULL);
    let record = InvocationRecord {
        version: "1.0",
        timestamp: format!("{:.3}", platform.now()),
        request_context: RequestContext {
            request_id: &request.id,
            function_arn: version.qualified_arn(),
            condition: if succeeded { "Success" } else { "RetriesExhausted" },
            approximate_invoke_count: tries,
        },
        request_payload: json(&request.event),
        response_context: ResponseContext {
            status_code: 200,
            executed_version: &version.number,
            function_error: (!succeeded).then_some("Unhandled"),
        },
        response_payload: json(payload),
    };
    serde_json::to_string(&record).unwrap_or_default()
}
