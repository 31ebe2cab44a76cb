//! What ECS remembers of tasks: `ListTasks`, and client tokens.

use std::time::Duration;

use aws_sdk_ecs::{
    Client,
    error::ProvideErrorMetadata as _,
    operation::run_task::RunTaskOutput,
    types::{DesiredStatus, LaunchType},
};
use immortal_emulator::{Emulator, EntryKind, TaskDefinition};

use crate::{
    clients::{ecs, emulator, wait_for},
    ecs::{run, shell},
};

async fn start(script: &str) -> (Emulator, Client) {
    let emulator = emulator().await;
    emulator.register_task_definition(shell(script));
    let client = ecs(&emulator).await;
    (emulator, client)
}

fn arn(answer: &RunTaskOutput) -> String {
    answer.tasks()[0].task_arn().expect("there").to_owned()
}

async fn wait_until_stopped(emulator: &Emulator, tasks: usize) {
    let mut stopped = 0;
    wait_for(emulator, |entry| {
        stopped += usize::from(matches!(entry.kind, EntryKind::TaskStopped { .. }));
        (stopped == tasks).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_client_token_is_valid_for_an_hour_after_its_task() {
    let (emulator, client) = start("exit 0").await;
    let ask = || run(&client).client_token("t-1").send();
    let first = arn(&ask().await.expect("accepted"));
    wait_until_stopped(&emulator, 1).await;
    let repeated = ask().await.expect("the same again");
    let task = &repeated.tasks()[0];
    let told = (task.task_arn(), task.last_status(), task.desired_status());
    assert_eq!(told, (Some(first.as_str()), Some("STOPPED"), Some("STOPPED")));
    assert!(task.created_at().is_none() && task.started_by().is_none() && task.overrides().is_none(), "{task:?}");
    emulator.advance(Duration::from_mins(59));
    assert_eq!(arn(&ask().await.expect("the same again")), first);
    emulator.advance(Duration::from_mins(1));
    assert_ne!(arn(&ask().await.expect("the token's life is over")), first);
}

#[tokio::test]
async fn a_client_token_is_valid_for_a_day_at_most() {
    let (emulator, client) = start("exec sleep 100").await;
    let ask = || run(&client).client_token("t-1").send();
    let first = ask().await.expect("accepted");
    emulator.advance(Duration::from_mins(24 * 60 - 1));
    let repeated = ask().await.expect("the same again");
    assert_eq!(arn(&repeated), arn(&first));
    assert!(repeated.tasks()[0].created_at().is_some(), "it runs");
    emulator.advance(Duration::from_mins(1));
    assert_ne!(arn(&ask().await.expect("the token's life is over")), arn(&first));
}

#[tokio::test]
async fn tasks_are_listed_by_one_filter_and_forgotten_after_an_hour() {
    let (emulator, client) = start("exec sleep 100").await;
    emulator.register_task_definition(TaskDefinition::new("other", ["/bin/sh", "-c", "exit 0"]));
    let ours = arn(&run(&client).send().await.expect("accepted"));
    let other = arn(&run(&client).task_definition("other").started_by("r-2").send().await.expect("accepted"));
    wait_until_stopped(&emulator, 1).await;
    let table = [
        (client.list_tasks(), vec![&ours]),
        (client.list_tasks().family("runner"), vec![&ours]),
        (client.list_tasks().family("runner").launch_type(LaunchType::Fargate), vec![&ours]),
        (client.list_tasks().family("other"), vec![]),
        (client.list_tasks().family("other").desired_status(DesiredStatus::Stopped), vec![&other]),
        (client.list_tasks().started_by("r-1"), vec![&ours]),
        (client.list_tasks().started_by("r-2"), vec![]),
        (client.list_tasks().started_by("r-2").desired_status(DesiredStatus::Stopped), vec![&other]),
        (client.list_tasks().desired_status(DesiredStatus::Pending), vec![]),
        (client.list_tasks().service_name("web"), vec![]),
    ];
    for (request, expected) in table {
        let asked = format!("{request:?}");
        let listed = request.send().await.expect("listed");
        assert_eq!(listed.task_arns().iter().collect::<Vec<_>>(), expected, "{asked}");
    }
    for refused in [
        client.list_tasks().started_by("r-1").family("runner"),
        client.list_tasks().started_by("r-1").launch_type(LaunchType::Fargate),
        client.list_tasks().max_results(101),
        client.list_tasks().next_token("none"),
    ] {
        let error = refused.send().await.expect_err("refused");
        assert_eq!(error.code(), Some("InvalidParameterException"), "{error:?}");
    }
    emulator.advance(Duration::from_mins(61));
    let stopped = client.list_tasks().desired_status(DesiredStatus::Stopped).send().await.expect("listed");
    assert!(stopped.task_arns().is_empty());
}

#[tokio::test]
async fn a_long_list_comes_in_pages() {
    let (_emulator, client) = start("exec sleep 100").await;
    run(&client).count(5).send().await.expect("accepted");
    let mut pages = client.list_tasks().family("runner").max_results(2).into_paginator().send();
    let (mut sizes, mut arns) = (Vec::new(), Vec::new());
    while let Some(page) = pages.next().await {
        let page = page.expect("listed");
        sizes.push(page.task_arns().len());
        arns.extend(page.task_arns().to_vec());
    }
    assert_eq!(sizes, [2, 2, 1]);
    arns.sort();
    arns.dedup();
    assert_eq!(arns.len(), 5);
}
