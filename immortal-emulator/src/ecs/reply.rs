//! Responses and errors that the operations share.

use serde_json::Value;

use crate::platform::{ApiError, CallOutcome, Platform, arn, json_response};

pub(super) fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::new(400, "InvalidParameterException", message)
}

/// A response with status 200. The journal gets the reason of its first failure, if there is one.
pub(super) fn call_outcome(platform: &Platform, answer: &Value) -> CallOutcome {
    let code = answer.pointer("/failures/0/reason").and_then(Value::as_str).map(str::to_owned);
    CallOutcome { code, ..json_response(platform, answer) }
}

pub(super) fn cluster_arn(name: &str) -> String {
    arn("ecs", &format!("cluster/{name}"))
}
