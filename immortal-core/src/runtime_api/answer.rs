//! Interprets a runtime's request: a response, an error, or a response that broke off.

use bytes::Bytes;
use hyper::HeaderMap;

use super::{AnswerBody, InvocationAnswer, ReportedError, body::CollectedBody};
use crate::names::header;

/// The limit of a response that isn't streamed: 6 MB, plus what Lambda's own emulator adds.
///
/// Source: <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>
pub(super) const MAX_RESPONSE: usize = 6 * 1024 * 1024 + 100;

/// The trailer that holds a broken-off stream's error report, as base64.
const ERROR_BODY: &str = "lambda-runtime-function-error-body";

/// How a response is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ResponseMode {
    Buffered,
    Streaming,
}

impl ResponseMode {
    pub(super) fn from_headers(headers: &HeaderMap) -> Self {
        match headers.get(header::RESPONSE_MODE) {
            Some(mode) if mode.as_bytes().eq_ignore_ascii_case(b"streaming") => Self::Streaming,
            _ => Self::Buffered,
        }
    }
}

/// The answer in a request to `/response`. A response that is too large is an error of the invocation, as in Lambda.
pub(super) fn response(mode: ResponseMode, collected: CollectedBody) -> InvocationAnswer {
    if mode == ResponseMode::Streaming {
        if let Some(failure) = broken_off(&collected) {
            return InvocationAnswer::Error(failure);
        }
    } else if is_too_large(mode, &collected) {
        let message = format!("Response payload size exceeded maximum allowed payload size ({MAX_RESPONSE} bytes).");
        let body = serde_json::json!({"errorType": "Function.ResponseSizeTooLarge", "errorMessage": message});
        return InvocationAnswer::Error(ReportedError {
            error_type: Some("Function.ResponseSizeTooLarge".into()),
            body: body.to_string().into(),
        });
    }
    InvocationAnswer::Response(AnswerBody { bytes: collected.bytes, length: collected.length })
}

pub(super) fn is_too_large(mode: ResponseMode, collected: &CollectedBody) -> bool {
    mode == ResponseMode::Buffered && collected.length > MAX_RESPONSE as u64
}

/// The error in a request to `/error` or `/init/error`.
pub(super) fn failure(headers: &HeaderMap, collected: CollectedBody) -> ReportedError {
    ReportedError { error_type: text(headers, header::ERROR_TYPE), body: collected.bytes }
}

/// The error that ended a stream: in trailers, or as `lambda_runtime` 1.5 writes them, at the end of the data.
fn broken_off(collected: &CollectedBody) -> Option<ReportedError> {
    let trailers = &collected.trailers;
    if trailers.contains_key(header::ERROR_TYPE) || trailers.contains_key(ERROR_BODY) {
        let body = text(trailers, ERROR_BODY).unwrap_or_default();
        return Some(ReportedError { error_type: text(trailers, header::ERROR_TYPE), body: decoded(&body) });
    }
    let end = if collected.tail.is_empty() { &collected.bytes } else { &collected.tail };
    let lines = end.strip_suffix(b"\r\n")?;
    let (rest, body) = split_at_last(lines, b"\r\nLambda-Runtime-Function-Error-Body: ")?;
    let (_, error_type) = split_at_last(rest, b"Lambda-Runtime-Function-Error-Type: ")?;
    let (error_type, body) = (std::str::from_utf8(error_type).ok()?, std::str::from_utf8(body).ok()?);
    Some(ReportedError { error_type: Some(error_type.to_owned()), body: decoded(body) })
}

fn split_at_last<'a>(bytes: &'a [u8], separator: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let at = bytes.windows(separator.len()).rposition(|window| window == separator)?;
    Some((&bytes[..at], &bytes[at + separator.len()..]))
}

fn decoded(base64: &str) -> Bytes {
    use base64::prelude::{BASE64_STANDARD, Engine as _};

    BASE64_STANDARD.decode(base64).map_or_else(|_| Bytes::copy_from_slice(base64.as_bytes()), Bytes::from)
}

fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;

    use super::*;

    fn collected(bytes: &str) -> CollectedBody {
        CollectedBody { bytes: bytes.to_owned().into(), length: bytes.len() as u64, ..CollectedBody::default() }
    }

    #[test]
    fn a_stream_that_broke_off_is_an_error_wherever_it_says_so() {
        let in_band = "data\0Lambda-Runtime-Function-Error-Type: Runtime.StreamError\r\n\
                       Lambda-Runtime-Function-Error-Body: Ym9vbQ==\r\n";
        let mut trailers = HeaderMap::new();
        trailers.insert(header::ERROR_TYPE, HeaderValue::from_static("Runtime.StreamError"));
        trailers.insert(ERROR_BODY, HeaderValue::from_static("Ym9vbQ=="));
        let in_tail = CollectedBody { tail: in_band.to_owned().into(), ..collected("start") };
        for broken in [collected(in_band), in_tail, CollectedBody { trailers, ..collected("data") }] {
            let InvocationAnswer::Error(failure) = response(ResponseMode::Streaming, broken) else {
                panic!("it broke off")
            };
            assert_eq!(failure.error_type.as_deref(), Some("Runtime.StreamError"));
            assert_eq!(failure.body, "boom");
        }
        let InvocationAnswer::Response(body) = response(ResponseMode::Buffered, collected(in_band)) else {
            panic!("it is data")
        };
        assert_eq!(body.bytes, in_band);
    }

    #[test]
    fn a_stream_may_be_longer_than_a_response() {
        let long = || CollectedBody { length: MAX_RESPONSE as u64 + 1, ..collected("start") };
        assert!(
            matches!(response(ResponseMode::Streaming, long()), InvocationAnswer::Response(AnswerBody { length, .. }) if length > 6_000_000)
        );
        let InvocationAnswer::Error(failure) = response(ResponseMode::Buffered, long()) else { panic!("too large") };
        assert_eq!(failure.error_type.as_deref(), Some("Function.ResponseSizeTooLarge"));
    }
}
