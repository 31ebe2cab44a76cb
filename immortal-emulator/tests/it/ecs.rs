//! ECS through the real client, with tasks as processes.

use aws_sdk_ecs::{
    Client,
    error::ProvideErrorMetadata as _,
    operation::run_task::builders::RunTaskFluentBuilder,
    types::{
        AssignPublicIp, AwsVpcConfiguration, CapacityProviderStrategyItem, ContainerOverride, KeyValuePair, LaunchType,
        LogDriver, NetworkConfiguration, TaskOverride, TaskStopCode as Code,
    },
};
use immortal_emulator::{
    Emulator, EmulatorOptions, EntryKind, Fault, FaultKind, FaultedCalls, StopCode, TaskDefinition, TaskLog,
};
use std::time::Duration;

use crate::clients::{ecs, emulator, wait_for};

pub(crate) fn shell(script: &str) -> TaskDefinition {
    TaskDefinition::new("runner", ["/bin/sh", "-c", script])
}

fn network() -> NetworkConfiguration {
    let vpc = AwsVpcConfiguration::builder().subnets("subnet-1").assign_public_ip(AssignPublicIp::Enabled);
    NetworkConfiguration::builder().awsvpc_configuration(vpc.build().expect("it has subnets")).build()
}

fn overrides(name: &str, value: &str) -> TaskOverride {
    let variable = KeyValuePair::builder().name(name).value(value).build();
    let container = ContainerOverride::builder().name("runner").environment(variable).build();
    TaskOverride::builder().container_overrides(container).build()
}

pub(crate) fn run(client: &Client) -> RunTaskFluentBuilder {
    client
        .run_task()
        .task_definition("runner")
        .launch_type(LaunchType::Fargate)
        .network_configuration(network())
        .started_by("r-1")
}

async fn wait_until_stopped(emulator: &Emulator) -> (Option<i32>, StopCode, String) {
    wait_for(emulator, |entry| match &entry.kind {
        EntryKind::TaskStopped { exit_code, stop_code, reason } => Some((*exit_code, *stop_code, reason.clone())),
        _ => None,
    })
    .await
}

#[tokio::test]
async fn a_task_runs_to_its_end_and_can_be_described() {
    let emulator = emulator().await;
    let definition = shell("echo $GREETING $AWS_EXECUTION_ENV; exit 7");
    let definition = emulator.register_task_definition(definition);
    let client = ecs(&emulator).await;
    let answer = run(&client).overrides(overrides("GREETING", "hello")).send().await.expect("accepted");
    let task = &answer.tasks()[0];
    let arn = task.task_arn().expect("there").to_owned();
    assert_eq!((task.last_status(), task.task_definition_arn()), (Some("PROVISIONING"), Some(definition.as_str())));
    assert_eq!(wait_until_stopped(&emulator).await.0, Some(7));
    let lines = emulator.journal().into_iter().find_map(|entry| match entry.kind {
        EntryKind::Log { line, .. } => Some(line),
        _ => None,
    });
    assert_eq!(lines.as_deref(), Some("hello AWS_ECS_FARGATE"));
    let described = client.describe_tasks().tasks(&arn).send().await.expect("described");
    let task = &described.tasks()[0];
    assert_eq!((task.last_status(), task.stop_code()), (Some("STOPPED"), Some(&Code::EssentialContainerExited)));
    assert_eq!(task.containers()[0].exit_code(), Some(7));
    assert!(task.stopped_at() >= task.created_at());
    let overrides = task.overrides().expect("there").container_overrides();
    assert_eq!(overrides[0].environment()[0].value(), Some("hello"));
    let listed = client.list_tasks().started_by("r-1").desired_status("STOPPED".into()).send().await.expect("listed");
    assert_eq!(listed.task_arns(), std::slice::from_ref(&arn));
    assert!(client.list_tasks().started_by("r-1").send().await.expect("listed").task_arns().is_empty());
    emulator.advance(Duration::from_hours(2));
    let described = client.describe_tasks().tasks(&arn).send().await.expect("described");
    assert_eq!(described.failures()[0].reason(), Some("MISSING"), "stopped tasks are forgotten");
}

