//! Errors with each service's codes, in its protocol.

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use serde_json::{Map, Value, json};

use super::{
    ids::{ACCOUNT, REGION},
    response::{CallOutcome, request_id, respond},
};

/// A service, which determines the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ServiceKind {
    Lambda,
    Ecs,
    S3,
    Sqs,
    Sns,
    Events,
    Download,
}

impl ServiceKind {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Lambda => "lambda",
            Self::Ecs => "ecs",
            Self::S3 => "s3",
            Self::Sqs => "sqs",
            Self::Sns => "sns",
            Self::Events => "events",
            Self::Download => "download",
        }
    }
}

/// An error with the service's code.
#[derive(Clone, Debug)]
pub(crate) struct ApiError {
    pub(crate) status: u16,
    pub(crate) code: String,
    pub(crate) message: String,
    /// The further members of the error's shape.
    pub(crate) extra_members: Map<String, Value>,
}

impl ApiError {
    pub(crate) fn new(status: u16, code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { status, code: code.into(), message: message.into(), extra_members: Map::new() }
    }
}

pub(super) fn throttled(service: ServiceKind) -> ApiError {
    match service {
        ServiceKind::Lambda => {
            let mut error = ApiError::new(429, "TooManyRequestsException", "Rate exceeded");
            error.extra_members.insert("Reason".into(), json!("CallerRateLimitExceeded"));
            error
        }
        ServiceKind::Ecs | ServiceKind::Events => ApiError::new(400, "ThrottlingException", "Rate exceeded"),
        ServiceKind::Sns => ApiError::new(400, "Throttling", "Rate exceeded"),
        ServiceKind::Sqs => ApiError::new(403, "RequestThrottled", "The request was denied due to request throttling."),
        ServiceKind::S3 | ServiceKind::Download => ApiError::new(503, "SlowDown", "Please reduce your request rate."),
    }
}

pub(super) fn unavailable(service: ServiceKind, status: u16) -> ApiError {
    let code = match (service, status) {
        (ServiceKind::Ecs, 500) => "ServerException",
        (ServiceKind::Lambda, 500) => "ServiceException",
        (ServiceKind::S3 | ServiceKind::Download, 500) => "InternalError",
        (_, 503) => "ServiceUnavailable",
        _ => "InternalFailure",
    };
    ApiError::new(status, code, "The service failed. Please try again.")
}

pub(super) fn denied(service: ServiceKind, operation: &str) -> ApiError {
    let name = service.name();
    let message = format!(
        "User: arn:aws:sts::{ACCOUNT}:assumed-role/role/session is not authorized to perform: {name}:{operation} \
         because no identity-based policy allows the {name}:{operation} action"
    );
    match service {
        ServiceKind::S3 | ServiceKind::Download => ApiError::new(403, "AccessDenied", "Access Denied"),
        ServiceKind::Lambda => ApiError::new(403, "AccessDeniedException", message),
        ServiceKind::Ecs | ServiceKind::Events => ApiError::new(400, "AccessDeniedException", message),
        ServiceKind::Sqs => ApiError::new(403, "AccessDenied", message),
        ServiceKind::Sns => ApiError::new(403, "AuthorizationError", message),
    }
}

/// Renders an error in the service's protocol.
pub(super) fn render(service: ServiceKind, error: &ApiError, id: &str) -> CallOutcome {
    let mut body = error.extra_members.clone();
    let mut response = match service {
        ServiceKind::S3 | ServiceKind::Download => {
            let body = format!(
                "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{}</Code><Message>{}</Message></Error>",
                error.code, error.message
            );
            respond("application/xml", body)
        }
        ServiceKind::Lambda => {
            body.insert("Type".into(), json!(if error.status < 500 { "User" } else { "Service" }));
            body.insert("message".into(), json!(error.message));
            let mut response = respond("application/json", Value::from(body).to_string());
            if let Ok(code) = HeaderValue::from_str(&error.code) {
                response.headers_mut().insert("x-amzn-errortype", code);
            }
            response
        }
        ServiceKind::Sns => {
            let fault = if error.status < 500 { "Sender" } else { "Receiver" };
            let body = format!(
                "<ErrorResponse xmlns=\"http://sns.amazonaws.com/doc/2010-03-31/\"><Error><Type>{fault}</Type><Code>{}</Code>\
                 <Message>{}</Message></Error><RequestId>{id}</RequestId></ErrorResponse>",
                error.code, error.message
            );
            respond("text/xml", body)
        }
        ServiceKind::Ecs | ServiceKind::Events => {
            body.insert("__type".into(), json!(error.code));
            body.insert("message".into(), json!(error.message));
            respond("application/x-amz-json-1.1", Value::from(body).to_string())
        }
        ServiceKind::Sqs => {
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
    request_id(response.headers_mut(), id);
    CallOutcome { response, code: Some(error.code.clone()) }
}

/// The name of an SQS error's shape. The error's code is the one of the older query protocol, sent in its own header:
/// <https://smithy.io/2.0/aws/protocols/aws-query-protocol.html#aws-protocols-awsquerycompatible-trait>
fn sqs_shape(code: &str) -> &str {
    match code.rsplit('.').next().unwrap_or_default() {
        "NonExistentQueue" => "QueueDoesNotExist",
        other => other,
    }
}

/// Rejects a request without a signature. The signature itself isn't verified.
pub(crate) fn require_signature(headers: &HeaderMap) -> Result<(), ApiError> {
    let authorization = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if authorization.starts_with("AWS4-HMAC-SHA256 ") && authorization.contains(&format!("/{REGION}/")) {
        return Ok(());
    }
    Err(ApiError::new(
        403,
        "MissingAuthenticationTokenException",
        format!("the request is not signed; sign it for region {REGION}"),
    ))
}
