//! The S3 client: puts an event where the runner finds it.

use std::time::Duration;

use aws_config::SdkConfig;
use aws_sdk_s3::{Client, primitives::ByteStream};
use tokio::time::timeout;

use super::{answer::Trouble, ecs::answered, sdk};

#[derive(Debug)]
pub(super) struct S3 {
    client: Client,
}

impl S3 {
    pub(super) fn new(config: &SdkConfig) -> Self {
        Self { client: crate::aws::s3(config) }
    }

    /// Puts the event as it came. The same event is the same bytes under the same key, so it may be put twice;
    /// encryption is left to the bucket.
    pub(super) async fn put(&self, bucket: &str, key: &str, event: &str, bound: Duration) -> Result<(), Trouble> {
        let call = self
            .client
            .put_object()
            .bucket(bucket)
            .key(key)
            .content_type("application/json")
            .body(ByteStream::from(event.as_bytes().to_vec()));
        answered(timeout(bound, call.send()).await, bound)?.map_err(|error| sdk::trouble(&error))?;
        Ok(())
    }
}
