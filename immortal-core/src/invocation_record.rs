//! Lambda's record of an invocation for a destination; dead letters have the same shape.

use serde::Serialize;
use serde_json::value::RawValue;

use crate::context::Context;

/// The record of an invocation; `P` is the response, or the error, and `M` the members that immortal adds.
///
/// Source: <https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html>
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct InvocationRecord<'a, P, M> {
    version: &'static str,
    timestamp: &'a str,
    request_context: RequestContext<'a>,
    request_payload: Option<&'a RawValue>,
    response_context: ResponseContext<'a>,
    response_payload: P,
    #[serde(skip_serializing_if = "Option::is_none")]
    immortal: Option<M>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct RequestContext<'a> {
    request_id: &'a str,
    function_arn: String,
    condition: &'static str,
    approximate_invoke_count: u32,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ResponseContext<'a> {
    status_code: u16,
    executed_version: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    function_error: Option<&'static str>,
}

/// How the invocation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RecordCondition {
    #[cfg(feature = "destinations")]
    Success,
    #[cfg(feature = "dispatcher")]
    RetriesExhausted,
}

impl<'a, P: Serialize, M: Serialize> InvocationRecord<'a, P, M> {
    /// A record with this RFC 3339 time stamp and number of invocations.
    pub(crate) fn new(
        timestamp: &'a str,
        context: &'a Context,
        (condition, invocations): (RecordCondition, u32),
        request_payload: Option<&'a RawValue>,
        response_payload: P,
        immortal: Option<M>,
    ) -> Self {
        let executed_version = executed_version(context);
        let (condition, function_error) = match condition {
            #[cfg(feature = "destinations")]
            RecordCondition::Success => ("Success", None),
            #[cfg(feature = "dispatcher")]
            RecordCondition::RetriesExhausted => ("RetriesExhausted", Some("Unhandled")),
        };
        Self {
            version: "1.0",
            timestamp,
            request_context: RequestContext {
                request_id: &context.aws_request_id,
                function_arn: qualified_arn(context),
                condition,
                approximate_invoke_count: invocations,
            },
            request_payload,
            response_context: ResponseContext { status_code: 200, executed_version, function_error },
            response_payload,
            immortal,
        }
    }

    /// The record as JSON.
    pub(crate) fn to_json(&self) -> String {
        // Plain data: it can't fail.
        serde_json::to_string(self).unwrap_or_default()
    }
}

fn executed_version(context: &Context) -> &str {
    if context.function_version.is_empty() { "$LATEST" } else { &context.function_version }
}

/// The ARN in the form of Lambda's records, which always has a qualifier.
pub(crate) fn qualified_arn(context: &Context) -> String {
    let arn = &context.invoked_function_arn;
    match arn.matches(':').count() {
        6 => format!("{arn}:{}", executed_version(context)),
        _ => arn.clone(),
    }
}
