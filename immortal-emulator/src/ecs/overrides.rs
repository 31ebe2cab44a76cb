//! The overrides of a task, parsed and checked.

use std::collections::BTreeMap;

use immortal_core::task_size;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{definition::TaskRevision, reply::invalid};
use crate::platform::ApiError;

/// Source: the `TaskOverride` shape of the ECS API: "A total of 8192 characters are allowed for overrides. This limit
/// includes the JSON formatting characters of the override structure."
const MAX_LENGTH: usize = 8192;

/// Source: the `TaskOverride` and `ContainerOverride` shapes of the ECS API: the task's cpu and memory are strings, the
/// container's are numbers.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct TaskOverrides {
    #[serde(rename = "containerOverrides")]
    pub(super) containers: Vec<ContainerOverride>,
    pub(super) cpu: Option<String>,
    pub(super) memory: Option<String>,
    pub(super) ephemeral_storage: Option<EphemeralStorage>,
}

#[derive(Debug, Deserialize)]
pub(super) struct ContainerOverride {
    #[serde(default)]
    pub(super) name: Option<String>,
    #[serde(default)]
    pub(super) environment: Vec<EnvironmentVariable>,
    #[serde(default)]
    pub(super) command: Option<Vec<String>>,
    #[serde(default)]
    pub(super) cpu: Option<u32>,
    #[serde(default)]
    pub(super) memory: Option<u32>,
}

#[derive(Debug, Deserialize)]
pub(super) struct EnvironmentVariable {
    #[serde(default)]
    pub(super) name: String,
    #[serde(default)]
    pub(super) value: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct EphemeralStorage {
    #[serde(rename = "sizeInGiB")]
    pub(super) size: i64,
}

impl TaskOverrides {
    /// Parses overrides, and checks them against the task definition.
    pub(super) fn parse(raw: Option<&RawValue>, revision: &TaskRevision) -> Result<Self, ApiError> {
        let raw = raw.map_or("{}", RawValue::get);
        // In bytes, which are never fewer than the characters: AWS doesn't document how it counts.
        if raw.len() > MAX_LENGTH {
            return Err(too_long());
        }
        let overrides: Self = serde_json::from_str(raw)
            .map_err(|error| ApiError::new(400, "SerializationException", error.to_string()))?;
        overrides.check_containers(&revision.definition.container)?;
        let (cpu, memory) = overrides.size(revision)?;
        if !task_size::exists(cpu, memory) {
            let message = format!("No Fargate configuration exists for given values: {cpu} CPU, {memory} memory.");
            return Err(ApiError::new(400, "ClientException", message));
        }
        // Source: the `EphemeralStorage` shape of the ECS API: 21 to 200 GiB.
        if let Some(EphemeralStorage { size }) = overrides.ephemeral_storage
            && !(21..=200).contains(&size)
        {
            return Err(invalid("Ephemeral storage size must be between 21 and 200 GiB."));
        }
        Ok(overrides)
    }

    fn check_containers(&self, container: &str) -> Result<(), ApiError> {
        for one in &self.containers {
            match one.name.as_deref() {
                None | Some("") => return Err(invalid("Container override must name a container.")),
                Some(name) if name != container => {
                    let message =
                        format!("Override for container named {name} is not a container in the TaskDefinition.");
                    return Err(invalid(message));
                }
                Some(_) if one.environment.iter().any(|variable| variable.name.is_empty()) => {
                    return Err(invalid("Environment variable name cannot be blank."));
                }
                Some(_) => {}
            }
        }
        let (cpu, memory) = (self.cpu.as_deref(), self.memory.as_deref());
        let exceeds = |own: Option<u32>, task: Option<&str>| matches!((own, task.and_then(|task| task.parse::<u32>().ok())), (Some(own), Some(task)) if own > task);
        if self.containers.iter().any(|one| exceeds(one.cpu, cpu) || exceeds(one.memory, memory)) {
            return Err(invalid("A container's cpu and memory must not be more than the task's."));
        }
        Ok(())
    }

    /// The task's cpu and memory: the overrides', else the definition's.
    pub(super) fn size(&self, revision: &TaskRevision) -> Result<(u32, u32), ApiError> {
        let number = |name: &str, text: Option<&String>, default| match text {
            None => Ok(default),
            Some(text) => text.parse().map_err(|_| invalid(format!("Invalid '{name}' setting for task: {text}"))),
        };
        let cpu = number("cpu", self.cpu.as_ref(), revision.definition.cpu)?;
        Ok((cpu, number("memory", self.memory.as_ref(), revision.definition.memory)?))
    }

    /// The environment variables of the container.
    pub(super) fn environment(&self) -> BTreeMap<String, String> {
        let variables = self.containers.iter().flat_map(|one| &one.environment);
        variables.map(|variable| (variable.name.clone(), variable.value.clone())).collect()
    }
}

pub(super) fn too_long() -> ApiError {
    invalid(format!("Container Overrides length must be at most {MAX_LENGTH}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ecs::definition::TaskDefinition;

    fn parse(json: &str) -> Result<TaskOverrides, String> {
        let revision = TaskRevision { definition: TaskDefinition::new("runner", ["x"]), arn: String::new() };
        let raw: &RawValue = serde_json::from_str(json).expect("JSON");
        TaskOverrides::parse(Some(raw), &revision).map_err(|error| format!("{}: {}", error.code, error.message))
    }

    #[test]
    fn invalid_overrides_are_rejected_as_by_ecs() {
        let long = format!(
            r#"{{"containerOverrides":[{{"name":"runner","environment":[{{"name":"A","value":"{}"}}]}}]}}"#,
            "x".repeat(8192)
        );
        let table = [
            (
                r#"{"containerOverrides":[{"name":"other"}]}"#,
                "InvalidParameterException: Override for container named other",
            ),
            (r#"{"containerOverrides":[{}]}"#, "InvalidParameterException: Container override must name"),
            (r#"{"cpu":256}"#, "SerializationException"),
            (r#"{"containerOverrides":[{"name":"runner","cpu":"256"}]}"#, "SerializationException"),
            (r#"{"cpu":"1024"}"#, "ClientException: No Fargate configuration"),
            (r#"{"cpu":"1024","memory":"9000"}"#, "ClientException: No Fargate configuration"),
            (r#"{"cpu":"32768","memory":"65536"}"#, "ClientException: No Fargate configuration"),
            (r#"{"cpu":"1 vCPU"}"#, "InvalidParameterException: Invalid 'cpu'"),
            (
                r#"{"cpu":"256","containerOverrides":[{"name":"runner","cpu":512}]}"#,
                "InvalidParameterException: A container's",
            ),
            (r#"{"ephemeralStorage":{"sizeInGiB":20}}"#, "InvalidParameterException: Ephemeral"),
            (&long, "InvalidParameterException: Container Overrides length must be at most 8192"),
        ];
        for (json, expected) in table {
            let error = parse(json).expect_err(expected);
            assert!(error.starts_with(expected), "{error}");
        }
        for json in [
            r"{}",
            r#"{"cpu":"1024","memory":"4096","ephemeralStorage":{"sizeInGiB":21}}"#,
            r#"{"cpu":"32768","memory":"249856"}"#,
        ] {
            assert!(parse(json).is_ok(), "{json}");
        }
    }
}
