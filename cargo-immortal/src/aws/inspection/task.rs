//! ECS: task definitions, clusters, and what stopped tasks say.

use std::collections::BTreeMap;

use aws_sdk_ecs::{
    Client,
    types::{DesiredStatus, Task},
};

use crate::aws::{AwsConnection, CallError};

/// A task definition, and in it the runner's container.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct TaskDefinitionSettings {
    pub(crate) arn: String,
    /// `X86_64` or `ARM64`.
    pub(crate) architecture: String,
    pub(crate) is_fargate: bool,
    pub(crate) task_role: Option<String>,
    pub(crate) execution_role: Option<String>,
    /// The names of its containers.
    pub(crate) containers: Vec<String>,
    /// Of the runner's container.
    pub(crate) image: String,
    /// In seconds; `None`: the default.
    pub(crate) stop_timeout: Option<u32>,
    /// Whether the container has a limit of its own, which an attempt of another size meets.
    pub(crate) has_own_limits: bool,
    pub(crate) variables: BTreeMap<String, String>,
    /// The options of its log driver, where that is `awslogs`.
    pub(crate) log_options: Option<BTreeMap<String, String>>,
}

/// A cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ClusterSettings {
    pub(crate) name: String,
    pub(crate) arn: String,
    /// `ACTIVE`, …
    pub(crate) status: String,
    pub(crate) capacity_providers: Vec<String>,
}

/// Why a task stopped.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct StoppedTaskReason {
    pub(crate) task: String,
    pub(crate) stop_code: String,
    /// The task's reason, and its containers'.
    pub(crate) reason: String,
    /// Whether the runner ran at all.
    pub(crate) started: bool,
}

impl AwsConnection {
    fn task_service(&self) -> Client {
        Client::new(&self.config)
    }

    /// A task definition by family or ARN, and the container of this name in it.
    pub(crate) async fn task_definition_settings(
        &self,
        definition: &str,
        container: &str,
    ) -> Result<TaskDefinitionSettings, CallError> {
        let output = self.task_service().describe_task_definition().task_definition(definition).send().await;
        let failed =
            |error| CallError::new("ecs:DescribeTaskDefinition", &format!("the task definition {definition}"), error);
        let definition = output
            .map_err(failed)?
            .task_definition
            .unwrap_or_else(|| aws_sdk_ecs::types::TaskDefinition::builder().build());
        let architecture = definition.runtime_platform.and_then(|platform| platform.cpu_architecture);
        let fargate = definition.requires_compatibilities.unwrap_or_default();
        let containers = definition.container_definitions.unwrap_or_default();
        let mut settings = TaskDefinitionSettings {
            arn: definition.task_definition_arn.unwrap_or_default(),
            architecture: architecture.map_or_else(|| "X86_64".to_owned(), |one| one.as_str().to_owned()),
            is_fargate: fargate.iter().any(|one| one.as_str() == "FARGATE"),
            task_role: definition.task_role_arn,
            execution_role: definition.execution_role_arn,
            containers: containers.iter().filter_map(|container| container.name.clone()).collect(),
            ..TaskDefinitionSettings::default()
        };
        let runner = containers.into_iter().find(|one| one.name.as_deref() == Some(container));
        if let Some(runner) = runner {
            settings.has_own_limits = runner.cpu > 0 || runner.memory.is_some() || runner.memory_reservation.is_some();
            settings.image = runner.image.unwrap_or_default();
            settings.stop_timeout = runner.stop_timeout.and_then(|seconds| seconds.try_into().ok());
            let variables = runner.environment.unwrap_or_default().into_iter();
            settings.variables = variables.filter_map(|pair| Some((pair.name?, pair.value?))).collect();
            let logs = runner.log_configuration.filter(|logs| logs.log_driver.as_str() == "awslogs");
            settings.log_options = logs.map(|logs| logs.options.unwrap_or_default().into_iter().collect());
        }
        Ok(settings)
    }

    /// A cluster by name or ARN; `None` where there is none.
    pub(crate) async fn cluster_settings(&self, cluster: &str) -> Result<Option<ClusterSettings>, CallError> {
        let output = self.task_service().describe_clusters().clusters(cluster).send().await;
        let failed = |error| CallError::new("ecs:DescribeClusters", &format!("the cluster {cluster}"), error);
        let clusters = output.map_err(failed)?.clusters.unwrap_or_default();
        Ok(clusters.into_iter().next().map(|cluster| ClusterSettings {
            name: cluster.cluster_name.unwrap_or_default(),
            arn: cluster.cluster_arn.unwrap_or_default(),
            status: cluster.status.unwrap_or_default(),
            capacity_providers: cluster.capacity_providers.unwrap_or_default(),
        }))
    }

    /// Why the tasks of a family stopped, of those that ECS remembers: an hour's, and 100 at most.
    ///
    /// Source: `tasks` in <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DescribeTasks.html>
    pub(crate) async fn stopped_task_reasons(
        &self,
        cluster: &str,
        family: &str,
    ) -> Result<Vec<StoppedTaskReason>, CallError> {
        let resource = format!("the tasks of {family}");
        let call = self.task_service().list_tasks().cluster(cluster).family(family);
        let output = call.desired_status(DesiredStatus::Stopped).send().await;
        let tasks = output.map_err(|error| CallError::new("ecs:ListTasks", &resource, error))?;
        let tasks = tasks.task_arns.unwrap_or_default();
        if tasks.is_empty() {
            return Ok(Vec::new());
        }
        let output = self.task_service().describe_tasks().cluster(cluster).set_tasks(Some(tasks)).send().await;
        let output = output.map_err(|error| CallError::new("ecs:DescribeTasks", &resource, error))?;
        Ok(output.tasks.unwrap_or_default().into_iter().map(reason).collect())
    }
}

fn reason(task: Task) -> StoppedTaskReason {
    let containers = task.containers.unwrap_or_default();
    let started = task.started_at.is_some() || containers.iter().any(|container| container.exit_code.is_some());
    let reasons = task.stopped_reason.into_iter();
    let reasons: Vec<_> = reasons.chain(containers.into_iter().filter_map(|container| container.reason)).collect();
    StoppedTaskReason {
        task: task.task_arn.unwrap_or_default(),
        stop_code: task.stop_code.map(|code| code.as_str().to_owned()).unwrap_or_default(),
        reason: reasons.join(": "),
        started,
    }
}
