//! What the template is made of: flags, manifest and artifact, with every default filled in.

use std::time::Duration;

use immortal_core::{manifest::Manifest, task_size};

use crate::{artifact::CpuArchitecture, value::EnvVariable};

/// Everything that decides the template's text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TemplatePlan {
    /// The function's name, and the stack's where that has the function.
    pub(crate) name: String,
    /// Of the framework in the function.
    pub(crate) version: String,
    pub(crate) architecture: CpuArchitecture,
    /// The primary; `None`: another stack has it.
    pub(crate) primary: Option<PrimaryPlan>,
    pub(crate) task: TaskSettings,
    /// Whether the handler saves its progress.
    pub(crate) has_progress: bool,
}

/// The primary of a stack that has one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PrimaryPlan {
    /// Its zip, relative to the template.
    pub(crate) code: String,
    /// The dispatcher's, where it has one of its own.
    pub(crate) dispatcher_code: Option<String>,
    pub(crate) delivery: FailureDelivery,
    /// Whether a queue of this stack triggers it.
    pub(crate) has_source_queue: bool,
    pub(crate) timeout: Duration,
    /// In MB.
    pub(crate) memory: u32,
    pub(crate) environment: Vec<EnvVariable>,
}

/// Which stack has the primary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PrimaryOwner {
    ThisStack,
    OtherStack,
}

impl TemplatePlan {
    pub(crate) fn owner(&self) -> PrimaryOwner {
        if self.primary.is_some() { PrimaryOwner::ThisStack } else { PrimaryOwner::OtherStack }
    }
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
    /// The attribute's size, or at least twice what the Lambda function has, with the least CPU that Fargate has for it.
    pub(crate) fn from_manifest(manifest: &Manifest, lambda_memory: u32) -> Self {
        let size = manifest.cpu.zip(manifest.memory);
        let (cpu, memory) = size.unwrap_or_else(|| task_size::with_memory(2 * lambda_memory));
        Self { cpu, memory, storage: manifest.storage }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tasks_size_is_the_attributes_or_twice_the_functions() {
        let plain = || Manifest::new("hello", "hello", "0.1.0");
        let table = [
            (plain(), 128, (256, 512, None)),
            (plain(), 512, (256, 1024, None)),
            (plain(), 3008, (1024, 6144, None)),
            (plain(), 10_240, (4096, 20_480, None)),
            (plain().task_size(256, 1024).storage(30), 3008, (256, 1024, Some(30))),
        ];
        for (manifest, lambda_memory, (cpu, memory, storage)) in table {
            let expected = TaskSettings { cpu, memory, storage };
            assert_eq!(TaskSettings::from_manifest(&manifest, lambda_memory), expected, "{lambda_memory} MB");
        }
    }
}
