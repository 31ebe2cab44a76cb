//! Whose account is asked, and where: the SDK's own profiles, regions, credentials and endpoints.

use std::time::Duration;

use aws_config::{BehaviorVersion, Region, SdkConfig, retry::RetryConfig, timeout::TimeoutConfig};
use immortal_core::aws::HttpClient;

use super::call_error::CallError;

/// How often a call is made at most where the service is busy; a person waits for it.
const ATTEMPTS: u32 = 5;
/// How long one of them may take.
const LONGEST_CALL: Duration = Duration::from_secs(30);

/// Which account and region to ask.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct AwsArgs {
    /// The AWS region [default: `AWS_REGION`, else the profile's]
    #[arg(long, value_name = "REGION")]
    pub(crate) region: Option<String>,
    /// The profile of ~/.aws/config [default: `AWS_PROFILE`, else `default`]
    #[arg(long, value_name = "PROFILE")]
    pub(crate) profile: Option<String>,
}

/// One account and region; a clone shares connections and credentials.
#[derive(Clone, Debug)]
pub(crate) struct AwsConnection {
    pub(super) config: SdkConfig,
    region: String,
}

impl AwsConnection {
    /// Reads the configuration. Credentials are looked for with the first call.
    pub(crate) async fn open(args: &AwsArgs) -> Result<Self, CallError> {
        let mut loader = aws_config::defaults(BehaviorVersion::latest())
            .http_client(HttpClient::new().for_sdk())
            .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS))
            .timeout_config(TimeoutConfig::builder().operation_attempt_timeout(LONGEST_CALL).build());
        if let Some(region) = &args.region {
            loader = loader.region(Region::new(region.clone()));
        }
        if let Some(profile) = &args.profile {
            loader = loader.profile_name(profile);
        }
        let config = loader.load().await;
        match config.region().map(ToString::to_string) {
            Some(region) => Ok(Self { config, region }),
            None => Err(CallError::NoRegion { profile: args.profile.clone() }),
        }
    }

    /// The region's code.
    pub(crate) fn region(&self) -> &str {
        &self.region
    }
}
