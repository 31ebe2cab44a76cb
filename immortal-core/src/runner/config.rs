//! The runner's configuration, and the environment of its process.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

#[cfg(feature = "destinations")]
use super::destination::ResultDestination;
use crate::{metrics, names::env};

/// The process's environment, read once at the start.
///
/// `Debug` leaves it out: it contains the event and the secrets of the task.
#[derive(Clone, Default)]
pub(super) struct TaskEnvironment(BTreeMap<String, String>);

impl TaskEnvironment {
    /// Reads the environment; variables that aren't text are left out.
    pub(super) fn read() -> Self {
        std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect()
    }

    pub(super) fn get(&self, name: &str) -> Option<String> {
        self.0.get(name).filter(|value| !value.is_empty()).cloned()
    }

    /// The task's id, with which the container's id begins, where ECS says it.
    ///
    /// Source: `DockerId` and `TaskARN` in
    /// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-metadata-endpoint-v4-fargate-response.html>
    pub(super) fn task_id(&self) -> Option<&str> {
        let container = self.0.get("ECS_CONTAINER_METADATA_URI_V4")?.rsplit('/').next()?;
        let (task, _) = container.split_once('-')?;
        Some(task).filter(|task| task.len() == 32 && task.bytes().all(|byte| byte.is_ascii_hexdigit()))
    }
}

impl FromIterator<(String, String)> for TaskEnvironment {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(variables: I) -> Self {
        Self(variables.into_iter().collect())
    }
}

/// The configuration with all defaults filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RunnerConfig {
    pub(super) task_root: PathBuf,
    pub(super) layer_root: PathBuf,
    /// The directory of the runtime in a language's base image.
    pub(super) runtime_root: PathBuf,
    pub(super) stop_timeout: Duration,
    /// How long the handler's process may take until it requests the event.
    pub(super) start_timeout: Duration,
    /// How long a download may go without a byte.
    pub(super) stall_timeout: Duration,
    /// Whether attempts are counted.
    pub(super) has_metrics: bool,
    /// Where the result goes after a success.
    #[cfg(feature = "destinations")]
    pub(super) on_success: ResultDestination,
    /// The bucket for a result that no destination accepts.
    #[cfg(feature = "destinations")]
    pub(super) event_bucket: Option<String>,
}

impl RunnerConfig {
    /// Parses the configuration from variables, or returns all errors in it.
    pub(super) fn read(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, Vec<String>> {
        let mut problems = Vec::new();
        let stop_timeout = seconds(env::STOP_TIMEOUT, lookup(env::STOP_TIMEOUT), 30, &mut problems);
        // The longest start that Lambda allows:
        // https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html
        let start_timeout = seconds(env::START_TIMEOUT, lookup(env::START_TIMEOUT), 900, &mut problems);
        let stall_timeout = seconds(env::STALL_TIMEOUT, lookup(env::STALL_TIMEOUT), 30, &mut problems);
        let has_metrics =
            metrics::are_on(lookup(env::METRICS).as_deref()).map_err(|problem| problems.push(problem)).unwrap_or(true);
        #[cfg(feature = "destinations")]
        let on_success = on_success(lookup(env::ON_SUCCESS), &mut problems);
        let path = |name, default: &str| PathBuf::from(lookup(name).unwrap_or_else(|| default.to_owned()));
        let config = Self {
            task_root: path(env::TASK_ROOT, "/var/task"),
            layer_root: path(env::LAYER_ROOT, "/opt"),
            runtime_root: PathBuf::from("/var/runtime"),
            stop_timeout,
            start_timeout,
            stall_timeout,
            has_metrics,
            #[cfg(feature = "destinations")]
            on_success,
            #[cfg(feature = "destinations")]
            event_bucket: lookup(env::EVENT_BUCKET),
        };
        for (name, path) in [(env::TASK_ROOT, &config.task_root), (env::LAYER_ROOT, &config.layer_root)] {
            if !path.is_absolute() {
                problems.push(format!("{name} is {}, and must be an absolute path", path.display()));
            }
        }
        if problems.is_empty() { Ok(config) } else { Err(problems) }
    }
}

#[cfg(feature = "destinations")]
fn on_success(text: Option<String>, problems: &mut Vec<String>) -> ResultDestination {
    let read = text.map(|text| text.parse()).transpose();
    read.map_err(|unknown| problems.push(format!("{}: {unknown}, or `none`", env::ON_SUCCESS)))
        .ok()
        .flatten()
        .unwrap_or_default()
}

fn seconds(name: &str, text: Option<String>, default: u64, problems: &mut Vec<String>) -> Duration {
    // A day is far beyond what a task may be given to stop (120 s), and far below any overflow.
    const MOST: u64 = 86_400;
    let seconds = match text.as_deref().map(str::parse) {
        None => default,
        Some(Ok(seconds)) if (1..=MOST).contains(&seconds) => seconds,
        Some(_) => {
            let text = text.unwrap_or_default();
            problems.push(format!("{name} is {text:?}, and must be whole seconds from 1 to {MOST}"));
            default
        }
    };
    Duration::from_secs(seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<RunnerConfig, Vec<String>> {
        let variables: TaskEnvironment =
            variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        RunnerConfig::read(|name| variables.get(name))
    }

    #[test]
    fn the_task_is_known_by_its_containers_id() {
        const TASK: &str = "0123456789abcdef0123456789abcdef";
        for (uri, expected) in [
            (format!("http://169.254.170.2/v4/{TASK}-2495160603"), Some(TASK)),
            ("http://169.254.170.2/v4/x".to_owned(), None),
            ("http://169.254.170.2/v4/other-1".to_owned(), None),
            (String::new(), None),
        ] {
            let environment = TaskEnvironment::from_iter([("ECS_CONTAINER_METADATA_URI_V4".to_owned(), uri)]);
            assert_eq!(environment.task_id(), expected);
        }
    }

    #[test]
    fn without_a_word_it_is_lambdas_layout() {
        let config = read(&[(env::STOP_TIMEOUT, "")]).expect("all have defaults");
        assert_eq!(config.task_root, PathBuf::from("/var/task"));
        assert_eq!(config.layer_root, PathBuf::from("/opt"));
        assert_eq!((config.stop_timeout.as_secs(), config.stall_timeout.as_secs()), (30, 30));
        assert_eq!(config.start_timeout.as_secs(), 900);
    }

    #[test]
    fn all_problems_are_said_together() {
        let problems = read(&[
            (env::TASK_ROOT, "relative"),
            (env::STOP_TIMEOUT, "0"),
            (env::STALL_TIMEOUT, "5s"),
            (env::START_TIMEOUT, "-1"),
            (env::LAYER_ROOT, "/layers"),
            #[cfg(feature = "destinations")]
            (env::ON_SUCCESS, "results"),
        ])
        .expect_err("most are wrong");
        assert_eq!(problems.len(), if cfg!(feature = "destinations") { 5 } else { 4 }, "{problems:?}");
    }
}
