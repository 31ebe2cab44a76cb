//! What all APIs share: errors in each protocol's shape, scripted faults, and the note of each call.

use axum::{
    body::Body,
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::Response,
};
use serde_json::{Map, Value, json};

use crate::{
    ACCOUNT, How, Place, REGION, What,
    cloud::{Cloud, lock},
};

/// A service, for its protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Service {
    Lambda,
    Ecs,
    S3,
    Sqs,
    Download,
}

impl Service {
    fn name(self) -> &'static str {
        match self {
            Self::Lambda => "lambda",
            Self::Ecs => "ecs",
            Self::S3 => "s3",
            Self::Sqs => "sqs",
            Self::Download => "download",
        }
    }
}

/// An error, as the service names it.
#[derive(Clone, Debug)]
pub(crate) struct ApiError {
    pub(crate) status: u16,
    pub(crate) code: String,
    pub(crate) message: String,
    /// More members of the error's shape.
    pub(crate) more: Map<String, Value>,
}

impl ApiError {
    pub(crate) fn new(status: u16, code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { status, code: code.into(), message: message.into(), more: Map::new() }
    }
}

/// What a call came to: the response, and what is noted of it.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) response: Response,
    pub(crate) code: Option<String>,
}

impl From<Response> for Outcome {
    fn from(response: Response) -> Self {
        Self { response, code: None }
    }
}

/// Put into a response's extensions, it makes the server close the connection instead of answering.
#[derive(Clone, Debug)]
pub(crate) struct Reset;

/// Answers a call: with a scripted fault, or with what `act` makes of it. `act` is given the faults that only its
/// operation knows.
pub(crate) async fn answer<F>(
    cloud: &Cloud,
    service: Service,
    operation: &str,
    act: impl FnOnce(Option<How>) -> F,
) -> Response
where
    F: Future<Output = Result<Outcome, ApiError>>,
{
    answer_about(cloud, service, operation, None, act).await
}

