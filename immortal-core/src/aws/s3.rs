//! S3, which knows a bucket's objects by path and method.

use bytes::Bytes;
use hyper::{Method, header::HeaderName};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::{Request, Service};

/// What AWS's signatures leave as it is in a path, and the slashes of a key.
///
/// Source: <https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html>, `UriEncode`.
const KEY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');

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
