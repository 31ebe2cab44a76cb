//! The S3 calls of all roles: for events too large for an order, and for a job's progress.
//!
//! Without the feature `large-events` there is no client of S3, and each call says so.

use super::{AwsClients, AwsError};

/// The condition that the present object must meet for a write to succeed.
///
/// Source: <https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html>
#[cfg(any(feature = "dispatcher", feature = "destinations", feature = "progress"))]
#[cfg_attr(not(feature = "progress"), expect(dead_code, reason = "only progress is put under a condition"))]
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum PutCondition {
    #[cfg(any(feature = "dispatcher", feature = "destinations"))]
    None,
    /// The object does not exist.
    IsNew,
    /// The object has this entity tag.
    Matches(String),
}

/// The objects of a bucket.
#[derive(Clone, Debug)]
pub(crate) struct ObjectStore(#[cfg(feature = "large-events")] aws_sdk_s3::Client);

#[cfg(feature = "large-events")]
impl ObjectStore {
    pub(crate) fn new(aws: &AwsClients) -> Self {
        Self(aws_sdk_s3::Client::new(&aws.config))
    }

    /// Puts JSON if the condition holds, and returns the entity tag. Encryption is the bucket's default.
    ///
    /// A bucket with object lock requires a checksum:
    /// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html>.
    #[cfg(any(feature = "dispatcher", feature = "destinations", feature = "progress"))]
    pub(crate) async fn put_json(
        &self,
        bucket: &str,
        key: &str,
        json: bytes::Bytes,
        condition: &PutCondition,
    ) -> Result<String, AwsError> {
        use base64::prelude::{BASE64_STANDARD, Engine as _};
        use sha2::{Digest as _, Sha256};

        let checksum = BASE64_STANDARD.encode(Sha256::digest(&json));
        let put = self.0.put_object().bucket(bucket).key(key).content_type("application/json");
        let put = match condition {
            #[cfg(any(feature = "dispatcher", feature = "destinations"))]
            PutCondition::None => put,
            PutCondition::IsNew => put.if_none_match("*"),
            PutCondition::Matches(tag) => put.if_match(tag),
        };
        let output = Box::pin(put.checksum_sha256(checksum).body(json.into()).send()).await?;
        Ok(output.e_tag.unwrap_or_default())
    }

    /// Reads an object, and its entity tag.
    #[cfg(feature = "progress")]
    pub(crate) async fn get_tagged(&self, bucket: &str, key: &str) -> Result<(bytes::Bytes, String), AwsError> {
        let output = Box::pin(self.0.get_object().bucket(bucket).key(key).send()).await?;
        let body = output.body.collect().await.map_err(AwsError::unanswered)?;
        Ok((body.into_bytes(), output.e_tag.unwrap_or_default()))
    }

    /// Whether an object exists.
    #[cfg(feature = "dispatcher")]
    pub(crate) async fn exists(&self, bucket: &str, key: &str) -> Result<bool, AwsError> {
        match Box::pin(self.0.head_object().bucket(bucket).key(key).send()).await {
            Ok(_) => Ok(true),
            // A HEAD has no body, and so no code but that of its status.
            Err(error) => match AwsError::from(error) {
                AwsError::Refused(refusal) if refusal.status == 404 => Ok(false),
                error => Err(error),
            },
        }
    }

    /// Deletes an object; succeeds if it does not exist.
    #[cfg(any(feature = "dispatcher", feature = "progress"))]
    pub(crate) async fn delete(&self, bucket: &str, key: &str) -> Result<(), AwsError> {
        Box::pin(self.0.delete_object().bucket(bucket).key(key).send()).await?;
        Ok(())
    }

    /// Reads an object; `None` if it is larger than the limit.
    #[cfg(feature = "runner")]
    pub(crate) async fn get(&self, bucket: &str, key: &str, most: u64) -> Result<Option<bytes::Bytes>, AwsError> {
        let mut body = Box::pin(self.0.get_object().bucket(bucket).key(key).send()).await?.body;
        let mut whole = Vec::new();
        while let Some(part) = body.try_next().await.map_err(AwsError::unanswered)? {
            if (whole.len() + part.len()) as u64 > most {
                return Ok(None);
            }
            whole.extend_from_slice(&part);
        }
        Ok(Some(whole.into()))
    }
}

#[cfg(not(feature = "large-events"))]
#[allow(clippy::unused_async, reason = "the same calls as with the feature")]
impl ObjectStore {
    pub(crate) fn new(_: &AwsClients) -> Self {
        Self()
    }

    #[cfg(any(feature = "dispatcher", feature = "destinations"))]
    pub(crate) async fn put_json(
        &self,
        _: &str,
        _: &str,
        _: bytes::Bytes,
        _: &PutCondition,
    ) -> Result<String, AwsError> {
        Err(AwsError::unsent(WithoutS3))
    }

    #[cfg(feature = "dispatcher")]
    pub(crate) async fn exists(&self, _: &str, _: &str) -> Result<bool, AwsError> {
        Err(AwsError::unsent(WithoutS3))
    }

    #[cfg(feature = "dispatcher")]
    pub(crate) async fn delete(&self, _: &str, _: &str) -> Result<(), AwsError> {
        Err(AwsError::unsent(WithoutS3))
    }

    #[cfg(feature = "runner")]
    pub(crate) async fn get(&self, _: &str, _: &str, _: u64) -> Result<Option<bytes::Bytes>, AwsError> {
        Err(AwsError::unsent(WithoutS3))
    }
}

#[cfg(not(feature = "large-events"))]
#[derive(Debug, thiserror::Error)]
#[error("this program was built without the feature large-events of immortal-lambda, and so without S3")]
struct WithoutS3;
