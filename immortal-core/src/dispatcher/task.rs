//! An ECS task, as far as the dispatcher needs to know it.

use serde::{Deserialize, Deserializer, de::Error as _};

/// A task, from an `ECS Task State Change` event or from `DescribeTasks`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Task {
    /// The task's ARN.
    pub arn: String,
    /// The ARN of its cluster.
    pub cluster: Option<String>,
    /// The ARN of its task definition.
    pub definition: Option<String>,
    /// `PROVISIONING`, …, `RUNNING`, …, `STOPPED`.
    pub status: String,
    /// When it was created, in Unix milliseconds; an event's is not read.
    pub created: Option<i64>,
    /// Why it stopped, as ECS's code.
    pub stop_code: Option<String>,
    /// Why it stopped, in ECS's words.
    pub stopped_reason: Option<String>,
    /// Its containers.
    pub containers: Vec<Container>,
    /// What its containers were told, container by container.
    pub overrides: Vec<Override>,
}

/// A container of a task.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Container {
    /// Its name in the task definition.
    #[serde(deserialize_with = "or_default")]
    pub name: String,
    /// Its exit code; `None` where it never ran.
    pub exit_code: Option<i64>,
    /// What ECS says of its end: `OutOfMemoryError: Container killed due to memory usage`.
    pub reason: Option<String>,
}

/// What a container was told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Override {
    /// Its name in the task definition.
    pub name: String,
    /// Its variables.
    pub environment: Vec<(String, String)>,
}

impl Task {
    /// Whether it has stopped.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.status == "STOPPED"
    }

    /// The exit code of a container; `None` where it never ran.
    #[must_use]
    pub fn exit_code(&self, container: &str) -> Option<i64> {
        self.containers.iter().find(|other| other.name == container)?.exit_code
    }

    /// The variables that a container was told; `None` where the task doesn't say.
    #[must_use]
    pub fn environment(&self, container: &str) -> Option<&[(String, String)]> {
        let told = self.overrides.iter().find(|other| other.name == container)?;
        // Names without values say nothing either.
        told.environment.iter().any(|(_, value)| !value.is_empty()).then_some(&told.environment)
    }

    /// Reads the `detail` of an `ECS Task State Change` event.
    pub(super) fn from_event(detail: &str) -> serde_json::Result<Self> {
        let task = Self::from(serde_json::from_str::<Described>(detail)?);
        if task.arn.is_empty() || task.status.is_empty() {
            return Err(serde_json::Error::custom("taskArn or lastStatus is missing"));
        }
        Ok(task)
    }
}

impl From<Described> for Task {
    fn from(task: Described) -> Self {
        let overrides = task.overrides.unwrap_or_default().container_overrides.unwrap_or_default();
        Self {
            arn: task.task_arn,
            cluster: task.cluster_arn,
            definition: task.task_definition_arn,
            status: task.last_status,
            created: None,
            stop_code: task.stop_code,
            stopped_reason: task.stopped_reason,
            containers: task.containers.unwrap_or_default(),
            overrides: overrides.into_iter().map(DescribedOverride::into_override).collect(),
        }
    }
}

/// A task as an event describes it.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Described {
    #[serde(deserialize_with = "or_default")]
    task_arn: String,
    #[serde(deserialize_with = "or_default")]
    last_status: String,
    cluster_arn: Option<String>,
    task_definition_arn: Option<String>,
    stop_code: Option<String>,
    stopped_reason: Option<String>,
    containers: Option<Vec<Container>>,
    overrides: Option<DescribedOverrides>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct DescribedOverrides {
    container_overrides: Option<Vec<DescribedOverride>>,
}

#[derive(Deserialize)]
struct DescribedOverride {
    name: Option<String>,
    environment: Option<Vec<Variable>>,
}

#[derive(Deserialize)]
struct Variable {
    name: Option<String>,
    value: Option<String>,
}

impl DescribedOverride {
    fn into_override(self) -> Override {
        let variables = self.environment.unwrap_or_default().into_iter();
        Override {
            name: self.name.unwrap_or_default(),
            environment: variables
                .map(|variable| (variable.name.unwrap_or_default(), variable.value.unwrap_or_default()))
                .collect(),
        }
    }
}

fn or_default<'de, D: Deserializer<'de>>(text: D) -> Result<String, D::Error> {
    Option::deserialize(text).map(Option::unwrap_or_default)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_read_leniently() {
        let task = Task::from_event(
            r#"{"taskArn":"t","lastStatus":"STOPPED","clusterArn":"c","stopCode":"EssentialContainerExited",
                "containers":[{"name":"log"},{"name":"runner","exitCode":137,"reason":"OutOfMemoryError"}],
                "overrides":{"containerOverrides":[{"name":"log"},{"name":"runner","environment":[{"name":"A","value":"1"}]}]},
                "version":5,"attachments":[]}"#,
        )
        .expect("an event");
        assert!(task.is_stopped());
        assert_eq!((task.exit_code("runner"), task.exit_code("log"), task.exit_code("x")), (Some(137), None, None));
        assert_eq!(task.containers[1].reason.as_deref(), Some("OutOfMemoryError"));
        assert_eq!(task.environment("runner"), Some([("A".to_owned(), "1".to_owned())].as_slice()));
        assert_eq!((task.environment("log"), task.environment("x")), (None, None));
        for nameless in [r#"{"lastStatus":"STOPPED"}"#, r#"{"taskArn":"t","lastStatus":null}"#, "[]"] {
            assert!(Task::from_event(nameless).is_err(), "{nameless}");
        }
        let bare = Task::from_event(r#"{"taskArn":"t","lastStatus":"RUNNING","overrides":{}}"#).expect("an event");
        assert!(!bare.is_stopped() && bare.overrides.is_empty());
    }
}
