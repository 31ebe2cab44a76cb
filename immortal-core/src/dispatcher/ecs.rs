//! The ECS client: `RunTask` and `DescribeTasks`, in our own types.

use std::time::Duration;

use aws_config::SdkConfig;
use aws_sdk_ecs::{
    Client,
    operation::run_task::RunTaskError,
    types::{
        self, AssignPublicIp, AwsVpcConfiguration, CapacityProviderStrategyItem, EphemeralStorage, KeyValuePair,
        LaunchType, NetworkConfiguration, TaskOverride,
    },
};
use tokio::time::timeout;

use super::{
    answer::{NotDone, Ran, Started, Trouble},
    config::Config,
    overrides::Overrides,
    sdk,
    task::{Container, Override, Task},
};

/// One task to be started.
#[derive(Debug)]
pub(super) struct Request<'a> {
    pub(super) token: String,
    pub(super) started_by: String,
    pub(super) spot: bool,
    pub(super) overrides: &'a Overrides,
}

#[derive(Debug)]
pub(super) struct Ecs {
    client: Client,
}

impl Ecs {
    pub(super) fn new(config: &SdkConfig) -> Self {
        Self { client: Client::new(config) }
    }

    pub(super) async fn run_task(
        &self,
        config: &Config,
        request: &Request<'_>,
        bound: Duration,
    ) -> Result<Ran, Trouble> {
        let call = self
            .client
            .run_task()
            .cluster(&config.cluster)
            .task_definition(&config.task_definition)
            .count(1)
            .client_token(&request.token)
            .started_by(&request.started_by)
            .network_configuration(network(config)?)
            .overrides(overrides(request.overrides));
        let call =
            if request.spot { call.capacity_provider_strategy(spot()?) } else { call.launch_type(LaunchType::Fargate) };
        let output = answered(timeout(bound, call.send()).await, bound)?.map_err(|error| {
            let mut trouble = sdk::trouble(&error);
            if let (Trouble::Refused(refused), Some(RunTaskError::ConflictException(conflict))) =
                (&mut trouble, error.as_service_error())
            {
                refused.resource_ids = conflict.resource_ids().to_vec();
            }
            trouble
        })?;
        let started = |task: types::Task| {
            let created = task.created_at().and_then(|time| time.to_millis().ok());
            task.task_arn.map(|arn| Started { arn, created, named: false })
        };
        Ok(Ran {
            tasks: output.tasks.unwrap_or_default().into_iter().filter_map(started).collect(),
            failures: output.failures.unwrap_or_default().into_iter().map(not_done).collect(),
        })
    }

    /// The task, or `None` where ECS doesn't know it: not yet, or no more.
    pub(super) async fn describe_task(
        &self,
        cluster: &str,
        arn: &str,
        bound: Duration,
    ) -> Result<Option<Task>, Trouble> {
        let call = self.client.describe_tasks().cluster(cluster).tasks(arn);
        let output = answered(timeout(bound, call.send()).await, bound)?.map_err(|error| sdk::trouble(&error))?;
        Ok(output.tasks.unwrap_or_default().into_iter().next().map(task))
    }
}

/// A call that isn't answered in time may have taken effect all the same.
pub(super) fn answered<T>(result: Result<T, tokio::time::error::Elapsed>, bound: Duration) -> Result<T, Trouble> {
    result.map_err(|_| Trouble::Unanswered(format!("no answer within {} ms", bound.as_millis())))
}

fn network(config: &Config) -> Result<NetworkConfiguration, Trouble> {
    let network = &config.network;
    let awsvpc = AwsVpcConfiguration::builder()
        .set_subnets(Some(network.subnets.clone()))
        .set_security_groups(Some(network.security_groups.clone()).filter(|groups| !groups.is_empty()))
        .assign_public_ip(if network.public_ip { AssignPublicIp::Enabled } else { AssignPublicIp::Disabled })
        .build()
        .map_err(|error| Trouble::Unsent(error.to_string()))?;
    Ok(NetworkConfiguration::builder().awsvpc_configuration(awsvpc).build())
}

fn spot() -> Result<CapacityProviderStrategyItem, Trouble> {
    CapacityProviderStrategyItem::builder()
        .capacity_provider("FARGATE_SPOT")
        .weight(1)
        .build()
        .map_err(|error| Trouble::Unsent(error.to_string()))
}

fn overrides(overrides: &Overrides) -> TaskOverride {
    let container = overrides.container();
    let variables = container
        .environment
        .iter()
        .map(|variable| KeyValuePair::builder().name(variable.name).value(&variable.value).build());
    TaskOverride::builder()
        .container_overrides(
            types::ContainerOverride::builder()
                .name(&container.name)
                .set_environment(Some(variables.collect()))
                .set_cpu(container.cpu)
                .set_memory(container.memory)
                .build(),
        )
        .set_cpu(overrides.cpu().map(str::to_owned))
        .set_memory(overrides.memory().map(str::to_owned))
        .set_ephemeral_storage(overrides.storage().map(|size| EphemeralStorage::builder().size_in_gib(size).build()))
        .build()
}

fn not_done(failure: types::Failure) -> NotDone {
    NotDone { reason: failure.reason.unwrap_or_default(), detail: failure.detail.unwrap_or_default() }
}

fn task(task: types::Task) -> Task {
    let created = task.created_at().and_then(|time| time.to_millis().ok());
    let containers = task.containers.unwrap_or_default().into_iter().map(|container| Container {
        name: container.name.unwrap_or_default(),
        exit_code: container.exit_code.map(i64::from),
    });
    let told = task.overrides.and_then(|overrides| overrides.container_overrides).unwrap_or_default();
    let overrides = told.into_iter().map(|told| Override {
        name: told.name.unwrap_or_default(),
        environment: told
            .environment
            .unwrap_or_default()
            .into_iter()
            .map(|pair| (pair.name.unwrap_or_default(), pair.value.unwrap_or_default()))
            .collect(),
    });
    Task {
        arn: task.task_arn.unwrap_or_default(),
        cluster: task.cluster_arn,
        definition: task.task_definition_arn,
        status: task.last_status.unwrap_or_default(),
        created,
        stop_code: task.stop_code.map(|code| code.as_str().to_owned()),
        stopped_reason: task.stopped_reason,
        containers: containers.collect(),
        overrides: overrides.collect(),
    }
}
