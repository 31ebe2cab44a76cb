//! Task definitions.

use std::{collections::BTreeMap, time::Duration};

/// An ECS task definition for Fargate with one container.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "names that say all there is")]
pub struct TaskDefinition {
    pub family: String,
    /// The container's name.
    pub container: String,
    /// The process that stands in for the image.
    pub command: Vec<String>,
    /// The container's variables.
    pub environment: BTreeMap<String, String>,
    /// CPU units.
    pub cpu: u32,
    /// Memory in MiB: a task that has more in use is killed.
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

/// A revision of a task definition.
#[derive(Clone, Debug)]
pub(super) struct TaskRevision {
    pub(super) definition: TaskDefinition,
    pub(super) arn: String,
}
