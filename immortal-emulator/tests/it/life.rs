//! What the emulator leaves behind: nothing.

use std::{path::Path, time::Duration};

use immortal_emulator::{CLOCK_VARIABLE, Emulator, EntryKind, Function, TaskDefinition};

use crate::{
    bootstrap::script,
    clients::{ecs, emulator, until},
    ecs::run,
};

/// Leaves a process in another group than its own, as a task's own child may be.
const STRAY: &str = "set -m; sleep 1000 & echo pid $!";

async fn pid(emulator: &Emulator) -> String {
    until(emulator, |entry| match &entry.kind {
        EntryKind::Log { line, .. } => line.strip_prefix("pid ").map(str::to_owned),
        _ => None,
    })
    .await
}

async fn task(script: &str) -> Emulator {
    let emulator = emulator().await;
    emulator.register_task_definition(TaskDefinition::new("runner", ["/bin/sh", "-c", script]));
    run(&ecs(&emulator).await).send().await.expect("accepted");
    emulator
}

#[tokio::test]
async fn no_process_outlives_its_task() {
    let emulator = task(STRAY).await;
    let pid = pid(&emulator).await;
    until(&emulator, |entry| matches!(entry.kind, EntryKind::TaskStopped { .. }).then_some(())).await;
    gone(&pid).await;
}

#[tokio::test]
async fn no_process_outlives_its_emulator() {
    let emulator = task(&format!("{STRAY}; wait")).await;
    let pid = pid(&emulator).await;
    assert!(Path::new("/proc").join(&pid).join("exe").read_link().is_ok());
    drop(emulator);
    gone(&pid).await;
}

#[tokio::test]
async fn no_file_outlives_its_emulator() {
    let emulator = emulator().await;
    emulator.deploy(Function::new("f", script("#!/bin/sh\necho root $LAMBDA_TASK_ROOT; sleep 1000"))).expect("sound");
    emulator.invoke("f", "{}").await.expect("accepted");
    let root = until(&emulator, |entry| match &entry.kind {
        EntryKind::Log { line, .. } => line.strip_prefix("root ").map(str::to_owned),
        _ => None,
    })
    .await;
    assert!(Path::new(&root).join("bootstrap").exists());
    emulator.shutdown().await;
    assert!(Path::new(&root).ancestors().nth(2).is_some_and(|directory| !directory.exists()), "{root}");
}

/// A killed process that isn't ours to reap is gone as soon as its new parent has seen it.
async fn gone(pid: &str) {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(10);
    while Path::new("/proc").join(pid).join("exe").read_link().is_ok() {
        assert!(tokio::time::Instant::now() < deadline, "{pid} lives on");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_process_finds_how_far_the_clock_was_moved() {
    let emulator = emulator().await;
    let script = format!("cat ${CLOCK_VARIABLE}; echo; exec sleep 100");
    emulator.register_task_definition(TaskDefinition::new("runner", ["/bin/sh", "-c", &script]));
    emulator.advance(Duration::from_hours(1));
    emulator.advance(Duration::from_secs(1));
    run(&ecs(&emulator).await).send().await.expect("accepted");
    let line = until(&emulator, |entry| match &entry.kind {
        EntryKind::Log { line, .. } => Some(line.clone()),
        _ => None,
    });
    assert_eq!(line.await, "3601000");
}
