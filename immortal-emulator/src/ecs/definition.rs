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
    /// Memory in MiB: reported, not enforced.
    pub memory: u32,
    /// How long between SIGTERM and SIGKILL. Never scaled.
    pub stop_timeout: Duration,
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
        }
    }
}

/// A revision of a task definition.
#[derive(Clone, Debug)]
pub(super) struct TaskRevision {
    pub(super) definition: TaskDefinition,
    pub(super) arn: String,
}
