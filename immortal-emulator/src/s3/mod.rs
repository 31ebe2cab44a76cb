//! S3: objects in memory, put and got in path style.

mod chunked;
mod condition;

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

use crate::{
    api::{ApiError, Outcome, Service, answer, request_id, respond, signed},
    cloud::{Cloud, hex, lock},
    range::Range,
};
use condition::{WriteCondition, no_such_key};

const CHECKSUM: &str = "x-amz-checksum-crc32";

#[derive(Debug, Default)]
pub(crate) struct Buckets(Mutex<Contents>);

#[derive(Debug, Default)]
struct Contents {
    names: BTreeSet<String>,
    objects: BTreeMap<(String, String), Bytes>,
}

impl Buckets {
    pub(crate) fn create(&self, bucket: &str) {
        lock(&self.0).names.insert(bucket.to_owned());
    }

    pub(crate) fn put(&self, bucket: &str, key: &str, bytes: Bytes) {
        lock(&self.0).objects.insert((bucket.to_owned(), key.to_owned()), bytes);
    }

    /// Puts an object where the condition holds; of two writers under the same condition one succeeds.
    fn put_if(&self, bucket: &str, key: &str, bytes: Bytes, condition: &WriteCondition) -> Result<(), ApiError> {
        let mut contents = lock(&self.0);
        let name = (bucket.to_owned(), key.to_owned());
        let present = contents.objects.get(&name).map(etag);
        condition.check(present.as_deref())?;
        contents.objects.insert(name, bytes);
        Ok(())
    }

    pub(crate) fn object(&self, bucket: &str, key: &str) -> Option<Bytes> {
        lock(&self.0).objects.get(&(bucket.to_owned(), key.to_owned())).cloned()
    }

    fn delete(&self, bucket: &str, key: &str) {
        lock(&self.0).objects.remove(&(bucket.to_owned(), key.to_owned()));
    }

    fn exists(&self, bucket: &str) -> Result<(), ApiError> {
        if lock(&self.0).names.contains(bucket) {
            return Ok(());
        }
        Err(ApiError::new(404, "NoSuchBucket", "The specified bucket does not exist"))
    }
}

/// `GetObject` and `HeadObject`.
pub(crate) async fn get_object(
    State(cloud): State<Arc<Cloud>>,
    Path((bucket, key)): Path<(String, String)>,
    method: Method,
    headers: HeaderMap,
) -> Response {
    let operation = if method == Method::HEAD { "HeadObject" } else { "GetObject" };
    answer(&cloud, Service::S3, operation, async |_| {
        signed(&headers)?;
        condition::refuse(&headers)?;
        cloud.buckets.exists(&bucket)?;
        let object = cloud.buckets.object(&bucket, &key).ok_or_else(no_such_key)?;
        let range = Range::of(&headers, object.len())?;
        let mut response = range.response(&object);
        response.headers_mut().insert(header::ETAG, value(&etag(&object)));
        if range == Range::Whole {
            response.headers_mut().insert(CHECKSUM, value(&checksum(&object)));
        }
        Ok(finish(&cloud, response))
    })
    .await
}

pub(crate) async fn put_object(
    State(cloud): State<Arc<Cloud>>,
    Path((bucket, key)): Path<(String, String)>,
    request: Request<Body>,
) -> Response {
    let (head, body) = request.into_parts();
    answer(&cloud, Service::S3, "PutObject", async |_| {
        signed(&head.headers)?;
        cloud.buckets.exists(&bucket)?;
        let body = axum::body::to_bytes(body, 1 << 30).await;
        let body = body.map_err(|_| ApiError::new(400, "IncompleteBody", "the body was cut"))?;
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
        response.headers_mut().insert(header::ETAG, value(&etag(&upload.bytes)));
        response.headers_mut().insert(CHECKSUM, value(&actual));
        cloud.buckets.put_if(&bucket, &key, upload.bytes, &WriteCondition::of(&head.headers)?)?;
        Ok(finish(&cloud, response))
    })
    .await
}

pub(crate) async fn delete_object(
    State(cloud): State<Arc<Cloud>>,
    Path((bucket, key)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    answer(&cloud, Service::S3, "DeleteObject", async |_| {
        signed(&headers)?;
        condition::refuse(&headers)?;
        cloud.buckets.exists(&bucket)?;
        cloud.buckets.delete(&bucket, &key);
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::NO_CONTENT;
        Ok(finish(&cloud, response))
    })
    .await
}

fn finish(cloud: &Cloud, mut response: Response) -> Outcome {
    let id = cloud.hex(16).to_uppercase();
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

fn value(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static(""))
}
