//! The look-ups in ECS before a task is started, and how to recognise that it was started already.
//!
//! A client token keeps a failure from starting two tasks, but ECS forgets it after 24 hours, or an hour after its task
//! stopped: <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/ECS_Idempotency.html>.

use std::time::Duration;

use super::{
    config::DispatcherConfig,
    invocation_failure::KnownFunctions,
    task::Task,
    task_order::{self, TaskOrder},
};

/// A record that was sent longer ago may have had a token that is forgotten.
const SHORTEST_TOKEN_LIFE: Duration = Duration::from_hours(1);

/// What determines the look-ups for a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LaunchHistory {
    /// How long ago its message was sent, or the task before it stopped.
    pub(crate) age: Duration,
    /// Whether its message was received before.
    pub(crate) is_repeated: bool,
    /// The series of the job.
    pub(crate) series: u32,
    /// Whether the task goes to Spot first. Another delivery of the failure may have started it on Fargate, under another
    /// token.
    pub(crate) spot: bool,
    /// Whether the number of tasks has a bound, so that records wait, maybe for longer than their tokens live.
    pub(crate) has_task_limit: bool,
}

/// Which tasks of the job are looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TaskLookup {
    /// None: the token is enough.
    None,
    /// Running tasks: any of them means that the job is being handled.
    Running,
    /// Those that stopped within the hour too.
    All,
}

impl LaunchHistory {
    /// What must be asked before `RunTask`.
    #[must_use]
    pub(crate) fn lookup(&self) -> TaskLookup {
        if self.spot || (self.is_repeated && self.has_task_limit) {
            TaskLookup::All
        } else if self.series > 0 || self.age > SHORTEST_TOKEN_LIFE {
            TaskLookup::Running
        } else {
            TaskLookup::None
        }
    }
}

/// The task that is to be started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PlannedTask<'a> {
    /// The request id of the job.
    pub(crate) request_id: &'a str,
    pub(crate) series: u32,
    pub(crate) attempt: u32,
    /// The ARN of the task before it, which doesn't count.
    pub(crate) previous: Option<&'a str>,
}

impl PlannedTask<'_> {
    /// Whether a task means that this one needs no start: it is at work on the same job, or was started as this
    /// attempt.
    #[must_use]
    pub(crate) fn is_started_as(&self, task: &Task, config: &DispatcherConfig, functions: &KnownFunctions) -> bool {
        if self.previous == Some(task.arn.as_str()) {
            return false;
        }
        let TaskOrder::Ours(order) = task_order::read(task, config, functions) else { return false };
        order.context.aws_request_id == self.request_id
            && (!task.is_stopped() || (order.series == self.series && order.attempt == self.attempt))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        context::Context,
        dispatcher::{invocation_failure::tests::functions, task::RunningOverride},
        order::{EventForm, Order},
    };

    #[test]
    fn ecs_is_asked_where_a_token_may_be_forgotten() {
        let minutes = Duration::from_mins;
        let table = [
            (0, false, 0, false, false, TaskLookup::None),
            (60, false, 0, false, false, TaskLookup::None),
            (61, false, 0, false, false, TaskLookup::Running),
            (0, false, 1, false, false, TaskLookup::Running),
            (0, true, 0, false, false, TaskLookup::None),
            (0, true, 0, true, false, TaskLookup::All),
            (0, false, 0, true, false, TaskLookup::All),
            (0, false, 0, false, true, TaskLookup::None),
            (0, true, 0, false, true, TaskLookup::All),
            (61, true, 3, true, true, TaskLookup::All),
        ];
        for (age, is_repeated, series, spot, has_task_limit, expected) in table {
            let history = LaunchHistory { age: minutes(age), is_repeated, series, spot, has_task_limit };
            assert_eq!(history.lookup(), expected, "{history:?}");
        }
    }

    #[test]
    fn a_task_at_work_on_the_job_or_started_as_the_attempt_is_it() {
        let variables = [("AWS_LAMBDA_FUNCTION_NAME", "ingestDlq"), ("RUNNER", "runner"), ("SUBNET", "s")];
        let config = DispatcherConfig::read(|name| {
            variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
        });
        let config = config.expect("complete");
        let task = |request: &str, series, attempt, status: &str| {
            let order = Order {
                event: EventForm::Inline("1".into()),
                context: Context {
                    aws_request_id: request.into(),
                    function_name: "ingest".into(),
                    ..Context::default()
                },
                handler_path: None,
                attempt,
                interruptions: 0,
                limit: None,
                series,
                source: None,
                failed_at: None,
            };
            let environment =
                order.to_variables(&order.event).into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
            Task {
                arn: "arn:task".into(),
                status: status.into(),
                overrides: vec![RunningOverride { name: "runner".into(), environment }],
                ..Task::default()
            }
        };
        let planned = PlannedTask { request_id: "r-1", series: 1, attempt: 2, previous: None };
        let table = [
            (task("r-1", 1, 2, "STOPPED"), true),
            (task("r-1", 1, 1, "STOPPED"), false),
            (task("r-1", 0, 2, "STOPPED"), false),
            (task("r-1", 0, 1, "RUNNING"), true),
            (task("r-1", 1, 9, "PENDING"), true),
            (task("r-2", 1, 2, "RUNNING"), false),
            (Task { overrides: vec![], ..task("r-1", 1, 2, "RUNNING") }, false),
        ];
        for (task, expected) in table {
            assert_eq!(planned.is_started_as(&task, &config, &functions()), expected, "{task:?}");
        }
        let previous = PlannedTask { previous: Some("arn:task"), ..planned };
        assert!(!previous.is_started_as(&task("r-1", 1, 2, "DEPROVISIONING"), &config, &functions()));
    }
}
