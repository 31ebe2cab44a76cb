//! The ECS adapter: `RunTask` and `DescribeTasks`.
//!
//! Shapes: `botocore:ecs:RunTaskRequest`, `RunTaskResponse`, `DescribeTasksRequest`, `DescribeTasksResponse`.

use std::time::Duration;

use aws_sdk_ecs::{
    Client,
    error::{BuildError, SdkError},
    operation::run_task::{self, RunTaskError, builders::RunTaskFluentBuilder},
    types::{
        AssignPublicIp, AwsVpcConfiguration, CapacityProviderStrategyItem, ContainerOverride, DesiredStatus,
        EphemeralStorage, KeyValuePair, LaunchType, NetworkConfiguration, PropagateTags, TaskOverride,
    },
};

use super::{
    answer::{RunTaskFailure, RunTaskOutput},
    config::DispatcherConfig,
    task::{RunningOverride, Task, TaskContainer, task_size},
    task_overrides::TaskOverrides,
};
use crate::aws::{AwsClients, AwsError, within};

/// One task to be started.
#[derive(Debug)]
pub(super) struct RunTaskRequest<'a> {
    pub(super) token: String,
    pub(super) started_by: String,
    pub(super) spot: bool,
    pub(super) overrides: &'a TaskOverrides,
}

/// The ECS client of the dispatcher.
#[derive(Clone, Debug)]
pub(super) struct EcsClient(Client);

impl EcsClient {
    pub(super) fn new(aws: &AwsClients) -> Self {
        Self(Client::new(&aws.config))
    }

    pub(super) async fn run_task(
        &self,
        config: &DispatcherConfig,
        request: &RunTaskRequest<'_>,
        bound: Duration,
    ) -> Result<RunTaskOutput, AwsError> {
        let call = run_task(&self.0, config, request).map_err(AwsError::unsent)?;
        within(bound, Box::pin(async { call.send().await.map_err(refused) })).await.map(output)
    }

    /// Those of these tasks that ECS knows; at most 100 (`botocore:ecs:DescribeTasksRequest.tasks`).
    pub(super) async fn describe_tasks(
        &self,
        cluster: &str,
        arns: &[String],
        bound: Duration,
    ) -> Result<Vec<Task>, AwsError> {
        let call = self.0.describe_tasks().cluster(cluster).set_tasks(Some(arns.to_vec()));
        let described = within(bound, Box::pin(async { Ok(call.send().await?) })).await?;
        Ok(described.tasks.unwrap_or_default().into_iter().map(Task::from).collect())
    }

    /// One page of a cluster's tasks.
    pub(super) async fn list_tasks(
        &self,
        cluster: &str,
        filter: TaskFilter<'_>,
        status: TaskStatus,
        next: Option<String>,
        bound: Duration,
    ) -> Result<TaskPage, AwsError> {
        let call = self.0.list_tasks().cluster(cluster).set_next_token(next).desired_status(match status {
            TaskStatus::Running => DesiredStatus::Running,
            TaskStatus::Stopped => DesiredStatus::Stopped,
        });
        let call = match filter {
            TaskFilter::StartedBy(started_by) => call.started_by(started_by),
            TaskFilter::Family(family) => call.family(family),
        };
        let page = within(bound, Box::pin(async { Ok(call.send().await?) })).await?;
        Ok(TaskPage { arns: page.task_arns.unwrap_or_default(), next: page.next_token })
    }

    /// Where a container of a task definition logs to; `None` where that isn't a log group.
    pub(super) async fn task_log(
        &self,
        definition: &str,
        container: &str,
        bound: Duration,
    ) -> Result<Option<TaskLog>, AwsError> {
        let call = self.0.describe_task_definition().task_definition(definition);
        let described = within(bound, Box::pin(async { Ok(call.send().await?) })).await?;
        let containers = described.task_definition.and_then(|it| it.container_definitions).unwrap_or_default();
        let ours = containers.into_iter().find(|it| it.name.as_deref() == Some(container));
        let logging = ours.and_then(|it| it.log_configuration).and_then(|logging| logging.options);
        Ok(logging.and_then(|mut options| {
            let (group, prefix) = (options.remove("awslogs-group")?, options.remove("awslogs-stream-prefix")?);
            Some(TaskLog { group, stream_prefix: format!("{prefix}/{container}") })
        }))
    }
}

/// Which tasks are listed: `startedBy` must be the only filter beside cluster and status
/// (`botocore:ecs:ListTasksRequest`).
#[derive(Clone, Copy, Debug)]
pub(super) enum TaskFilter<'a> {
    StartedBy(&'a str),
    Family(&'a str),
}

/// The desired status of the tasks that are listed.
#[derive(Clone, Copy, Debug)]
pub(super) enum TaskStatus {
    Running,
    Stopped,
}

/// A page of tasks.
#[derive(Debug)]
pub(super) struct TaskPage {
    pub(super) arns: Vec<String>,
    /// The token of the next page.
    pub(super) next: Option<String>,
}

/// Where a container logs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TaskLog {
    pub(super) group: String,
    /// A task's stream is this, a slash, and the task's id.
    ///
    /// Source: <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/using_awslogs.html>.
    pub(super) stream_prefix: String,
}

