//! What can be set up: functions, layers, queues, task definitions.

use std::{collections::BTreeMap, fmt, time::Duration};

use bytes::Bytes;

/// How the emulator behaves.
#[derive(Clone, Debug)]
pub struct Options {
    /// Makes ids and random faults the same again.
    pub seed: u64,
    /// The factor on AWS's own waiting times (a retry's one and two minutes, visibility timeouts, Spot's two minutes).
    /// 1.0 is as AWS; a function's timeout and a task's stop timeout are never scaled.
    pub time_scale: f64,
    /// How many sandboxes of one function run at a time.
    pub concurrency: usize,
    /// `RunTask`'s throttle; `None`: none.
    pub run_task_rate: Option<Rate>,
}

/// A token bucket.
#[derive(Clone, Copy, Debug)]
pub struct Rate {
    /// How many calls at once.
    pub burst: f64,
    /// How many calls a second are given back.
    pub per_second: f64,
}

impl Default for Options {
    /// As AWS.
    ///
    /// 20 calls of `RunTask` per second, burst 20:
    /// <https://docs.aws.amazon.com/AmazonECS/latest/userguide/throttling.html>
    fn default() -> Self {
        Self { seed: 0, time_scale: 1.0, concurrency: 10, run_task_rate: Some(Rate { burst: 20.0, per_second: 20.0 }) }
    }
}

/// A Lambda function, as deployed.
#[derive(Clone)]
pub struct Function {
    /// Its name.
    pub name: String,
    /// Its package. Empty for a container image.
    pub zip: Bytes,
    /// `_HANDLER`.
    pub handler: String,
    /// The runtime's identifier.
    pub runtime: String,
    /// Memory in MB: reported, not enforced.
    pub memory: u32,
    /// The timeout, enforced by SIGKILL.
    pub timeout: Duration,
    /// The function's own variables.
    pub environment: BTreeMap<String, String>,
    /// `x86_64` or `arm64`: reported, not enforced.
    pub architecture: String,
    /// `MaximumRetryAttempts` of asynchronous invocations, 0 to 2.
    pub retries: u8,
    /// Where failed asynchronous invocations go.
    pub on_failure: Option<FailureTarget>,
    /// ARNs of layers, from [`Emulator::publish_layer`](crate::Emulator::publish_layer). Reported, not unpacked.
    pub layers: Vec<String>,
    /// `Some(image URI)` for a function packaged as a container image. It can't be invoked here.
    pub image_uri: Option<String>,
    /// EFS mounts as (ARN, path): reported.
    pub file_systems: Vec<(String, String)>,
    /// The code and message that `GetFunction` reports in place of variables which it can't decrypt.
    pub environment_error: Option<(String, String)>,
    /// Whether it is a durable function: reported.
    pub durable: bool,
}

/// A package is bytes nobody wants to read.
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
            layers: Vec::new(),
            image_uri: None,
            file_systems: Vec::new(),
            environment_error: None,
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

/// An SQS queue.
#[derive(Clone, Debug)]
pub struct Queue {
    /// Its name.
    pub name: String,
    /// How long a received message is hidden, before scaling.
    pub visibility_timeout: Duration,
    /// How long a message is kept from its sending on. Never scaled.
    pub retention: Duration,
    /// Where a message goes that is received too often.
    pub redrive: Option<Redrive>,
}

impl Queue {
    /// A queue with SQS's defaults: hidden for 30 s, kept for 4 days, no dead-letter queue.
    ///
    /// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html>
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            visibility_timeout: Duration::from_secs(30),
            retention: Duration::from_hours(4 * 24),
            redrive: None,
        }
    }
}

/// A redrive policy.
#[derive(Clone, Debug)]
pub struct Redrive {
    /// The dead-letter queue's name.
    pub dead_letter_queue: String,
    /// How often a message is received before it goes there.
    pub max_receive_count: u32,
}

