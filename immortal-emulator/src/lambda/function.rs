//! The deployed configuration of a function.

use std::{collections::BTreeMap, fmt, time::Duration};

use bytes::Bytes;

/// A Lambda function to deploy.
#[derive(Clone)]
#[expect(missing_docs, reason = "the names are those of the Lambda API")]
pub struct Function {
    pub name: String,
    /// The deployment package. Empty for a container image.
    pub zip: Bytes,
    /// The value of `_HANDLER`.
    pub handler: String,
    /// The runtime's identifier.
    pub runtime: String,
    /// In MB. A sandbox that uses more is killed.
    pub memory: u32,
    /// The timeout, enforced by SIGKILL.
    pub timeout: Duration,
    /// The function's own variables.
    pub environment: BTreeMap<String, String>,
    /// `x86_64` or `arm64`. Returned by `GetFunction`, not enforced.
    pub architecture: String,
    /// `MaximumRetryAttempts` of asynchronous invocations, 0 to 2.
    pub retries: u8,
    /// Where failed asynchronous invocations go.
    pub on_failure: Option<FailureTarget>,
    /// `LoggingConfig.ApplicationLogLevel` of a function that logs JSON; `None`: it logs text. `GetFunction` returns
    /// it, and sandboxes get the corresponding variables.
    pub json_log_level: Option<String>,
    /// Where the result of an asynchronous invocation goes: the ARN of a queue, a topic, a bus or a function.
    pub on_success: Option<String>,
    /// ARNs of layers, from [`Emulator::publish_layer`](crate::Emulator::publish_layer). Returned by
    /// `GetFunction`, not unpacked.
    pub layers: Vec<String>,
    /// The image URI of a function that is packaged as a container image. The emulator can't invoke it.
    pub image_uri: Option<String>,
    /// EFS mounts as (ARN, path). Returned by `GetFunction`.
    pub file_systems: Vec<(String, String)>,
    /// The error code and message that `GetFunction` returns in place of variables that it can't decrypt.
    pub environment_error: Option<(String, String)>,
    /// The ARN of the KMS key that encrypts the code, and the error code and message that `GetFunction` returns in
    /// place of the code's location, as for a caller without permission to use the key.
    pub code_error: Option<(String, String, String)>,
    /// Whether it is a durable function. Returned by `GetFunction`.
    pub durable: bool,
}

/// Leaves out the bytes of the package.
impl fmt::Debug for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Function").field("name", &self.name).field("timeout", &self.timeout).finish_non_exhaustive()
    }
}

impl Function {
    /// A function with Lambda's defaults: 3 s, 128 MB, two retries, `provided.al2023`, this machine's architecture.
    pub fn new(name: impl Into<String>, zip: impl Into<Bytes>) -> Self {
        Self {
            name: name.into(),
            zip: zip.into(),
            handler: "bootstrap".into(),
            runtime: "provided.al2023".into(),
            memory: 128,
            timeout: Duration::from_secs(3),
            environment: BTreeMap::new(),
            architecture: if cfg!(target_arch = "aarch64") { "arm64" } else { "x86_64" }.into(),
            retries: 2,
            on_failure: None,
            json_log_level: None,
            on_success: None,
            layers: Vec::new(),
            image_uri: None,
            file_systems: Vec::new(),
            environment_error: None,
            code_error: None,
            durable: false,
        }
    }
}

/// Where Lambda puts an asynchronous invocation that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FailureTarget {
    /// An `OnFailure` destination: a queue's ARN.
    OnFailure(String),
    /// A `DeadLetterConfig`: a queue's ARN.
    DeadLetterConfig(String),
}
