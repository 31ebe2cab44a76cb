//! S3, as far as packages are to be put where Lambda fetches them.

use aws_sdk_s3::{
    Client,
    primitives::ByteStream,
    types::{BucketLocationConstraint, ChecksumAlgorithm, CreateBucketConfiguration, PublicAccessBlockConfiguration},
};

use super::{call_error::CallError, connect::AwsConnection};

/// A bucket for packages.
///
/// A name that can be guessed may have been taken by somebody else; then S3 refuses each call that names the owner
/// (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-owner-condition.html>).
#[derive(Clone, Copy, Debug)]
pub(crate) struct PackageBucket<'a> {
    pub(crate) name: &'a str,
    /// The account that the bucket must belong to; `None`: whichever.
    pub(crate) owner: Option<&'a str>,
}

impl PackageBucket<'_> {
    fn shown(self) -> String {
        format!("the bucket {}", self.name)
    }

    fn expected_owner(self) -> Option<String> {
        self.owner.map(str::to_owned)
    }
}

impl AwsConnection {
    fn package_store(&self) -> Client {
        Client::new(&self.config)
    }

    /// Whether a bucket is there.
    pub(crate) async fn has_bucket(&self, bucket: PackageBucket<'_>) -> Result<bool, CallError> {
        let call = self.package_store().head_bucket().bucket(bucket.name);
        let output = call.set_expected_bucket_owner(bucket.expected_owner()).send().await;
        match output.map_err(|error| CallError::new("s3:ListBucket", &bucket.shown(), error)) {
            Ok(_) => Ok(true),
            Err(error) if error.is_not_found() => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Makes a bucket that nobody else can read.
    pub(crate) async fn create_bucket(&self, bucket: PackageBucket<'_>) -> Result<(), CallError> {
        // It is the one region that takes no constraint:
        // https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateBucket.html
        let region = Some(self.region()).filter(|region| *region != "us-east-1");
        let location = region.map(|region| {
            CreateBucketConfiguration::builder().location_constraint(BucketLocationConstraint::from(region)).build()
        });
        let call = self.package_store().create_bucket().bucket(bucket.name);
        let output = call.set_create_bucket_configuration(location).send().await;
        output.map_err(|error| CallError::new("s3:CreateBucket", &bucket.shown(), error))?;
        let block = PublicAccessBlockConfiguration::builder().block_public_acls(true).block_public_policy(true);
        let block = block.ignore_public_acls(true).restrict_public_buckets(true).build();
        let call = self.package_store().put_public_access_block().bucket(bucket.name);
        let call = call.public_access_block_configuration(block);
        let output = call.set_expected_bucket_owner(bucket.expected_owner()).send().await;
        output.map_err(|error| CallError::new("s3:PutBucketPublicAccessBlock", &bucket.shown(), error))?;
        Ok(())
    }

    /// Whether an object is there.
    pub(crate) async fn has_object(&self, bucket: PackageBucket<'_>, key: &str) -> Result<bool, CallError> {
        let call = self.package_store().head_object().bucket(bucket.name).key(key);
        let output = call.set_expected_bucket_owner(bucket.expected_owner()).send().await;
        match output.map_err(|error| CallError::new("s3:GetObject", &bucket.shown(), error)) {
            Ok(_) => Ok(true),
            Err(error) if error.is_not_found() => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Puts an object.
    pub(crate) async fn put_object(
        &self,
        bucket: PackageBucket<'_>,
        key: &str,
        contents: Vec<u8>,
    ) -> Result<(), CallError> {
        let call = self.package_store().put_object().bucket(bucket.name).key(key).body(ByteStream::from(contents));
        let call = call.checksum_algorithm(ChecksumAlgorithm::Sha256);
        let output = call.set_expected_bucket_owner(bucket.expected_owner()).send().await;
        output.map_err(|error| CallError::new("s3:PutObject", &bucket.shown(), error))?;
        Ok(())
    }
}
