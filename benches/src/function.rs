//! A function as a process, with its Runtime API.

use std::{
    process::Stdio,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use anyhow::{Result, bail};
use bytes::Bytes;
use immortal_core::runtime_api::{Invocation, InvocationAnswer, RuntimeApi, RuntimeStart};
use tokio::process::{Child, Command};

/// The variables of Lambda that `lambda_runtime` and the SDK need.
const ENVIRONMENT: [(&str, &str); 8] = [
    ("AWS_REGION", "eu-central-1"),
    ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
    ("AWS_SECRET_ACCESS_KEY", "secret"),
    ("AWS_LAMBDA_FUNCTION_NAME", "hello"),
    ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128"),
    ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
    ("AWS_LAMBDA_LOG_GROUP_NAME", "/aws/lambda/hello"),
    ("AWS_LAMBDA_LOG_STREAM_NAME", "2026/11/23/[$LATEST]0123456789abcdef"),
];
/// The ARN of each invocation.
const ARN: &str = "arn:aws:lambda:eu-central-1:123456789012:function:hello";

/// A running function. Dropping it kills the process.
#[derive(Debug)]
pub(crate) struct FunctionProcess {
    pub(crate) child: Child,
    api: RuntimeApi,
    invoked: u64,
}

impl FunctionProcess {
    /// Starts the process, with these variables besides Lambda's.
    pub(crate) async fn start(mut command: Command, more: &[(String, String)]) -> Result<Self> {
        let api = RuntimeApi::bind().await?;
        let child = command
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .envs(ENVIRONMENT)
            .env("AWS_LAMBDA_RUNTIME_API", api.address().to_string())
            .envs(more.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .kill_on_drop(true)
            .spawn()?;
        Ok(Self { child, api, invoked: 0 })
    }

    /// Waits until the process requests `/next`.
    pub(crate) async fn wait_until_ready(&self) -> Result<()> {
        match tokio::time::timeout(Duration::from_mins(2), self.api.ready()).await? {
            RuntimeStart::Waiting => Ok(()),
            RuntimeStart::InitError(failure) => {
                bail!("the function can't start: {}", String::from_utf8_lossy(&failure.body))
            }
        }
    }

    /// Invokes it once, and returns its response.
    pub(crate) async fn invoke(&mut self, event: impl Into<Bytes>) -> Result<Bytes> {
        self.invoked += 1;
        let deadline = SystemTime::now().duration_since(UNIX_EPOCH)? + Duration::from_mins(15);
        let invocation = Invocation {
            request_id: format!("5e0b7e6c-5a3c-4f0e-8d0e-{:012x}", self.invoked),
            event: event.into(),
            deadline_ms: u64::try_from(deadline.as_millis())?,
            function_arn: ARN.to_owned(),
            trace_id: Some("Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=0".to_owned()),
            ..Invocation::default()
        };
        match self.api.invoke(invocation).await {
            InvocationAnswer::Response(body) => Ok(body.bytes),
            InvocationAnswer::Error(failure)
            | InvocationAnswer::InitError(failure)
            | InvocationAnswer::Missing(failure) => {
                bail!("the invocation failed: {}", String::from_utf8_lossy(&failure.body))
            }
        }
    }
}

/// The event of `examples/hello`.
pub(crate) const EVENT: &str = r#"{"name":"Ada"}"#;