/// Answers a call that is about the event of this request.
pub(crate) async fn answer_about<F>(
    cloud: &Cloud,
    service: Service,
    operation: &str,
    request_id: Option<&str>,
    act: impl FnOnce(Option<How>) -> F,
) -> Response
where
    F: Future<Output = Result<Outcome, ApiError>>,
{
    let mut noted = Noted::begin(cloud, service, operation);
    let failed = |error: ApiError| Ok(render(cloud, service, &error));
    let outcome = match cloud.faults.hit(operation, request_id) {
        Some(How::Throttle) => failed(throttled(service)),
        Some(How::Status(status)) => failed(unavailable(service, status)),
        Some(How::Error { status, code, message }) => failed(ApiError::new(status, code, message)),
        Some(How::AccessDenied) => failed(denied(service, operation)),
        Some(How::ResetBefore) => Err(Reset),
        Some(How::ResetAfter) => {
            // Whatever came of it, the caller doesn't learn.
            let _ = act(None).await;
            Err(Reset)
        }
        Some(How::SandboxesGone(function)) => {
            let _ = act(None).await;
            cloud.functions.end_sandboxes(&function);
            Err(Reset)
        }
        Some(How::Late(delay)) => {
            let outcome = act(None).await.unwrap_or_else(|error| render(cloud, service, &error));
            tokio::time::sleep(delay).await;
            Ok(outcome)
        }
        other => Ok(act(other).await.unwrap_or_else(|error| render(cloud, service, &error))),
    };
    match outcome {
        Ok(Outcome { response, code }) => {
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

/// Notes the call at its end, also when the caller hangs up before.
struct Noted<'a> {
    cloud: &'a Cloud,
    service: Service,
    operation: &'a str,
    overlapping: usize,
    outcome: (u16, Option<String>),
}

impl<'a> Noted<'a> {
    fn begin(cloud: &'a Cloud, service: Service, operation: &'a str) -> Self {
        let mut under_way = lock(&cloud.under_way);
        let count = under_way.entry(operation.to_owned()).or_default();
        *count += 1;
        Self { cloud, service, operation, overlapping: *count, outcome: (0, None) }
    }
}

impl Drop for Noted<'_> {
    fn drop(&mut self) {
        if let Some(count) = lock(&self.cloud.under_way).get_mut(self.operation) {
            *count -= 1;
        }
        let (status, code) = std::mem::take(&mut self.outcome);
        let (service, operation) = (self.service.name(), self.operation.to_owned());
        let what = What::Called { service, operation, status, code, overlapping: self.overlapping };
        self.cloud.journal.note(Place::Api, what);
    }
}

fn throttled(service: Service) -> ApiError {
    match service {
        Service::Lambda => {
            let mut error = ApiError::new(429, "TooManyRequestsException", "Rate exceeded");
            error.more.insert("Reason".into(), json!("CallerRateLimitExceeded"));
            error
        }
        Service::Ecs => ApiError::new(400, "ThrottlingException", "Rate exceeded"),
        Service::Sqs => ApiError::new(403, "RequestThrottled", "The request was denied due to request throttling."),
        Service::S3 | Service::Download => ApiError::new(503, "SlowDown", "Please reduce your request rate."),
    }
}

fn unavailable(service: Service, status: u16) -> ApiError {
    let code = match (service, status) {
        (Service::Ecs, 500) => "ServerException",
        (Service::Lambda, 500) => "ServiceException",
        (Service::S3 | Service::Download, 500) => "InternalError",
        (_, 503) => "ServiceUnavailable",
        _ => "InternalFailure",
    };
    ApiError::new(status, code, "The service failed. Please try again.")
}

fn denied(service: Service, operation: &str) -> ApiError {
    let name = service.name();
    let message = format!(
        "User: arn:aws:sts::{ACCOUNT}:assumed-role/role/session is not authorized to perform: {name}:{operation} \
         because no identity-based policy allows the {name}:{operation} action"
    );
    match service {
        Service::S3 | Service::Download => ApiError::new(403, "AccessDenied", "Access Denied"),
        Service::Lambda => ApiError::new(403, "AccessDeniedException", message),
        Service::Ecs => ApiError::new(400, "AccessDeniedException", message),
        Service::Sqs => ApiError::new(403, "AccessDenied", message),
    }
}

/// An error in the shape of the service's protocol.
pub(crate) fn render(cloud: &Cloud, service: Service, error: &ApiError) -> Outcome {
    let mut body = error.more.clone();
    let mut response = match service {
        Service::S3 | Service::Download => {
            let body = format!(
                "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{}</Code><Message>{}</Message></Error>",
                error.code, error.message
            );
            respond("application/xml", body)
        }
        Service::Lambda => {
            body.insert("Type".into(), json!(if error.status < 500 { "User" } else { "Service" }));
            body.insert("message".into(), json!(error.message));
            let mut response = respond("application/json", Value::from(body).to_string());
            if let Ok(code) = HeaderValue::from_str(&error.code) {
                response.headers_mut().insert("x-amzn-errortype", code);
            }
            response
        }
        Service::Ecs => {
            body.insert("__type".into(), json!(error.code));
            body.insert("message".into(), json!(error.message));
            respond("application/x-amz-json-1.1", Value::from(body).to_string())
        }
        Service::Sqs => {
            body.insert("__type".into(), json!(format!("com.amazonaws.sqs#{}", sqs_shape(&error.code))));
            body.insert("message".into(), json!(error.message));
            let mut response = respond("application/x-amz-json-1.0", Value::from(body).to_string());
            let fault = if error.status < 500 { "Sender" } else { "Receiver" };
            if let Ok(code) = HeaderValue::from_str(&format!("{};{fault}", error.code)) {
                response.headers_mut().insert("x-amzn-query-error", code);
            }
            response
        }
    };
    *response.status_mut() = StatusCode::from_u16(error.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    request_id(response.headers_mut(), &cloud.uuid());
    Outcome { response, code: Some(error.code.clone()) }
}

/// The shape of an error of SQS. Its code is that of the protocol of before, and comes in a header of its own:
/// <https://smithy.io/2.0/aws/protocols/aws-query-protocol.html#aws-protocols-awsquerycompatible-trait>
fn sqs_shape(code: &str) -> &str {
    match code.rsplit('.').next().unwrap_or_default() {
        "NonExistentQueue" => "QueueDoesNotExist",
        other => other,
    }
}

/// A 200 with JSON.
pub(crate) fn json_response(cloud: &Cloud, body: &Value) -> Outcome {
    let mut response = respond("application/x-amz-json-1.1", body.to_string());
    request_id(response.headers_mut(), &cloud.uuid());
    response.into()
}

pub(crate) fn respond(content_type: &'static str, body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

pub(crate) fn request_id(headers: &mut HeaderMap, id: &str) {
    if let Ok(id) = HeaderValue::from_str(id) {
        headers.insert(HeaderName::from_static("x-amzn-requestid"), id);
    }
}

/// Refuses a request that no client of AWS's has signed. The signature itself isn't checked.
pub(crate) fn signed(headers: &HeaderMap) -> Result<(), ApiError> {
    let authorization = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if authorization.starts_with("AWS4-HMAC-SHA256 ") && authorization.contains(&format!("/{REGION}/")) {
        return Ok(());
    }
    Err(ApiError::new(403, "MissingAuthenticationTokenException", format!("sign the request, for {REGION}")))
}