#[tokio::test]
async fn a_task_definition_says_where_its_tasks_log_to() {
    let emulator = emulator().await;
    emulator.register_task_definition(shell("exit 0"));
    let log = Some(TaskLog { group: "/aws/ecs/ingest".into(), stream_prefix: "task".into() });
    let arn = emulator.register_task_definition(TaskDefinition { log, ..shell("exit 0") });
    let client = ecs(&emulator).await;
    let describe = async |named: &str| {
        let described = client.describe_task_definition().task_definition(named).send().await;
        described.map(|described| described.task_definition.expect("a definition"))
    };
    for named in ["runner", "runner:2", &arn] {
        let definition = describe(named).await.expect(named);
        assert_eq!((definition.family(), definition.revision()), (Some("runner"), 2));
        assert_eq!(definition.task_definition_arn(), Some(arn.as_str()));
        let container = &definition.container_definitions()[0];
        assert_eq!(container.name(), Some("runner"));
        let logging = container.log_configuration().expect("it logs");
        assert_eq!(logging.log_driver(), &LogDriver::Awslogs);
        let options = logging.options().expect("it has options");
        assert_eq!(options["awslogs-group"], "/aws/ecs/ingest");
        assert_eq!(options["awslogs-stream-prefix"], "task");
    }
    let first = describe("runner:1").await.expect("the revision before");
    assert!(first.container_definitions()[0].log_configuration().is_none());
    let error = describe("none").await.expect_err("there is none");
    assert_eq!(error.code(), Some("ClientException"));
}

