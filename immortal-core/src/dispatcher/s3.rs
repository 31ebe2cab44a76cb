//! The S3 adapter: puts an event where the runner finds it.

use std::time::Duration;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use bytes::Bytes;
use hyper::{
    Method,
    header::{CONTENT_TYPE, HeaderName},
};
use sha2::{Digest as _, Sha256};

use super::deadline::within;
use crate::aws::{Aws, Request, Trouble, s3};

/// A bucket that keeps objects from being overwritten takes none without a checksum.
///
/// Source: <https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html>.
static CHECKSUM: HeaderName = HeaderName::from_static("x-amz-checksum-sha256");

/// Puts the event as it came. The same event is the same bytes under the same key, so it may be put twice; encryption is
/// left to the bucket.
pub(super) async fn put(aws: &Aws, bucket: &str, key: &str, event: &str, bound: Duration) -> Result<(), Trouble> {
    within(bound, aws.send(&put_object(bucket, key, event))).await.map(drop)
}

fn put_object(bucket: &str, key: &str, event: &str) -> Request {
    let checksum = BASE64_STANDARD.encode(Sha256::digest(event));
    let headers = vec![(CONTENT_TYPE, "application/json".to_owned()), (CHECKSUM.clone(), checksum)];
    s3::object(Method::PUT, bucket, key, headers, Bytes::copy_from_slice(event.as_bytes()))
}

#[cfg(test)]
mod tests {
    use aws_sdk_s3::{Client, config::RequestChecksumCalculation, primitives::ByteStream};

    use super::*;
    use crate::aws::tests::{HERE, KEYS, ours, theirs};

    const EVENT: &str = r#"{"n":1}"#;

    #[tokio::test]
    async fn requests_are_those_of_the_generated_client() {
        for key in KEYS {
            let asked = theirs(HERE, async |config| {
                // Its own choice would be CRC-32, behind the body.
                let config = aws_sdk_s3::config::Builder::from(&config)
                    .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
                    .build();
                let call = Client::from_conf(config).put_object().bucket("events").key(key);
                call.content_type("application/json").body(ByteStream::from_static(EVENT.as_bytes())).send().await
            });
            assert_eq!(ours(&put_object("events", key, EVENT), HERE).await, asked.await, "{key}");
        }
    }

    #[test]
    fn the_checksum_is_the_bodys() {
        let request = put_object("events", "k", "{}");
        let checksum = request.headers.iter().find(|(name, _)| *name == CHECKSUM).map(|(_, value)| value.as_str());
        assert_eq!(checksum, Some("RBNvo1WzZ4oRRq0W9+hknpT7T8If536DEMBg9hyq/4o="));
    }
}
