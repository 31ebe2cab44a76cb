//! S3: objects in memory, put and got in path style.

mod chunked;

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
        cloud.buckets.exists(&bucket)?;
        let object = cloud.buckets.object(&bucket, &key);
        let object = object.ok_or_else(|| ApiError::new(404, "NoSuchKey", "The specified key does not exist."))?;
        let range = Range::of(&headers, object.len())?;
        let mut response = range.response(&object);
        let (etag, checksum) = (etag(&object), checksum(&object));
        response.headers_mut().insert(header::ETAG, etag);
        if range == Range::Whole {
            response.headers_mut().insert(CHECKSUM, checksum);
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
        if claimed.is_some_and(|claimed| claimed.as_bytes() != actual.as_bytes()) {
            return Err(ApiError::new(
                400,
                "BadDigest",
                "The CRC32 you specified did not match the calculated checksum.",
            ));
        }
        // https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
        let only_new = head.headers.get(header::IF_NONE_MATCH).is_some_and(|value| value == "*");
        if only_new && cloud.buckets.object(&bucket, &key).is_some() {
            let message = "At least one of the pre-conditions you specified did not hold";
            return Err(ApiError::new(412, "PreconditionFailed", message));
        }
        let mut response = respond("application/xml", Body::empty());
        response.headers_mut().insert(header::ETAG, etag(&upload.bytes));
        response.headers_mut().insert(CHECKSUM, actual);
        cloud.buckets.put(&bucket, &key, upload.bytes);
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

fn etag(bytes: &Bytes) -> HeaderValue {
    let digest = hex(&Md5::digest(bytes));
    HeaderValue::from_str(&format!("\"{digest}\"")).unwrap_or(HeaderValue::from_static("\"\""))
}

fn checksum(bytes: &Bytes) -> HeaderValue {
    let checksum = BASE64_STANDARD.encode(crc32fast::hash(bytes).to_be_bytes());
    HeaderValue::from_str(&checksum).unwrap_or(HeaderValue::from_static(""))
}