#[tokio::test]
async fn a_client_token_starts_one_task() {
    let emulator = emulator().await;
    emulator.register_task_definition(shell("exit 0"));
    let client = ecs(&emulator).await;
    let arn = |answer: aws_sdk_ecs::operation::run_task::RunTaskOutput| answer.tasks()[0].task_arn().map(str::to_owned);
    let ask = |value: &str| run(&client).client_token("t-1").overrides(overrides("A", value)).send();
    let first = arn(ask("1").await.expect("accepted"));
    assert_eq!(arn(ask("1").await.expect("the same again")), first);
    let error = ask("2").await.expect_err("another request").into_service_error();
    match error {
        aws_sdk_ecs::operation::run_task::RunTaskError::ConflictException(conflict) => {
            assert_eq!(conflict.resource_ids().first(), first.as_ref());
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn invalid_requests_are_rejected_as_by_ecs() {
    let emulator = emulator().await;
    emulator.register_task_definition(shell("exit 0"));
    emulator.create_cluster("plain", &["FARGATE"]);
    let client = ecs(&emulator).await;
    let spot = CapacityProviderStrategyItem::builder().capacity_provider("FARGATE_SPOT").build().expect("named");
    let bare = || client.run_task().task_definition("runner").network_configuration(network());
    let table = [
        (run(&client).cluster("none"), "ClusterNotFoundException", "Cluster not found."),
        (run(&client).task_definition("none"), "ClientException", "TaskDefinition not found."),
        (run(&client).task_definition("runner:2"), "ClientException", "TaskDefinition not found."),
        (run(&client).client_token("t".repeat(65)), "InvalidParameterException", "clientToken"),
        (run(&client).client_token("a b"), "InvalidParameterException", "clientToken"),
        (run(&client).started_by("s".repeat(129)), "InvalidParameterException", "startedBy"),
        (run(&client).started_by("a:b"), "InvalidParameterException", "startedBy"),
        (run(&client).count(11), "InvalidParameterException", "Count"),
        (run(&client).capacity_provider_strategy(spot.clone()), "InvalidParameterException", "both a launch type"),
        (bare(), "InvalidParameterException", "No Container Instances"),
        (bare().cluster("plain").capacity_provider_strategy(spot), "InvalidParameterException", "not associated"),
        (
            client.run_task().task_definition("runner").launch_type(LaunchType::Fargate),
            "InvalidParameterException",
            "Network",
        ),
        (run(&client).overrides(overrides("A", &"x".repeat(8200))), "InvalidParameterException", "at most 8192"),
    ];
    for (request, code, message) in table {
        let error = request.send().await.expect_err(message);
        assert_eq!(error.code(), Some(code), "{message}");
        assert!(error.message().is_some_and(|text| text.contains(message)), "{error:?}");
    }
    let started = emulator.journal().iter().any(|entry| matches!(entry.kind, EntryKind::TaskStarted { .. }));
    assert!(!started);
}

#[tokio::test]
async fn a_task_that_ignores_sigterm_ends_at_sigkill() {
    for (script, exit_code) in [
        ("trap 'echo bye; exit 3' TERM; echo up; while :; do sleep 0.01; done", 3),
        ("trap '' TERM; echo up; while :; do sleep 0.01; done", 137),
        ("echo up; exec sleep 100", 143),
    ] {
        let emulator = emulator().await;
        emulator.register_task_definition(TaskDefinition { stop_timeout: Duration::from_millis(300), ..shell(script) });
        let client = ecs(&emulator).await;
        let answer = run(&client).send().await.expect("accepted");
        wait_for(&emulator, |entry| matches!(&entry.kind, EntryKind::Log { line, .. } if line == "up").then_some(()))
            .await;
        let arn = answer.tasks()[0].task_arn().expect("there");
        client.stop_task().task(arn).reason("enough").send().await.expect("told");
        assert_eq!(
            wait_until_stopped(&emulator).await,
            (Some(exit_code), StopCode::UserInitiated, "enough".to_owned())
        );
    }
}

#[tokio::test]
async fn tasks_fail_with_each_injected_fault() {
    let after = Duration::from_millis(50);
    let interrupt = FaultKind::Interrupt { after, stop_code: StopCode::SpotInterruption };
    for (kind, expected) in [
        (FaultKind::FailToStart("ResourceInitializationError"), (None, StopCode::TaskFailedToStart)),
        (interrupt, (Some(143), StopCode::SpotInterruption)),
        (FaultKind::OutOfMemory { after }, (Some(137), StopCode::EssentialContainerExited)),
    ] {
        let emulator = emulator().await;
        emulator.register_task_definition(shell("exec sleep 100"));
        emulator.inject(Fault { operation: "RunTask", kind, calls: FaultedCalls::Next(1) });
        let client = ecs(&emulator).await;
        run(&client).send().await.expect("accepted");
        let (exit_code, stop_code, _) = wait_until_stopped(&emulator).await;
        assert_eq!((exit_code, stop_code), expected);
    }
}

#[tokio::test]
async fn calls_fail_with_each_injected_fault() {
    let emulator = emulator().await;
    emulator.register_task_definition(shell("exec sleep 100"));
    let client = ecs(&emulator).await;
    let table = [
        (FaultKind::Throttle, Some("ThrottlingException"), 0),
        (FaultKind::Status(500), Some("ServerException"), 0),
        (FaultKind::AccessDenied, Some("AccessDeniedException"), 0),
        (FaultKind::ResetBefore, None, 0),
        (FaultKind::ResetAfter, None, 1),
        (FaultKind::Conflict(vec!["arn:task".into()]), Some("ConflictException"), 1),
        (FaultKind::RequestLimitExceeded, Some("InvalidParameterException"), 1),
        (FaultKind::OverridesTooLong, Some("InvalidParameterException"), 1),
    ];
    for (kind, code, tasks) in table {
        emulator.inject(Fault { operation: "RunTask", kind, calls: FaultedCalls::Next(1) });
        let error = run(&client).send().await.expect_err("scripted");
        assert_eq!(error.code(), code);
        let running = client.list_tasks().send().await.expect("listed").task_arns().len();
        assert_eq!(running, tasks, "{error:?}");
    }
    emulator.inject(Fault {
        operation: "RunTask",
        kind: FaultKind::Failures("Capacity is unavailable"),
        calls: FaultedCalls::Next(1),
    });
    let answer = run(&client).send().await.expect("a 200");
    assert_eq!((answer.tasks().len(), answer.failures()[0].reason()), (0, Some("Capacity is unavailable")));
    emulator.inject(Fault { operation: "RunTask", kind: FaultKind::Empty, calls: FaultedCalls::Next(1) });
    let answer = run(&client).send().await.expect("a 200");
    assert!(answer.tasks().is_empty() && answer.failures().is_empty());
}

#[tokio::test]
async fn run_task_is_throttled_at_twenty_calls_a_second() {
    let emulator = Emulator::start(EmulatorOptions::default()).await.expect("the emulator starts");
    emulator.inject(Fault { operation: "RunTask", kind: FaultKind::Empty, calls: FaultedCalls::All });
    let client = ecs(&emulator).await;
    let calls: Vec<_> = (0..60).map(|_| tokio::spawn(run(&client).send())).collect();
    let mut throttled = 0;
    for call in calls {
        if let Err(error) = call.await.expect("no panic") {
            assert_eq!(error.code(), Some("ThrottlingException"));
            throttled += 1;
        }
    }
    assert!((1..=40).contains(&throttled), "{throttled} of 60");
}

#[tokio::test]
async fn a_task_that_exceeds_its_memory_is_killed() {
    let emulator = emulator().await;
    // `tail` keeps the whole input in memory: more than the 512 MiB of the task.
    emulator.register_task_definition(shell("head -c 900000000 /dev/zero | tail -c 900000000 | sleep 60"));
    let client = ecs(&emulator).await;
    let task = run(&client).send().await.expect("accepted").tasks()[0].task_arn().expect("there").to_owned();
    let (exit_code, stop_code, _) = wait_until_stopped(&emulator).await;
    assert_eq!((exit_code, stop_code), (Some(137), StopCode::EssentialContainerExited));
    let described = client.describe_tasks().tasks(task).send().await.expect("known");
    let reason = described.tasks()[0].containers()[0].reason().expect("a reason");
    assert_eq!(reason, "OutOfMemoryError: Container killed due to memory usage");
}
