//! What the template is made of: flags, manifest and artifact, with every default filled in.

use std::time::Duration;

use immortal_core::manifest::Manifest;

use crate::{artifact::CpuArchitecture, value::EnvVariable};

/// Everything that decides the template's text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TemplatePlan {
    /// The function's name, and the stack's.
    pub(crate) name: String,
    /// The primary's zip, relative to the template.
    pub(crate) code: String,
    /// The dispatcher's, where it has one of its own.
    pub(crate) dispatcher_code: Option<String>,
    pub(crate) architecture: CpuArchitecture,
    pub(crate) delivery: FailureDelivery,
    /// The primary's timeout.
    pub(crate) timeout: Duration,
    /// The primary's memory, in MB.
    pub(crate) memory: u32,
    /// The primary's variables.
    pub(crate) environment: Vec<EnvVariable>,
    pub(crate) task: TaskSettings,
    /// Whether the handler saves its progress.
    pub(crate) progress: bool,
}

/// How Lambda puts a failed event into the failure queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FailureDelivery {
    /// As an `OnFailure` destination, whose record names function and version.
    OnFailure,
    /// By the primary's `DeadLetterConfig`.
    DeadLetterConfig,
}

/// The size of the task definition. What the attribute says, the dispatcher says too, for each task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TaskSettings {
    /// In ECS units.
    pub(crate) cpu: u32,
    /// In MiB.
    pub(crate) memory: u32,
    /// In GiB, where it is not Fargate's 20.
    pub(crate) storage: Option<u32>,
}

impl TaskSettings {
    /// The attribute's size, or 1 vCPU and 2 GB.
    pub(crate) fn of(manifest: &Manifest) -> Self {
        let (cpu, memory) = manifest.cpu.zip(manifest.memory).unwrap_or((1024, 2048));
        Self { cpu, memory, storage: manifest.storage }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tasks_size_is_the_attributes() {
        let plain = Manifest::new("hello", "hello", "0.1.0");
        assert_eq!(TaskSettings::of(&plain), TaskSettings { cpu: 1024, memory: 2048, storage: None });
        let sized = plain.task_size(256, 1024).storage(30);
        assert_eq!(TaskSettings::of(&sized), TaskSettings { cpu: 256, memory: 1024, storage: Some(30) });
    }
}
