//! S3: the objects that hold events too large for a message.

use aws_sdk_s3::Client;
use immortal_core::aws::AwsError;

use super::{call_error::CallError, connect::AwsConnection};

impl AwsConnection {
    /// An object's bytes.
    pub(crate) async fn object(&self, bucket: &str, key: &str) -> Result<Vec<u8>, CallError> {
        let resource = format!("s3://{bucket}/{key}");
        let output = Box::pin(Client::new(&self.config).get_object().bucket(bucket).key(key).send()).await;
        let output = output.map_err(|error| CallError::new("s3:GetObject", &resource, error))?;
        let bytes = output.body.collect().await.map_err(|error| {
            CallError::new("s3:GetObject", &resource, AwsError::Unanswered(std::sync::Arc::new(error)))
        })?;
        Ok(bytes.to_vec())
    }
}
