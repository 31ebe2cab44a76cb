//! Responses, and what is noted of them.

use axum::{
    body::Body,
    http::{HeaderMap, HeaderName, HeaderValue, header},
    response::Response,
};

/// What a call came to: the response, and what is noted of it.
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

/// Put into a response's extensions, it makes the server close the connection instead of answering.
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
