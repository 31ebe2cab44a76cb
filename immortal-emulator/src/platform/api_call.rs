//! API calls: applies faults, and records each call in the journal.

use axum::{body::Body, response::Response};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{
    api_error::{ApiError, ServiceKind, denied, render, throttled, unavailable},
    fault_script::FaultSubject,
    faults::FaultKind,
    journal::{EntryKind, EntrySource},
    response::{CallOutcome, ConnectionReset, request_id, respond},
    shared::Platform,
};

/// Answers a call with a fault or with the result of `act`, which gets the faults that are specific to its operation.
pub(crate) async fn answer<F>(
    platform: &Platform,
    service: ServiceKind,
    operation: &str,
    act: impl FnOnce(Option<FaultKind>) -> F,
) -> Response
where
    F: Future<Output = Result<CallOutcome, ApiError>>,
{
    answer_about(platform, service, operation, FaultSubject::default(), act).await
}

/// Answers a call about this request or this queue.
pub(crate) async fn answer_about<F>(
    platform: &Platform,
    service: ServiceKind,
    operation: &str,
    subject: FaultSubject<'_>,
    act: impl FnOnce(Option<FaultKind>) -> F,
) -> Response
where
    F: Future<Output = Result<CallOutcome, ApiError>>,
{
    let mut noted = CallRecord::begin(platform, service, operation);
    let failure = |error: ApiError| render(service, &error, &platform.ids.uuid());
    let failed = |error: ApiError| Ok(failure(error));
    let outcome = match platform.faults.fault_for_call(operation, subject) {
        Some(FaultKind::Throttle) => failed(throttled(service)),
        Some(FaultKind::Status(status)) => failed(unavailable(service, status)),
        Some(FaultKind::Error { status, code, message }) => failed(ApiError::new(status, code, message)),
        Some(FaultKind::AccessDenied) => failed(denied(service, operation)),
        Some(FaultKind::ResetBefore) => Err(ConnectionReset),
        Some(FaultKind::ResetAfter) => {
            // The caller doesn't learn the result.
            let _ = act(None).await;
            Err(ConnectionReset)
        }
        Some(FaultKind::SandboxesGone(function)) => {
            let _ = act(None).await;
            platform.processes.kill_all_of(&function);
            Err(ConnectionReset)
        }
        Some(FaultKind::Delayed(delay)) => {
            let outcome = act(None).await.unwrap_or_else(failure);
            tokio::time::sleep(delay).await;
            Ok(outcome)
        }
        other => Ok(act(other).await.unwrap_or_else(failure)),
    };
    match outcome {
        Ok(CallOutcome { response, code }) => {
            noted.outcome = (response.status().as_u16(), code);
            response
        }
        Err(reset) => {
            let mut response = Response::new(Body::empty());
            response.extensions_mut().insert(reset);
            response
        }
    }
}

/// Records the call when it ends, also if the caller disconnects earlier.
struct CallRecord<'a> {
    platform: &'a Platform,
    service: ServiceKind,
    operation: &'a str,
    overlapping: usize,
    outcome: (u16, Option<String>),
}

impl<'a> CallRecord<'a> {
    fn begin(platform: &'a Platform, service: ServiceKind, operation: &'a str) -> Self {
        let overlapping = platform.calls.begin(operation);
        Self { platform, service, operation, overlapping, outcome: (0, None) }
    }
}

impl Drop for CallRecord<'_> {
    fn drop(&mut self) {
        self.platform.calls.end(self.operation);
        let (status, code) = std::mem::take(&mut self.outcome);
        let (service, operation) = (self.service.name(), self.operation.to_owned());
        let kind = EntryKind::Called { service, operation, status, code, overlapping: self.overlapping };
        self.platform.journal.record(EntrySource::Api, kind);
    }
}

/// A response with status 200 and a JSON body.
pub(crate) fn json_response(platform: &Platform, body: &Value) -> CallOutcome {
    let mut response = respond("application/x-amz-json-1.1", body.to_string());
    request_id(response.headers_mut(), &platform.ids.uuid());
    response.into()
}

/// Parses the body of a request.
pub(crate) fn parse_json<T: DeserializeOwned>(body: &[u8]) -> Result<T, ApiError> {
    serde_json::from_slice(body).map_err(|error| ApiError::new(400, "SerializationException", error.to_string()))
}
