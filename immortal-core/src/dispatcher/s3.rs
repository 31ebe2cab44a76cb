//! The S3 adapter: puts an event where the runner finds it.

use std::time::Duration;

use bytes::Bytes;
use tokio::time::timeout;

use super::ecs::answered;
use crate::aws::{Aws, Trouble, s3};

/// Puts the event as it came. The same event is the same bytes under the same key, so it may be put twice; encryption is
/// left to the bucket.
pub(super) async fn put(aws: &Aws, bucket: &str, key: &str, event: &str, bound: Duration) -> Result<(), Trouble> {
    let request = s3::put(bucket, key, Bytes::copy_from_slice(event.as_bytes()));
    answered(timeout(bound, aws.send(&request)).await, bound)?;
    Ok(())
}