/// A message that lies in a queue.
#[derive(Clone, Debug)]
pub struct Message {
    /// Its id.
    pub id: String,
    /// Its body.
    pub body: String,
    /// Its attributes.
    pub attributes: BTreeMap<String, Attribute>,
    /// How often it was received.
    pub receive_count: u32,
    /// When it was sent, in Unix milliseconds of the services' clock.
    pub sent: u64,
    /// The queue it was dead-lettered from.
    pub source: Option<String>,
}

/// A message attribute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attribute {
    /// `String` or `Number`.
    pub data_type: String,
    /// The value, as text.
    pub value: String,
}

impl Attribute {
    /// A text attribute.
    pub fn text(value: impl Into<String>) -> Self {
        Self { data_type: "String".into(), value: value.into() }
    }

    /// A number attribute.
    pub fn number(value: impl fmt::Display) -> Self {
        Self { data_type: "Number".into(), value: value.to_string() }
    }
}

/// A rule of EventBridge on the state changes of tasks.
#[derive(Clone, Debug)]
pub struct TaskRule {
    /// The family of the task definition; `None`: every family.
    pub family: Option<String>,
    /// The values of `lastStatus`; empty: every status.
    pub last_status: Vec<String>,
    /// Where the events go.
    pub target: RuleTarget,
}

/// The target of a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RuleTarget {
    /// A function by its name: it is invoked asynchronously with the event.
    Function(String),
    /// A queue by its ARN: the event's JSON is sent to it as a message's body.
    Queue(String),
}

/// An ECS task definition for Fargate with one container.
#[derive(Clone, Debug)]
pub struct TaskDefinition {
    /// Its family.
    pub family: String,
    /// The container's name.
    pub container: String,
    /// The process that stands in for the image.
    pub command: Vec<String>,
    /// The container's variables.
    pub environment: BTreeMap<String, String>,
    /// CPU units.
    pub cpu: u32,
    /// Memory in MiB: reported, not enforced.
    pub memory: u32,
    /// How long between SIGTERM and SIGKILL. Never scaled.
    pub stop_timeout: Duration,
    /// Where the container logs to: described, not written.
    pub log: Option<TaskLog>,
}

/// The `awslogs` configuration of a container: a task's stream is the prefix, the container's name, and the task's id.
///
/// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/using_awslogs.html>
#[derive(Clone, Debug)]
pub struct TaskLog {
    /// `awslogs-group`.
    pub group: String,
    /// `awslogs-stream-prefix`.
    pub stream_prefix: String,
}

impl TaskDefinition {
    /// A definition of a quarter vCPU and 512 MiB whose container is named as the family.
    pub fn new(family: impl Into<String>, command: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let family = family.into();
        Self {
            container: family.clone(),
            family,
            command: command.into_iter().map(Into::into).collect(),
            environment: BTreeMap::new(),
            cpu: 256,
            memory: 512,
            stop_timeout: Duration::from_secs(30),
            log: None,
        }
    }
}

/// Why a task stopped.
///
/// Source: the `TaskStopCode` shape of the ECS API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopCode {
    /// It never ran.
    TaskFailedToStart,
    /// Its container exited.
    EssentialContainerExited,
    /// `StopTask` was called.
    UserInitiated,
    /// A service's scheduler stopped it.
    ServiceSchedulerInitiated,
    /// Spot capacity was taken back.
    SpotInterruption,
    /// The platform ends the task's host.
    TerminationNotice,
    /// The platform failed under the task.
    InfrastructureHealth,
}

impl StopCode {
    /// The code as ECS spells it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TaskFailedToStart => "TaskFailedToStart",
            Self::EssentialContainerExited => "EssentialContainerExited",
            Self::UserInitiated => "UserInitiated",
            Self::ServiceSchedulerInitiated => "ServiceSchedulerInitiated",
            Self::SpotInterruption => "SpotInterruption",
            Self::TerminationNotice => "TerminationNotice",
            Self::InfrastructureHealth => "InfrastructureHealth",
        }
    }
}