fn run_task(
    client: &Client,
    config: &DispatcherConfig,
    request: &RunTaskRequest<'_>,
) -> Result<RunTaskFluentBuilder, BuildError> {
    let network = &config.network;
    let awsvpc = AwsVpcConfiguration::builder()
        .set_subnets(Some(network.subnets.clone()))
        .set_security_groups(Some(network.security_groups.clone()).filter(|groups| !groups.is_empty()))
        .assign_public_ip(if network.public_ip { AssignPublicIp::Enabled } else { AssignPublicIp::Disabled })
        .build()?;
    let call = client
        .run_task()
        .cluster(&config.cluster)
        .task_definition(&config.task_definition)
        .count(1)
        .client_token(&request.token)
        .started_by(&request.started_by)
        .network_configuration(NetworkConfiguration::builder().awsvpc_configuration(awsvpc).build())
        .set_propagate_tags(config.options.propagate_tags.then_some(PropagateTags::TaskDefinition))
        .set_enable_execute_command(config.options.execute_command.then_some(true))
        .overrides(task_override(request.overrides));
    Ok(if request.spot {
        let spot = CapacityProviderStrategyItem::builder().capacity_provider("FARGATE_SPOT").weight(1).build()?;
        call.capacity_provider_strategy(spot)
    } else {
        call.launch_type(LaunchType::Fargate)
    })
}

/// The overrides in the SDK's types; it sends exactly what [`TaskOverrides::length`] measures.
fn task_override(overrides: &TaskOverrides) -> TaskOverride {
    let container = overrides.container();
    let variables = container.environment.iter();
    let variables =
        variables.map(|variable| KeyValuePair::builder().name(variable.name).value(&variable.value).build());
    let container = ContainerOverride::builder().name(&container.name).set_environment(Some(variables.collect()));
    let storage = |size| EphemeralStorage::builder().size_in_gib(size).build();
    TaskOverride::builder()
        .container_overrides(container.build())
        .set_cpu(overrides.cpu.clone())
        .set_memory(overrides.memory.clone())
        .set_ephemeral_storage(overrides.ephemeral_storage.as_ref().map(|it| storage(it.size_in_gib)))
        .build()
}

fn output(output: run_task::RunTaskOutput) -> RunTaskOutput {
    let tasks = output.tasks.unwrap_or_default().into_iter().filter_map(|task| task.task_arn);
    let failures = output.failures.unwrap_or_default().into_iter().map(|failure| RunTaskFailure {
        arn: failure.arn.unwrap_or_default(),
        reason: failure.reason.unwrap_or_default(),
        detail: failure.detail.unwrap_or_default(),
    });
    RunTaskOutput { tasks: tasks.collect(), failures: failures.collect() }
}

fn refused(error: SdkError<RunTaskError>) -> AwsError {
    let tasks = match error.as_service_error() {
        Some(RunTaskError::ConflictException(conflict)) => conflict.resource_ids().to_vec(),
        _ => Vec::new(),
    };
    match error.into() {
        AwsError::Refused(refusal) => AwsError::Refused(crate::aws::ServiceError { resource_ids: tasks, ..refusal }),
        other => other,
    }
}

impl From<aws_sdk_ecs::types::Task> for Task {
    fn from(task: aws_sdk_ecs::types::Task) -> Self {
        let containers = task.containers.unwrap_or_default().into_iter();
        let overrides = task.overrides.and_then(|overrides| overrides.container_overrides).unwrap_or_default();
        Self {
            arn: task.task_arn.unwrap_or_default(),
            cluster: task.cluster_arn,
            definition: task.task_definition_arn,
            status: task.last_status.unwrap_or_default(),
            started_by: task.started_by,
            stopped_at: task.stopped_at.and_then(|at| at.to_millis().ok()),
            stop_code: task.stop_code.map(|code| code.as_str().to_owned()),
            stopped_reason: task.stopped_reason,
            size: task_size(task.cpu.as_deref(), task.memory.as_deref()),
            containers: containers
                .map(|container| TaskContainer {
                    name: container.name.unwrap_or_default(),
                    exit_code: container.exit_code.map(i64::from),
                    reason: container.reason,
                })
                .collect(),
            overrides: overrides
                .into_iter()
                .map(|it| RunningOverride {
                    name: it.name.unwrap_or_default(),
                    environment: it.environment.unwrap_or_default().into_iter().map(variable).collect(),
                })
                .collect(),
        }
    }
}

fn variable(variable: KeyValuePair) -> (String, String) {
    (variable.name.unwrap_or_default(), variable.value.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_is_read_from_what_ecs_describes() {
        use aws_sdk_ecs::{primitives::DateTime, types};

        let order = KeyValuePair::builder().name("A").value("1").build();
        let described = types::Task::builder()
            .task_arn("t")
            .cluster_arn("c")
            .task_definition_arn("d")
            .last_status("STOPPED")
            .stopped_at(DateTime::from_millis(1_692_806_123_456))
            .stop_code(types::TaskStopCode::SpotInterruption)
            .stopped_reason("taken")
            .containers(types::Container::builder().name("log").build())
            .containers(types::Container::builder().name("runner").exit_code(143).reason("killed").build())
            .overrides(
                TaskOverride::builder()
                    .container_overrides(ContainerOverride::builder().name("runner").environment(order).build())
                    .build(),
            )
            .build();
        let task = Task::from(described);
        assert_eq!((task.arn.as_str(), task.status.as_str()), ("t", "STOPPED"));
        assert_eq!((task.cluster.as_deref(), task.definition.as_deref()), (Some("c"), Some("d")));
        assert_eq!(
            (task.stop_code.as_deref(), task.stopped_reason.as_deref()),
            (Some("SpotInterruption"), Some("taken"))
        );
        assert_eq!(task.stopped_at, Some(1_692_806_123_456));
        assert_eq!((task.exit_code("runner"), task.exit_code("log")), (Some(143), None));
        assert_eq!(task.containers[1].reason.as_deref(), Some("killed"));
        assert_eq!(task.environment("runner"), Some([("A".to_owned(), "1".to_owned())].as_slice()));
    }
}
