//! No process and no file outlives its task or the emulator.

use std::{path::Path, time::Duration};

use immortal_emulator::{CLOCK_VARIABLE, Emulator, EntryKind, Function, TaskDefinition};

use crate::{
    bootstrap::script,
    clients::{ecs, emulator, wait_for},
    ecs::run,
};

/// Starts a process in another process group, as a child of a task may be.
const STRAY: &str = "set -m; sleep 1000 & echo pid $!";

async fn logged_pid(emulator: &Emulator) -> String {
    wait_for(emulator, |entry| match &entry.kind {
        EntryKind::Log { line, .. } => line.strip_prefix("pid ").map(str::to_owned),
        _ => None,
    })
    .await
}

async fn run_task(script: &str) -> Emulator {
    let emulator = emulator().await;
    emulator.register_task_definition(TaskDefinition::new("runner", ["/bin/sh", "-c", script]));
    run(&ecs(&emulator).await).send().await.expect("accepted");
    emulator
}

#[tokio::test]
async fn no_process_outlives_its_task() {
    let emulator = run_task(STRAY).await;
    let pid = logged_pid(&emulator).await;
    wait_for(&emulator, |entry| matches!(entry.kind, EntryKind::TaskStopped { .. }).then_some(())).await;
    wait_until_gone(&pid).await;
}

#[tokio::test]
async fn no_process_outlives_its_emulator() {
    let emulator = run_task(&format!("{STRAY}; wait")).await;
    let pid = logged_pid(&emulator).await;
    assert!(Path::new("/proc").join(&pid).join("exe").read_link().is_ok());
    drop(emulator);
    wait_until_gone(&pid).await;
}

#[tokio::test]
async fn no_file_outlives_its_emulator() {
    let emulator = emulator().await;
    emulator.deploy(Function::new("f", script("#!/bin/sh\necho root $LAMBDA_TASK_ROOT; sleep 1000"))).expect("sound");
    emulator.invoke("f", "{}").await.expect("accepted");
    let root = wait_for(&emulator, |entry| match &entry.kind {
        EntryKind::Log { line, .. } => line.strip_prefix("root ").map(str::to_owned),
        _ => None,
    })
    .await;
    assert!(Path::new(&root).join("bootstrap").exists());
    emulator.shutdown().await;
    assert!(Path::new(&root).ancestors().nth(2).is_some_and(|directory| !directory.exists()), "{root}");
}

/// Waits until a killed process has disappeared. It is not our child, so its new parent reaps it.
async fn wait_until_gone(pid: &str) {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(10);
    while Path::new("/proc").join(pid).join("exe").read_link().is_ok() {
        assert!(tokio::time::Instant::now() < deadline, "process {pid} is still running");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_process_can_read_how_far_the_clock_was_moved() {
    let emulator = emulator().await;
    let script = format!("cat ${CLOCK_VARIABLE}; echo; exec sleep 100");
    emulator.register_task_definition(TaskDefinition::new("runner", ["/bin/sh", "-c", &script]));
    emulator.advance(Duration::from_hours(1));
    emulator.advance(Duration::from_secs(1));
    run(&ecs(&emulator).await).send().await.expect("accepted");
    let line = wait_for(&emulator, |entry| match &entry.kind {
        EntryKind::Log { line, .. } => Some(line.clone()),
        _ => None,
    });
    assert_eq!(line.await, "3601000");
}
