//! The input of an invocation, and its failure.

use bytes::Bytes;
use immortal_core::runtime_api::ReportedError;
use serde_json::{Value, json};

use crate::platform::EntryKind;

/// The input of an invocation.
#[derive(Clone, Debug)]
pub(crate) struct InvocationRequest {
    pub(crate) id: String,
    pub(crate) event: Bytes,
    /// The ARN as the caller gave it: with or without a version.
    pub(crate) function_arn: String,
    pub(crate) client_context: Option<String>,
    pub(crate) trace_id: String,
}

/// A failed invocation: the error that Lambda returns to the caller, as JSON.
#[derive(Clone, Debug)]
pub(crate) struct InvocationFailure {
    pub(crate) payload: Bytes,
    /// The `errorMessage` of the payload.
    pub(crate) message: String,
}

impl InvocationFailure {
    pub(super) fn new(error_type: &str, message: String) -> Self {
        let payload = json!({ "errorType": error_type, "errorMessage": message }).to_string().into();
        Self { payload, message }
    }

    /// The error that the runtime reported: byte for byte if it is valid JSON, else as the message.
    pub(super) fn from_report(failure: ReportedError) -> Self {
        let error_type = failure.error_type.as_deref().unwrap_or("Unknown");
        match serde_json::from_slice::<Value>(&failure.body) {
            Ok(report) => {
                let message = report.get("errorMessage").and_then(Value::as_str).unwrap_or_default().to_owned();
                Self { payload: failure.body, message }
            }
            Err(_) => Self::new(error_type, String::from_utf8_lossy(&failure.body).into_owned()),
        }
    }

    pub(super) fn entry_kind(&self) -> EntryKind {
        let report: Value = serde_json::from_slice(&self.payload).unwrap_or_default();
        let error_type = report.get("errorType").and_then(Value::as_str).unwrap_or("Unknown").to_owned();
        EntryKind::Failed { error_type, message: self.message.clone() }
    }
}
