//! An ECS task, as far as the dispatcher needs to know it.

use serde::{Deserialize, Deserializer, de::DeserializeOwned, de::Error as _};
use serde_json::value::RawValue;

use crate::{context::is_printable, exit::RunnerExit, task_size::TaskSize};

/// A task, from an `ECS Task State Change` event or from `DescribeTasks`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Task {
    /// The task's ARN.
    pub(crate) arn: String,
    /// The ARN of its cluster.
    pub(crate) cluster: Option<String>,
    /// The ARN of its task definition.
    pub(crate) definition: Option<String>,
    /// `PROVISIONING`, …, `RUNNING`, …, `STOPPED`.
    pub(crate) status: String,
    /// What it was started with as `startedBy`: the request id, as a rule.
    pub(crate) started_by: Option<String>,
    /// When it stopped, in Unix milliseconds.
    pub(crate) stopped_at: Option<i64>,
    /// Why it stopped, as ECS's code.
    pub(crate) stop_code: Option<String>,
    /// Why it stopped, in ECS's words.
    pub(crate) stopped_reason: Option<String>,
    /// Its size, where ECS told it as two numbers.
    pub(crate) size: Option<TaskSize>,
    pub(crate) containers: Vec<TaskContainer>,
    /// What its containers were told, container by container.
    pub(crate) overrides: Vec<RunningOverride>,
}

/// A container of a task.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct TaskContainer {
    /// Its name in the task definition.
    #[serde(deserialize_with = "lenient")]
    pub(crate) name: String,
    /// Its exit code; `None` where it never ran.
    #[serde(deserialize_with = "number")]
    pub(crate) exit_code: Option<i64>,
    /// What ECS says of its end: `OutOfMemoryError: Container killed due to memory usage`.
    pub(crate) reason: Option<String>,
}

/// What a container was told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct RunningOverride {
    /// Its name in the task definition.
    pub(crate) name: String,
    pub(crate) environment: Vec<(String, String)>,
}

impl Task {
    /// Whether it has stopped.
    #[must_use]
    pub(crate) fn is_stopped(&self) -> bool {
        self.status == "STOPPED"
    }

    /// The exit code of a container; `None` where it never ran.
    #[must_use]
    pub(crate) fn exit_code(&self, container: &str) -> Option<i64> {
        self.containers.iter().find(|other| other.name == container)?.exit_code
    }

    /// How the runner in a container ended; `None` where it never ran, or with a code that no runner sets.
    #[must_use]
    pub(crate) fn exit(&self, container: &str) -> Option<RunnerExit> {
        RunnerExit::from_code(self.exit_code(container)?)
    }

    /// The variables that a container was told; `None` where the task doesn't say.
    #[must_use]
    pub(crate) fn environment(&self, container: &str) -> Option<&[(String, String)]> {
        let told = self.overrides.iter().find(|other| other.name == container)?;
        // Names without values say nothing either.
        told.environment.iter().any(|(_, value)| !value.is_empty()).then_some(&told.environment)
    }

    /// Reads the `detail` of an `ECS Task State Change` event.
    pub(super) fn from_event(detail: &str) -> serde_json::Result<Self> {
        let task = Self::from(serde_json::from_str::<TaskDescription>(detail)?);
        for (name, value) in [("taskArn", &task.arn), ("lastStatus", &task.status)] {
            if value.is_empty() || !is_printable(value) {
                return Err(serde_json::Error::custom(format_args!(
                    "{name} is missing, or holds other characters than printable ASCII"
                )));
            }
        }
        Ok(task)
    }
}

impl From<TaskDescription> for Task {
    fn from(task: TaskDescription) -> Self {
        Self {
            arn: task.task_arn,
            cluster: task.cluster_arn,
            definition: task.task_definition_arn,
            status: task.last_status,
            started_by: task.started_by,
            stopped_at: task.stopped_at.as_deref().and_then(crate::aws::unix_milliseconds),
            stop_code: task.stop_code,
            stopped_reason: task.stopped_reason,
            size: task_size(task.cpu.as_deref(), task.memory.as_deref()),
            containers: task.containers,
            overrides: task.overrides.container_overrides.into_iter().map(DescribedOverride::into_override).collect(),
        }
    }
}

