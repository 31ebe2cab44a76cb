//! The ECS adapter: `RunTask` and `DescribeTasks`.
//!
//! Shapes: `botocore:ecs:RunTaskRequest`, `RunTaskResponse`, `DescribeTasksRequest`, `DescribeTasksResponse`.

use std::time::Duration;

use bytes::Bytes;
use hyper::{
    Method,
    header::{CONTENT_TYPE, HeaderName},
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{
    answer::{NotDone, Ran, Started},
    config::Config,
    deadline::within,
    overrides::Overrides,
    task::{Described, Task, created},
};
use crate::aws::{self, Aws, Service, Trouble};

/// The version of ECS's API, which its operations are called by.
const API: &str = "AmazonEC2ContainerServiceV20141113";

static TARGET: HeaderName = HeaderName::from_static("x-amz-target");

/// One task to be started.
#[derive(Debug)]
pub(super) struct Request<'a> {
    pub(super) token: String,
    pub(super) started_by: String,
    pub(super) spot: bool,
    pub(super) overrides: &'a Overrides,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RunTask<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    capacity_provider_strategy: Option<[CapacityProvider; 1]>,
    cluster: &'a str,
    count: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    launch_type: Option<&'static str>,
    network_configuration: NetworkConfiguration<'a>,
    overrides: &'a Overrides,
    started_by: &'a str,
    task_definition: &'a str,
    client_token: &'a str,
}

#[derive(Serialize)]
struct CapacityProvider {
    #[serde(rename = "capacityProvider")]
    name: &'static str,
    weight: u8,
    base: u8,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct NetworkConfiguration<'a> {
    awsvpc_configuration: Awsvpc<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Awsvpc<'a> {
    subnets: &'a [String],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    security_groups: &'a [String],
    assign_public_ip: &'static str,
}

