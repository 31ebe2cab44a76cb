//! ECS: tasks, and where they log to.

use std::collections::BTreeMap;

use aws_sdk_ecs::{
    Client,
    types::{DesiredStatus, LogDriver, Task},
};
use immortal_core::task_definition::family;
use jiff::Timestamp;

use super::{call_error::CallError, connect::AwsConnection};

/// `DescribeTasks` takes so many: <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DescribeTasks.html>.
const DESCRIBED_AT_ONCE: usize = 100;

/// A task, as far as an operator has to know it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct DescribedTask {
    pub(crate) arn: String,
    pub(crate) family: String,
    pub(crate) started_by: String,
    /// `PROVISIONING`, …, `RUNNING`, …, `STOPPED`.
    pub(crate) last_status: String,
    pub(crate) desired_status: String,
    /// `FARGATE` or `FARGATE_SPOT`; `None` for a task that was started by its launch type.
    pub(crate) capacity_provider: Option<String>,
    /// In ECS units.
    pub(crate) cpu: u32,
    /// In MiB.
    pub(crate) memory: u32,
    pub(crate) created: Option<Timestamp>,
    /// When the image began to be pulled, from which on the task is paid for.
    pub(crate) pull_started: Option<Timestamp>,
    pub(crate) started: Option<Timestamp>,
    pub(crate) stopping: Option<Timestamp>,
    pub(crate) stopped: Option<Timestamp>,
    pub(crate) stop_code: Option<String>,
    pub(crate) stopped_reason: Option<String>,
    /// Of the runner's container.
    pub(crate) exit_code: Option<i64>,
    /// What ECS says of that container's end.
    pub(crate) container_reason: Option<String>,
    /// The variables that the task overrides of that container.
    pub(crate) environment: BTreeMap<String, String>,
}

/// Which tasks to list.
#[derive(Clone, Copy, Debug)]
pub(crate) enum TaskSelection<'a> {
    Family(&'a str),
    StartedBy(&'a str),
}

/// Where a container's lines go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ContainerLog {
    pub(crate) group: String,
    pub(crate) stream_prefix: String,
}

impl AwsConnection {
    pub(super) fn ecs(&self) -> Client {
        Client::new(&self.config)
    }

    /// The tasks that ECS knows: all that haven't stopped, and for about an hour those that have.
    pub(crate) async fn tasks(
        &self,
        cluster: &str,
        container: &str,
        selection: TaskSelection<'_>,
    ) -> Result<Vec<DescribedTask>, CallError> {
        let (running, stopped) = tokio::try_join!(
            self.task_arns(cluster, selection, DesiredStatus::Running),
            self.task_arns(cluster, selection, DesiredStatus::Stopped)
        )?;
        let arns: Vec<_> = running.into_iter().chain(stopped).collect();
        let mut tasks = Vec::new();
        for some in arns.chunks(DESCRIBED_AT_ONCE) {
            let output = self.ecs().describe_tasks().cluster(cluster).set_tasks(Some(some.to_vec())).send().await;
            let output = output
                .map_err(|error| CallError::new("ecs:DescribeTasks", &format!("the cluster {cluster}"), error))?;
            tasks.extend(output.tasks.unwrap_or_default().into_iter().map(|task| described(task, container)));
        }
        Ok(tasks)
    }

    async fn task_arns(
        &self,
        cluster: &str,
        selection: TaskSelection<'_>,
        desired: DesiredStatus,
    ) -> Result<Vec<String>, CallError> {
        let call = self.ecs().list_tasks().cluster(cluster).desired_status(desired);
        let call = match selection {
            TaskSelection::Family(family) => call.family(family),
            TaskSelection::StartedBy(started_by) => call.started_by(started_by),
        };
        let mut pages = call.into_paginator().items().send();
        let mut arns = Vec::new();
        while let Some(arn) = pages.next().await {
            let failed = |error| CallError::new("ecs:ListTasks", &format!("the cluster {cluster}"), error);
            arns.push(arn.map_err(failed)?);
        }
        Ok(arns)
    }

    /// Tells a task to stop, as a person does it.
    pub(crate) async fn stop_task(&self, cluster: &str, task: &str, reason: &str) -> Result<(), CallError> {
        let output = self.ecs().stop_task().cluster(cluster).task(task).reason(reason).send().await;
        output.map_err(|error| CallError::new("ecs:StopTask", &format!("the task {task}"), error))?;
        Ok(())
    }

    /// Where a container of a task definition logs to; `None` where not to `CloudWatch`.
    pub(crate) async fn container_log(
        &self,
        task_definition: &str,
        container: &str,
    ) -> Result<Option<ContainerLog>, CallError> {
        let output = self.ecs().describe_task_definition().task_definition(task_definition).send().await;
        let output = output.map_err(|error| {
            CallError::new("ecs:DescribeTaskDefinition", &format!("the task definition {task_definition}"), error)
        })?;
        let containers = output.task_definition.and_then(|it| it.container_definitions).unwrap_or_default();
        let ours = containers.into_iter().find(|one| one.name.as_deref() == Some(container));
        let log = ours.and_then(|ours| ours.log_configuration).filter(|log| log.log_driver == LogDriver::Awslogs);
        Ok(log.and_then(|log| log.options).and_then(|mut options| {
            let stream_prefix = options.remove("awslogs-stream-prefix").unwrap_or_default();
            Some(ContainerLog { group: options.remove("awslogs-group")?, stream_prefix })
        }))
    }
}

fn described(task: Task, container: &str) -> DescribedTask {
    let moment = |at: Option<aws_sdk_ecs::primitives::DateTime>| {
        at.and_then(|at| Timestamp::from_millisecond(at.to_millis().ok()?).ok())
    };
    let number = |text: Option<String>| text.and_then(|text| text.parse().ok()).unwrap_or_default();
    let ours = task.containers.unwrap_or_default().into_iter().find(|one| one.name.as_deref() == Some(container));
    let overrides = task.overrides.and_then(|overrides| overrides.container_overrides).unwrap_or_default();
    let container_override = overrides.into_iter().find(|one| one.name.as_deref() == Some(container));
    let environment = container_override.and_then(|one| one.environment).unwrap_or_default();
    DescribedTask {
        arn: task.task_arn.unwrap_or_default(),
        family: family(&task.task_definition_arn.unwrap_or_default()).to_owned(),
        started_by: task.started_by.unwrap_or_default(),
        last_status: task.last_status.unwrap_or_default(),
        desired_status: task.desired_status.unwrap_or_default(),
        capacity_provider: task.capacity_provider_name,
        cpu: number(task.cpu),
        memory: number(task.memory),
        created: moment(task.created_at),
        pull_started: moment(task.pull_started_at),
        started: moment(task.started_at),
        stopping: moment(task.stopping_at),
        stopped: moment(task.stopped_at),
        stop_code: task.stop_code.map(|code| code.as_str().to_owned()),
        stopped_reason: task.stopped_reason,
        exit_code: ours.as_ref().and_then(|ours| ours.exit_code).map(i64::from),
        container_reason: ours.and_then(|ours| ours.reason),
        environment: environment
            .into_iter()
            .filter_map(|variable| Some((variable.name?, variable.value.unwrap_or_default())))
            .collect(),
    }
}