/// A task as an event describes it. One odd value doesn't hide the others.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct TaskDescription {
    #[serde(deserialize_with = "lenient")]
    task_arn: String,
    #[serde(deserialize_with = "lenient")]
    last_status: String,
    #[serde(deserialize_with = "lenient")]
    cluster_arn: Option<String>,
    #[serde(deserialize_with = "lenient")]
    task_definition_arn: Option<String>,
    #[serde(deserialize_with = "lenient")]
    started_by: Option<String>,
    #[serde(deserialize_with = "lenient")]
    stopped_at: Option<String>,
    #[serde(deserialize_with = "lenient")]
    stop_code: Option<String>,
    #[serde(deserialize_with = "lenient")]
    stopped_reason: Option<String>,
    #[serde(deserialize_with = "lenient")]
    cpu: Option<String>,
    #[serde(deserialize_with = "lenient")]
    memory: Option<String>,
    #[serde(deserialize_with = "readable_items")]
    containers: Vec<TaskContainer>,
    #[serde(deserialize_with = "lenient")]
    overrides: DescribedOverrides,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct DescribedOverrides {
    #[serde(deserialize_with = "readable_items")]
    container_overrides: Vec<DescribedOverride>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct DescribedOverride {
    #[serde(deserialize_with = "lenient")]
    name: String,
    #[serde(deserialize_with = "readable_items")]
    environment: Vec<DescribedVariable>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct DescribedVariable {
    #[serde(deserialize_with = "lenient")]
    name: String,
    #[serde(deserialize_with = "lenient")]
    value: String,
}

impl DescribedOverride {
    fn into_override(self) -> RunningOverride {
        let variables = self.environment.into_iter().map(|DescribedVariable { name, value }| (name, value));
        RunningOverride { name: self.name, environment: variables.collect() }
    }
}

/// ECS tells a task's size as texts: `"1024"` units and `"4096"` MiB.
pub(super) fn task_size(cpu: Option<&str>, memory: Option<&str>) -> Option<TaskSize> {
    Some(TaskSize { cpu: cpu?.parse().ok()?, memory: memory?.parse().ok()? })
}

/// A value, or the default where it is of another kind.
fn lenient<'de, T: DeserializeOwned + Default, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    Ok(serde_json::from_str(Box::<RawValue>::deserialize(deserializer)?.get()).unwrap_or_default())
}

/// The items of a list that can be read; none where it isn't a list.
fn readable_items<'de, T: DeserializeOwned, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<T>, D::Error> {
    let items: Vec<Box<RawValue>> = lenient(deserializer)?;
    Ok(items.iter().filter_map(|item| serde_json::from_str(item.get()).ok()).collect())
}

/// A number, also as text.
fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    let json = Box::<RawValue>::deserialize(deserializer)?;
    let text: Option<String> = serde_json::from_str(json.get()).ok();
    Ok(text.as_deref().unwrap_or(json.get()).trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_read_leniently() {
        let task = Task::from_event(
            r#"{"taskArn":"t","lastStatus":"STOPPED","clusterArn":"c","cpu":"1024","memory":"4096","stopCode":"EssentialContainerExited",
                "containers":[{"name":"log"},{"name":"runner","exitCode":137,"reason":"OutOfMemoryError"}],
                "overrides":{"containerOverrides":[{"name":"log"},{"name":"runner","environment":[{"name":"A","value":"1"}]}]},
                "version":5,"attachments":[]}"#,
        )
        .expect("an event");
        assert!(task.is_stopped());
        assert_eq!((task.exit_code("runner"), task.exit_code("log"), task.exit_code("x")), (Some(137), None, None));
        assert_eq!(task.size, Some(TaskSize { cpu: 1024, memory: 4096 }));
        assert_eq!(task.containers[1].reason.as_deref(), Some("OutOfMemoryError"));
        assert_eq!(task.environment("runner"), Some([("A".to_owned(), "1".to_owned())].as_slice()));
        assert_eq!((task.environment("log"), task.environment("x")), (None, None));
        let nameless = [
            r#"{"lastStatus":"STOPPED"}"#,
            r#"{"taskArn":"t","lastStatus":null}"#,
            r#"{"taskArn":"t\n","lastStatus":"STOPPED"}"#,
            "5",
        ];
        for nameless in nameless {
            assert!(Task::from_event(nameless).is_err(), "{nameless}");
        }
        let bare = Task::from_event(r#"{"taskArn":"t","lastStatus":"RUNNING","overrides":{}}"#).expect("an event");
        assert!(!bare.is_stopped() && bare.overrides.is_empty());
    }

    #[test]
    fn an_odd_value_hides_no_other() {
        let table = [
            (r#""1""#, Some(1)),
            (r#"" 137 ""#, Some(137)),
            ("2", Some(2)),
            ("null", None),
            (r#""""#, None),
            (r#""one""#, None),
            ("{}", None),
        ];
        for (exit_code, expected) in table {
            let task = Task::from_event(&format!(
                r#"{{"taskArn":"t","lastStatus":"STOPPED","clusterArn":7,"cpu":1024,"memory":"4 GB","stopCode":{{}},"stoppedReason":[],"createdAt":"x",
                    "containers":[5,{{"name":null,"exitCode":9}},{{"name":"runner","exitCode":{exit_code}}}],
                    "overrides":{{"containerOverrides":[null,{{"name":1}},
                        {{"name":"runner","environment":[{{"name":"A","value":1}},{{"name":"B","value":"2"}},"C"]}}]}}}}"#
            ))
            .expect("it names its task");
            assert_eq!(task.exit_code("runner"), expected, "{exit_code}");
            let variables = [("A".to_owned(), String::new()), ("B".to_owned(), "2".to_owned())];
            assert_eq!(task.environment("runner"), Some(variables.as_slice()));
            assert!(task.stop_code.is_none() && task.cluster.is_none() && task.size.is_none());
        }
    }
}
