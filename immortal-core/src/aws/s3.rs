//! S3, which knows a bucket's objects by path and method.

use bytes::Bytes;
use hyper::{Method, header::HeaderName};
use percent_encoding::{AsciiSet, utf8_percent_encode};

use super::{PART, Request, Service};

/// A key's slashes are the path's.
const KEY: &AsciiSet = &PART.remove(b'/');

/// An operation on an object, which its method says.
pub(crate) fn object(
    method: Method,
    bucket: &str,
    key: &str,
    headers: Vec<(HeaderName, String)>,
    body: Bytes,
) -> Request {
    Request {
        service: Service::S3,
        method,
        bucket: Some(bucket.to_owned()),
        path: format!("/{}", utf8_percent_encode(key, KEY)),
        headers,
        body,
    }
}
