//! S3: an object is put, and got.

use base64::prelude::{BASE64_STANDARD, Engine as _};
use bytes::Bytes;
use hyper::{
    Method,
    header::{self, HeaderName},
};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use sha2::{Digest as _, Sha256};

use super::{Request, Service};

/// What AWS's signatures leave as it is in a path, and the slashes of a key.
///
/// Source: <https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html>, `UriEncode`.
const KEY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');

/// A bucket that keeps objects from being overwritten takes none without a checksum.
///
/// Source: <https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html>.
static CHECKSUM: HeaderName = HeaderName::from_static("x-amz-checksum-sha256");

/// `PutObject` of JSON.
pub(crate) fn put(bucket: &str, key: &str, body: Bytes) -> Request {
    let checksum = BASE64_STANDARD.encode(Sha256::digest(&body));
    let headers = vec![(header::CONTENT_TYPE, "application/json".to_owned()), (CHECKSUM.clone(), checksum)];
    object(Method::PUT, bucket, key, headers, body)
}

/// `GetObject`.
pub(crate) fn get(bucket: &str, key: &str) -> Request {
    object(Method::GET, bucket, key, Vec::new(), Bytes::new())
}

fn object(method: Method, bucket: &str, key: &str, headers: Vec<(HeaderName, String)>, body: Bytes) -> Request {
    Request {
        service: Service::S3,
        method,
        bucket: Some(bucket.to_owned()),
        path: format!("/{}", utf8_percent_encode(key, KEY)),
        headers,
        body,
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_s3::{Client, config::RequestChecksumCalculation, primitives::ByteStream};

    use super::*;
    use crate::aws::tests::{HERE, ours, theirs};

    #[tokio::test]
    async fn requests_are_those_of_the_generated_client() {
        let keys = ["immortal/ingest/r-1", "immortal/ingest/a b", "a+b/ä%20~!()*'", "./a//b/../c"];
        for key in keys {
            let asked =
                theirs(HERE, async |config| Client::new(&config).get_object().bucket("events").key(key).send().await);
            let asked = asked.await;
            // It asks for the checksum, too, which the transport's own makes up for.
            assert_eq!(ours(&get("events", key), HERE).await, asked, "{key}");
            let asked = theirs(HERE, async |config| {
                let config = aws_sdk_s3::config::Builder::from(&config)
                    .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
                    .build();
                let body = ByteStream::from_static(b"{\"n\":1}");
                let call = Client::from_conf(config).put_object().bucket("events").key(key);
                call.content_type("application/json").body(body).send().await
            });
            assert_eq!(ours(&put("events", key, Bytes::from_static(b"{\"n\":1}")), HERE).await, asked.await, "{key}");
        }
    }

    #[test]
    fn the_checksum_is_the_bodys() {
        let request = put("events", "k", Bytes::from_static(b"{}"));
        let checksum = request.headers.iter().find(|(name, _)| *name == CHECKSUM).map(|(_, value)| value.as_str());
        assert_eq!(checksum, Some("RBNvo1WzZ4oRRq0W9+hknpT7T8If536DEMBg9hyq/4o="));
    }
}
