//! Objects in memory.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
};

use axum::{
    body::Body,
    extract::{Path, State},
    http::{HeaderMap, HeaderValue, Method, Request, StatusCode, header},
    response::Response,
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::Bytes;
use md5::{Digest as _, Md5};

use super::condition::{WriteCondition, no_such_key};
use super::{chunked, condition};
use crate::platform::{
    ApiError, ByteRange, CallOutcome, FaultSubject, Platform, ServiceKind, answer_about, hex, lock, request_id,
    require_signature, respond,
};

const CHECKSUM: &str = "x-amz-checksum-crc32";

#[derive(Debug)]
pub(crate) struct S3Service {
    platform: Arc<Platform>,
    contents: Mutex<BucketContents>,
}

#[derive(Debug, Default)]
struct BucketContents {
    names: BTreeSet<String>,
    objects: BTreeMap<(String, String), Bytes>,
}

impl S3Service {
    pub(crate) fn new(platform: Arc<Platform>) -> Self {
        Self { platform, contents: Mutex::default() }
    }

    pub(crate) fn create_bucket(&self, bucket: &str) {
        lock(&self.contents).names.insert(bucket.to_owned());
    }

    pub(crate) fn put_object(&self, bucket: &str, key: &str, bytes: Bytes) {
        lock(&self.contents).objects.insert((bucket.to_owned(), key.to_owned()), bytes);
    }

    /// Puts an object if the condition holds. Of two concurrent writers with the same condition, one succeeds.
    fn put_if(&self, bucket: &str, key: &str, bytes: Bytes, condition: &WriteCondition) -> Result<(), ApiError> {
        let mut contents = lock(&self.contents);
        let name = (bucket.to_owned(), key.to_owned());
        let present = contents.objects.get(&name).map(etag);
        condition.check(present.as_deref())?;
        contents.objects.insert(name, bytes);
        Ok(())
    }

    pub(crate) fn object(&self, bucket: &str, key: &str) -> Option<Bytes> {
        lock(&self.contents).objects.get(&(bucket.to_owned(), key.to_owned())).cloned()
    }

    fn delete(&self, bucket: &str, key: &str) {
        lock(&self.contents).objects.remove(&(bucket.to_owned(), key.to_owned()));
    }

    fn check_bucket(&self, bucket: &str) -> Result<(), ApiError> {
        if lock(&self.contents).names.contains(bucket) {
            return Ok(());
        }
        Err(ApiError::new(404, "NoSuchBucket", "The specified bucket does not exist"))
    }
}

/// `GetObject` and `HeadObject`.
pub(super) async fn get_object(
    State(s3): State<Arc<S3Service>>,
    Path((bucket, key)): Path<(String, String)>,
    method: Method,
    headers: HeaderMap,
) -> Response {
    let operation = if method == Method::HEAD { "HeadObject" } else { "GetObject" };
    answer_about(&s3.platform, ServiceKind::S3, operation, subject_of(&key), async |_| {
        require_signature(&headers)?;
        condition::refuse_conditions(&headers)?;
        s3.check_bucket(&bucket)?;
        let object = s3.object(&bucket, &key).ok_or_else(no_such_key)?;
        let range = ByteRange::from_headers(&headers, object.len())?;
        let mut response = range.response(&object);
        response.headers_mut().insert(header::ETAG, header_value(&etag(&object)));
        if range == ByteRange::Whole {
            response.headers_mut().insert(CHECKSUM, header_value(&checksum(&object)));
        }
        Ok(with_request_id(&s3.platform, response))
    })
    .await
}

pub(super) async fn put_object(
    State(s3): State<Arc<S3Service>>,
    Path((bucket, key)): Path<(String, String)>,
    request: Request<Body>,
) -> Response {
    let (head, body) = request.into_parts();
    answer_about(&s3.platform, ServiceKind::S3, "PutObject", subject_of(&key), async |_| {
        require_signature(&head.headers)?;
        s3.check_bucket(&bucket)?;
        let body = axum::body::to_bytes(body, 1 << 30).await;
        let body = body.map_err(|_| ApiError::new(400, "IncompleteBody", "the body ended early"))?;
        let upload = chunked::decode(&head.headers, body)?;
        let actual = checksum(&upload.bytes);
        let claimed = upload.trailer(CHECKSUM).or_else(|| head.headers.get(CHECKSUM)?.to_str().ok());
        if claimed.is_some_and(|claimed| claimed != actual) {
            return Err(ApiError::new(
                400,
                "BadDigest",
                "The CRC32 you specified did not match the calculated checksum.",
            ));
        }
        let mut response = respond("application/xml", Body::empty());
        response.headers_mut().insert(header::ETAG, header_value(&etag(&upload.bytes)));
        response.headers_mut().insert(CHECKSUM, header_value(&actual));
        s3.put_if(&bucket, &key, upload.bytes, &WriteCondition::from_headers(&head.headers)?)?;
        Ok(with_request_id(&s3.platform, response))
    })
    .await
}

pub(super) async fn delete_object(
    State(s3): State<Arc<S3Service>>,
    Path((bucket, key)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    answer_about(&s3.platform, ServiceKind::S3, "DeleteObject", subject_of(&key), async |_| {
        require_signature(&headers)?;
        condition::refuse_conditions(&headers)?;
        s3.check_bucket(&bucket)?;
        s3.delete(&bucket, &key);
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::NO_CONTENT;
        Ok(with_request_id(&s3.platform, response))
    })
    .await
}

/// The request that an object of a job is about: `immortal/<function>/<request id>/…`.
fn subject_of(key: &str) -> FaultSubject<'_> {
    FaultSubject::from_request(key.strip_prefix("immortal/").and_then(|rest| rest.split('/').nth(1)))
}

fn with_request_id(platform: &Platform, mut response: Response) -> CallOutcome {
    let id = platform.ids.hex(16).to_uppercase();
    if let Ok(id) = HeaderValue::from_str(&id) {
        response.headers_mut().insert("x-amz-request-id", id);
    }
    request_id(response.headers_mut(), &id);
    response.into()
}

fn etag(bytes: &Bytes) -> String {
    format!("\"{}\"", hex(&Md5::digest(bytes)))
}

fn checksum(bytes: &Bytes) -> String {
    BASE64_STANDARD.encode(crc32fast::hash(bytes).to_be_bytes())
}

fn header_value(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static(""))
}