#[derive(Serialize)]
struct DescribeTasks<'a> {
    cluster: &'a str,
    tasks: [&'a str; 1],
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RanTasks {
    tasks: Option<Vec<StartedTask>>,
    failures: Option<Vec<Failure>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct StartedTask {
    task_arn: Option<String>,
    created_at: Option<serde_json::Value>,
}

#[derive(Deserialize)]
struct Failure {
    reason: Option<String>,
    detail: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct DescribedTasks {
    tasks: Option<Vec<Described>>,
}

pub(super) async fn run_task(
    aws: &Aws,
    config: &Config,
    request: &Request<'_>,
    bound: Duration,
) -> Result<Ran, Trouble> {
    let ran: RanTasks = call(aws, "RunTask", &body(config, request), bound).await?;
    let started = |StartedTask { task_arn, created_at }| {
        let created = created_at.as_ref().and_then(created);
        task_arn.map(|arn| Started { arn, created, named: false })
    };
    let not_done =
        |Failure { reason, detail }| NotDone { reason: reason.unwrap_or_default(), detail: detail.unwrap_or_default() };
    Ok(Ran {
        tasks: ran.tasks.unwrap_or_default().into_iter().filter_map(started).collect(),
        failures: ran.failures.unwrap_or_default().into_iter().map(not_done).collect(),
    })
}

/// The task, or `None` where ECS doesn't know it: not yet, or no more.
pub(super) async fn describe_task(
    aws: &Aws,
    cluster: &str,
    arn: &str,
    bound: Duration,
) -> Result<Option<Task>, Trouble> {
    let described: DescribedTasks = call(aws, "DescribeTasks", &DescribeTasks { cluster, tasks: [arn] }, bound).await?;
    Ok(described.tasks.unwrap_or_default().into_iter().next().map(Task::from))
}

async fn call<T: DeserializeOwned>(
    aws: &Aws,
    operation: &str,
    body: &impl Serialize,
    bound: Duration,
) -> Result<T, Trouble> {
    let request = json_rpc(operation, body).map_err(|error| Trouble::Unsent(error.to_string()))?;
    within(bound, aws.json(&request)).await
}

fn json_rpc(operation: &str, body: &impl Serialize) -> serde_json::Result<aws::Request> {
    Ok(aws::Request {
        service: Service::Ecs,
        method: Method::POST,
        bucket: None,
        path: "/".to_owned(),
        headers: vec![
            (CONTENT_TYPE, "application/x-amz-json-1.1".to_owned()),
            (TARGET.clone(), format!("{API}.{operation}")),
        ],
        body: Bytes::from(serde_json::to_vec(body)?),
    })
}

fn body<'a>(config: &'a Config, request: &'a Request<'_>) -> RunTask<'a> {
    let network = &config.network;
    RunTask {
        capacity_provider_strategy: request.spot.then_some([CapacityProvider {
            name: "FARGATE_SPOT",
            weight: 1,
            base: 0,
        }]),
        cluster: &config.cluster,
        count: 1,
        launch_type: (!request.spot).then_some("FARGATE"),
        network_configuration: NetworkConfiguration {
            awsvpc_configuration: Awsvpc {
                subnets: &network.subnets,
                security_groups: &network.security_groups,
                assign_public_ip: if network.public_ip { "ENABLED" } else { "DISABLED" },
            },
        },
        overrides: request.overrides,
        started_by: &request.started_by,
        task_definition: &config.task_definition,
        client_token: &request.token,
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_ecs::{
        Client,
        types::{
            AssignPublicIp, AwsVpcConfiguration, CapacityProviderStrategyItem, ContainerOverride, EphemeralStorage,
            KeyValuePair, LaunchType, NetworkConfiguration, TaskOverride, TaskStopCode,
        },
    };

    use super::*;
    use crate::{
        aws::tests::{HERE, ours, read_by_theirs, theirs},
        context::Context,
        manifest::Manifest,
        order::{EventForm, Order},
    };

    /// The same task, in the words of the generated client.
    async fn ask(
        sdk: &aws_config::SdkConfig,
        config: &Config,
        request: &Request<'_>,
        order: &Order,
        manifest: &Manifest,
    ) {
        let variables = order
            .to_variables()
            .into_iter()
            .map(|(name, value)| KeyValuePair::builder().name(name).value(value).build());
        let integer = |number: u32| i32::try_from(number).expect("small");
        let told = ContainerOverride::builder()
            .name("runner")
            .set_environment(Some(variables.collect()))
            .set_cpu(manifest.cpu.map(integer))
            .set_memory(manifest.memory.map(integer));
        let storage = |size| EphemeralStorage::builder().size_in_gib(integer(size)).build();
        let overrides = TaskOverride::builder()
            .container_overrides(told.build())
            .set_cpu(manifest.cpu.map(|cpu| cpu.to_string()))
            .set_memory(manifest.memory.map(|memory| memory.to_string()))
            .set_ephemeral_storage(manifest.storage.map(storage));
        let network = AwsVpcConfiguration::builder()
            .set_subnets(Some(config.network.subnets.clone()))
            .set_security_groups(Some(config.network.security_groups.clone()).filter(|groups| !groups.is_empty()))
            .assign_public_ip(if config.network.public_ip {
                AssignPublicIp::Enabled
            } else {
                AssignPublicIp::Disabled
            });
        let network = NetworkConfiguration::builder().awsvpc_configuration(network.build().expect("it has subnets"));
        let spot = CapacityProviderStrategyItem::builder().capacity_provider("FARGATE_SPOT").weight(1);
        let call = Client::new(sdk)
            .run_task()
            .cluster(&config.cluster)
            .task_definition(&config.task_definition)
            .count(1)
            .client_token(&request.token)
            .started_by(&request.started_by)
            .network_configuration(network.build())
            .overrides(overrides.build());
        let call = if request.spot {
            call.capacity_provider_strategy(spot.build().expect("it has a name"))
        } else {
            call.launch_type(LaunchType::Fargate)
        };
        // What comes back is nothing that ECS would say.
        let _ = call.send().await;
    }

    #[tokio::test]
    async fn requests_are_those_of_the_generated_client_to_the_byte() {
        let order = Order {
            event: EventForm::Inline("{\"a\": \"\u{e4}\\u00e4\\n\u{1F600}\u{7f}/\"}".to_owned()),
            context: Context { aws_request_id: "r-1".into(), ..Context::default() },
            handler_path: None,
            attempt: 1,
            interruptions: 0,
            limit: Some(60),
        };
        let sized = Manifest { cpu: Some(1024), memory: Some(4096), storage: Some(50), ..Manifest::new("h", "p", "1") };
        for (manifest, spot, more) in [
            (Manifest::new("h", "p", "1"), false, [("IMMORTAL_ASSIGN_PUBLIC_IP", "DISABLED")]),
            (sized, true, [("IMMORTAL_SECURITY_GROUPS", "sg-1,sg-2")]),
        ] {
            let base = [("AWS_LAMBDA_FUNCTION_NAME", "ingestDlq"), ("RUNNER", "runner:3"), ("SUBNET", "s-1,s-2")];
            let lookup = |name: &str| {
                base.iter().chain(&more).find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
            };
            let config = Config::read(lookup).expect("complete");
            let overrides = Overrides::new("runner", &order, &manifest);
            let request = Request { token: "t".into(), started_by: "r-1".into(), spot, overrides: &overrides };
            let asked = theirs(HERE, async |sdk| ask(&sdk, &config, &request, &order, &manifest).await).await;
            let sent = ours(&json_rpc("RunTask", &body(&config, &request)).expect("plain data"), HERE).await;
            assert_eq!(sent, asked);
            assert!(asked.body.contains(&serde_json::to_string(&overrides).expect("plain data")), "what is measured");
        }
        let asked = theirs(HERE, async |sdk| Client::new(&sdk).describe_tasks().cluster("c").tasks("t").send().await);
        let sent = json_rpc("DescribeTasks", &DescribeTasks { cluster: "c", tasks: ["t"] }).expect("plain data");
        assert_eq!(ours(&sent, HERE).await, asked.await);
    }

    #[tokio::test]
    async fn a_task_is_read_as_the_generated_client_does() {
        const ANSWER: &str = r#"{"tasks":[{"taskArn":"t","clusterArn":"c","taskDefinitionArn":"d","lastStatus":"STOPPED",
            "createdAt":1.692806123456E9,"stopCode":"SpotInterruption","stoppedReason":"taken","attachments":[],
            "containers":[{"name":"log"},{"name":"runner","exitCode":143,"reason":"r"}],"tags":null,
            "overrides":{"containerOverrides":[{"name":"runner","environment":[{"name":"A","value":"1"}]}],"cpu":"256"}}],
            "failures":[]}"#;
        let described: DescribedTasks = serde_json::from_str(ANSWER).expect("JSON");
        let task = described.tasks.into_iter().flatten().map(Task::from).next().expect("one");
        let theirs = read_by_theirs(ANSWER, async |sdk| {
            Client::new(&sdk).describe_tasks().tasks("t").send().await.expect("an answer")
        });
        let theirs = theirs.await;
        let [theirs] = theirs.tasks() else { panic!("{theirs:?}") };
        let text = |text: Option<&str>| text.map(str::to_owned);
        assert_eq!((Some(task.arn), Some(task.status)), (text(theirs.task_arn()), text(theirs.last_status())));
        assert_eq!((task.cluster, task.definition), (text(theirs.cluster_arn()), text(theirs.task_definition_arn())));
        assert_eq!(task.stop_code.as_deref(), theirs.stop_code().map(TaskStopCode::as_str));
        assert_eq!(task.stopped_reason, text(theirs.stopped_reason()));
        assert_eq!(task.created, theirs.created_at().and_then(|at| at.to_millis().ok()));
        let codes = |name: &str| theirs.containers().iter().find(|it| it.name() == Some(name))?.exit_code();
        for container in task.containers {
            assert_eq!(container.exit_code, codes(&container.name).map(i64::from), "{}", container.name);
        }
        assert_eq!(task.overrides[0].environment, [("A".to_owned(), "1".to_owned())]);
    }
}
