//! Task definitions.

use std::{collections::BTreeMap, time::Duration};

/// An ECS task definition for Fargate with one container.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the names are those of the ECS API")]
pub struct TaskDefinition {
    pub family: String,
    /// The container's name.
    pub container: String,
    /// The program and arguments that run in place of the image.
    pub command: Vec<String>,
    /// The container's variables.
    pub environment: BTreeMap<String, String>,
    /// In CPU units; 1024 are one vCPU.
    pub cpu: u32,
    /// In MiB. A task that uses more is killed.
    pub memory: u32,
    /// The time between SIGTERM and SIGKILL. Never scaled.
    pub stop_timeout: Duration,
    /// The log configuration that `DescribeTaskDefinition` returns. Nothing is written there.
    pub log: Option<TaskLog>,
}

/// The `awslogs` configuration of a container: the name of a task's stream consists of
/// the prefix, the container's name and the task's id.
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
    /// A definition with 0.25 vCPU and 512 MiB; the container has the name of the family.
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
