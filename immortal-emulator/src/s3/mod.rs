//! S3: objects in memory, with path-style URLs and conditional writes.

mod chunked;
mod condition;
mod objects;

use std::sync::Arc;

use axum::{Router, routing::get};

pub(crate) use self::objects::S3Service;

pub(crate) fn routes(s3: Arc<S3Service>) -> Router {
    let object = get(objects::get_object).put(objects::put_object).delete(objects::delete_object);
    Router::new().route("/{bucket}/{*key}", object).with_state(s3)
}
