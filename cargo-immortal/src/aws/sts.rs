//! STS: whose account it is.

use super::{call_error::CallError, connect::AwsConnection};

impl AwsConnection {
    /// The number of the account. No permission is needed for it:
    /// <https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html>
    pub(crate) async fn account(&self) -> Result<String, CallError> {
        let output = aws_sdk_sts::Client::new(&self.config).get_caller_identity().send().await;
        let output = output.map_err(|error| CallError::new("sts:GetCallerIdentity", "the account", error))?;
        Ok(output.account.unwrap_or_default())
    }
}
