//! `Range` requests, as S3 serves them.

use axum::{
    body::Body,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::Response,
};
use bytes::Bytes;

use super::{api_error::ApiError, response::respond};

/// The requested range; its bounds are inside the object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ByteRange {
    Whole,
    Part { first: usize, last: usize },
}

impl ByteRange {
    /// Parses the header. S3 ignores what it doesn't support (several ranges, another unit).
    pub(crate) fn from_headers(headers: &HeaderMap, length: usize) -> Result<Self, ApiError> {
        let header = headers.get(header::RANGE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let Some((first, last)) = header.strip_prefix("bytes=").and_then(|range| range.split_once('-')) else {
            return Ok(Self::Whole);
        };
        let part = match (first.parse::<usize>(), last.parse::<usize>()) {
            (Ok(first), Ok(last)) if first <= last => (first, last.min(length.saturating_sub(1))),
            (Ok(first), Err(_)) if last.is_empty() => (first, length.saturating_sub(1)),
            (Err(_), Ok(suffix)) if first.is_empty() && suffix > 0 => {
                (length.saturating_sub(suffix), length.saturating_sub(1))
            }
            _ => return Ok(Self::Whole),
        };
        if part.0 >= length {
            return Err(ApiError::new(416, "InvalidRange", "The requested range is not satisfiable"));
        }
        Ok(Self::Part { first: part.0, last: part.1 })
    }

    /// The bytes of the range.
    pub(crate) fn slice(self, bytes: &Bytes) -> Bytes {
        match self {
            Self::Whole => bytes.clone(),
            Self::Part { first, last } => bytes.slice(first..=last),
        }
    }

    /// The response with the bytes of the range.
    pub(crate) fn response(self, bytes: &Bytes) -> Response {
        let (mut response, length) = match self {
            Self::Whole => (respond("binary/octet-stream", Body::from(bytes.clone())), bytes.len()),
            Self::Part { first, last } => {
                let mut response = respond("binary/octet-stream", Body::from(bytes.slice(first..=last)));
                *response.status_mut() = StatusCode::PARTIAL_CONTENT;
                let range = format!("bytes {first}-{last}/{}", bytes.len());
                if let Ok(range) = HeaderValue::from_str(&range) {
                    response.headers_mut().insert(header::CONTENT_RANGE, range);
                }
                (response, last - first + 1)
            }
        };
        response.headers_mut().insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
        response.headers_mut().insert(header::CONTENT_LENGTH, length.into());
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_as_s3_reads_them() {
        let part = |first, last| Some(ByteRange::Part { first, last });
        let table = [
            ("", Some(ByteRange::Whole)),
            ("bytes=0-3", part(0, 3)),
            ("bytes=2-", part(2, 9)),
            ("bytes=-4", part(6, 9)),
            ("bytes=-40", part(0, 9)),
            ("bytes=8-99", part(8, 9)),
            ("bytes=3-2", Some(ByteRange::Whole)),
            ("lines=0-1", Some(ByteRange::Whole)),
            ("bytes=10-", None),
        ];
        for (header, expected) in table {
            let headers = HeaderMap::from_iter([(header::RANGE, HeaderValue::from_static(header))]);
            assert_eq!(ByteRange::from_headers(&headers, 10).ok(), expected, "{header}");
        }
    }
}
