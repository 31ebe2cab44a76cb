//! Responses, and what the journal records of them.

use axum::{
    body::Body,
    http::{HeaderMap, HeaderName, HeaderValue, header},
    response::Response,
};

/// The result of a call: the response, and the error code that the journal records.
#[derive(Debug)]
pub(crate) struct CallOutcome {
    pub(crate) response: Response,
    pub(crate) code: Option<String>,
}

impl From<Response> for CallOutcome {
    fn from(response: Response) -> Self {
        Self { response, code: None }
    }
}

/// In a response's extensions, this makes the server close the connection without a response.
#[derive(Clone, Debug)]
pub(crate) struct ConnectionReset;

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
