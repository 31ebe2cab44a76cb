//! `Invoke`, asynchronous and synchronous.

use std::sync::Arc;

use super::{asynchronous, invocation::InvocationRequest, service::LambdaService, version::FunctionVersion};
use crate::platform::{
    ApiError, CallOutcome, EntryKind, EntrySource, ServiceKind, answer, query_parameter, request_id, require_signature,
    respond,
};
use axum::{
    body::Body,
    extract::{Path, RawQuery, State},
    http::{HeaderMap, HeaderValue, Request as HttpRequest, StatusCode},
    response::Response,
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::Bytes;
use serde_json::value::RawValue;

/// <https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html>: the limit of an asynchronous payload.
const MAX_EVENT_SIZE: usize = 1 << 20;
/// The limit of a synchronous payload.
const MAX_REQUEST_SIZE: usize = 6 << 20;

pub(super) async fn invoke(
    State(lambda): State<Arc<LambdaService>>,
    Path(function): Path<String>,
    RawQuery(query): RawQuery,
    request: HttpRequest<Body>,
) -> Response {
    let (head, body) = request.into_parts();
    answer(&lambda.platform, ServiceKind::Lambda, "Invoke", async |_| {
        require_signature(&head.headers)?;
        let qualifier = query_parameter(query.as_deref(), "Qualifier");
        let event = axum::body::to_bytes(body, MAX_REQUEST_SIZE).await.map_err(|_| too_large(MAX_REQUEST_SIZE))?;
        match header_text(&head.headers, "x-amz-invocation-type").unwrap_or("RequestResponse") {
            "Event" => {
                let id = accept_event(&lambda, &function, qualifier.as_deref(), event)?;
                Ok(empty_response(StatusCode::ACCEPTED, &id))
            }
            "RequestResponse" => {
                let context = header_text(&head.headers, "x-amz-client-context");
                invoke_synchronously(&lambda, &function, qualifier.as_deref(), event, context).await
            }
            "DryRun" => {
                lambda.find_version(&function, qualifier.as_deref())?;
                Ok(empty_response(StatusCode::NO_CONTENT, &lambda.platform.ids.uuid()))
            }
            other => {
                Err(ApiError::new(400, "InvalidParameterValueException", format!("{other} is not an invocation type")))
            }
        }
    })
    .await
}

/// Accepts an event for asynchronous invocation, and returns the request id.
pub(crate) fn accept_event(
    lambda: &Arc<LambdaService>,
    function: &str,
    qualifier: Option<&str>,
    event: Bytes,
) -> Result<String, ApiError> {
    if event.len() > MAX_EVENT_SIZE {
        return Err(too_large(MAX_EVENT_SIZE));
    }
    let (version, request) = prepare_invocation(lambda, function, qualifier, event, None)?;
    let id = request.id.clone();
    let (under_way, lambda) = (lambda.platform.activity.begin(), Arc::clone(lambda));
    lambda.platform.runtime.clone().spawn(async move {
        asynchronous::run_with_retries(&lambda, version, request).await;
        drop(under_way);
    });
    Ok(id)
}

/// Finds the function, checks the event, and creates the invocation.
pub(crate) fn prepare_invocation(
    lambda: &LambdaService,
    function: &str,
    qualifier: Option<&str>,
    event: Bytes,
    client_context: Option<String>,
) -> Result<(Arc<FunctionVersion>, InvocationRequest), ApiError> {
    let version = lambda.find_version(function, qualifier)?;
    // An invocation without a payload hands the handler an empty object.
    let event = if event.is_empty() { Bytes::from_static(b"{}") } else { event };
    if let Err(error) = serde_json::from_slice::<&RawValue>(&event) {
        let message = format!("Could not parse request body into json: Could not parse payload into json: {error}");
        return Err(ApiError::new(400, "InvalidRequestContentException", message));
    }
    let versioned = qualifier.is_some() || function.ends_with(&format!("{}:{}", version.function.name, version.number));
    let request = InvocationRequest {
        id: lambda.platform.ids.request_id(&version.function.name),
        event,
        function_arn: if versioned { version.qualified_arn() } else { version.function_arn() },
        client_context,
        trace_id: format!(
            "Root=1-{:08x}-{};Parent={};Sampled=0",
            lambda.platform.now().as_second(),
            lambda.platform.ids.hex(24),
            lambda.platform.ids.hex(16)
        ),
    };
    let source = EntrySource::Lambda { function: version.function.name.clone(), request_id: request.id.clone() };
    lambda.platform.journal.record(source, EntryKind::Invoked);
    Ok((version, request))
}

async fn invoke_synchronously(
    lambda: &Arc<LambdaService>,
    function: &str,
    qualifier: Option<&str>,
    event: Bytes,
    context: Option<&str>,
) -> Result<CallOutcome, ApiError> {
    let context = context.and_then(|context| String::from_utf8(BASE64_STANDARD.decode(context).ok()?).ok());
    let (version, request) = prepare_invocation(lambda, function, qualifier, event, context)?;
    let result = version.run(&lambda.platform, &request, 1).await;
    let failed = result.is_err();
    let body = result.unwrap_or_else(|failed| failed.payload);
    let mut response = respond("application/json", body);
    if failed {
        response.headers_mut().insert("x-amz-function-error", HeaderValue::from_static("Unhandled"));
    }
    if let Ok(number) = HeaderValue::from_str(&version.number) {
        response.headers_mut().insert("x-amz-executed-version", number);
    }
    request_id(response.headers_mut(), &request.id);
    Ok(response.into())
}

fn empty_response(status: StatusCode, id: &str) -> CallOutcome {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    request_id(response.headers_mut(), id);
    response.into()
}

fn too_large(limit: usize) -> ApiError {
    let message = format!("Request must be smaller than {limit} bytes for the InvokeFunction operation");
    ApiError::new(413, "RequestTooLargeException", message)
}

fn header_text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}
