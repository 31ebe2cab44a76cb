//! Duplicated, delayed and reordered deliveries, and killed sandboxes: the faults of the random histories in
//! `tests/it`.

use std::time::Duration;

use immortal_emulator::{
    Emulator, EntryKind, Fault, FaultKind, FaultedCalls, Function, MessageAttribute, Queue, StopCode, TaskDefinition,
};
use serde_json::Value;

use crate::{
    bootstrap::package,
    clients::{ecs, emulator, wait_for},
    ecs::run,
};

async fn start(script: &str) -> Emulator {
    let emulator = emulator().await;
    emulator.register_task_definition(TaskDefinition::new("runner", ["/bin/sh", "-c", script]));
    emulator.create_queue(Queue::new("failures"));
    let function = Function { timeout: Duration::from_secs(20), ..Function::new("ingestDlq", package()) };
    emulator.deploy(function).expect("sound");
    emulator
}

/// The task states that the function has received, in order.
fn received_states(emulator: &Emulator) -> Vec<String> {
    let entries = emulator.journal();
    let answers = entries.iter().filter_map(|entry| match &entry.kind {
        EntryKind::Answered { body } => serde_json::from_slice::<Value>(body).ok(),
        _ => None,
    });
    answers.filter_map(|answer| Some(answer["event"]["detail"]["lastStatus"].as_str()?.to_owned())).collect()
}

#[tokio::test]
async fn a_delayed_state_change_is_overtaken() {
    let emulator = start("exit 0").await;
    emulator.watch_tasks("ingestDlq", &["RUNNING", "STOPPED"]);
    let kind = FaultKind::Delayed(Duration::from_millis(500));
    emulator.inject_for("r-1", Fault { operation: "TaskStateChange", kind, calls: FaultedCalls::Nth(1) });
    run(&ecs(&emulator).await).send().await.expect("accepted");
    emulator.wait_until_idle().await;
    assert_eq!(received_states(&emulator), ["STOPPED", "RUNNING"]);
}

#[tokio::test]
async fn concurrent_calls_with_one_client_token_start_one_task() {
    let emulator = start("exit 0").await;
    let client = ecs(&emulator).await;
    let calls: Vec<_> = (0..16).map(|_| tokio::spawn(run(&client).client_token("t-1").send())).collect();
    for call in calls {
        call.await.expect("no panic").expect("accepted");
    }
    emulator.wait_until_idle().await;
    let started = |what: &EntryKind| matches!(what, EntryKind::TaskStarted { .. });
    assert_eq!(emulator.journal().iter().filter(|entry| started(&entry.kind)).count(), 1);
}

#[tokio::test]
async fn a_fault_of_a_task_is_not_used_up_by_a_call_that_starts_none() {
    let emulator = start("exec sleep 100").await;
    let client = ecs(&emulator).await;
    for number in 1..=2 {
        let kind = FaultKind::FailToStart("no ENI");
        emulator.inject_for("r-1", Fault { operation: "Task", kind, calls: FaultedCalls::Nth(number) });
    }
    for token in ["t-1", "t-1", "t-2"] {
        run(&client).client_token(token).send().await.expect("accepted");
    }
    emulator.wait_until_idle().await;
    let failed =
        |what: &EntryKind| matches!(what, EntryKind::TaskStopped { stop_code: StopCode::TaskFailedToStart, .. });
    assert_eq!(emulator.journal().iter().filter(|entry| failed(&entry.kind)).count(), 2);
}

#[tokio::test]
async fn a_task_can_be_interrupted() {
    let emulator = start("echo up; exec sleep 100").await;
    let answer = run(&ecs(&emulator).await).send().await.expect("accepted");
    let arn = answer.tasks()[0].task_arn().expect("there");
    wait_for(&emulator, |entry| matches!(entry.kind, EntryKind::Log { .. }).then_some(())).await;
    emulator.interrupt(arn, StopCode::TerminationNotice).expect("it runs");
    let (exit_code, stop_code) = wait_for(&emulator, |entry| match entry.kind {
        EntryKind::TaskStopped { exit_code, stop_code, .. } => Some((exit_code, stop_code)),
        _ => None,
    })
    .await;
    assert_eq!((exit_code, stop_code), (Some(143), StopCode::TerminationNotice));
    assert!(emulator.interrupt("arn:aws:ecs:x", StopCode::TerminationNotice).is_err());
}

#[tokio::test]
async fn a_copy_that_outlives_its_deletion_is_received_again() {
    let emulator = start("exit 0").await;
    let function = Function {
        retries: 0,
        on_failure: Some(immortal_emulator::FailureTarget::DeadLetterConfig(
            emulator.create_queue(Queue::new("failures")),
        )),
        ..Function::new("ingest", package())
    };
    emulator.deploy(function).expect("sound");
    let request = emulator.invoke("ingest", r#"{"do":"fail"}"#).await.expect("deployed");
    emulator.inject_for(
        &request,
        Fault { operation: "DeleteMessage", kind: FaultKind::Duplicated, calls: FaultedCalls::Nth(1) },
    );
    emulator
        .send_message("failures", "{}", [("RequestID".to_owned(), MessageAttribute::text("r-2"))].into())
        .expect("there");
    emulator.wait_until_idle().await;
    emulator.map_queue("failures", "ingestDlq", 10).expect("both exist");
    emulator.wait_until_idle().await;
    let mut counts: Vec<_> = emulator
        .journal()
        .iter()
        .filter_map(|entry| match entry.kind {
            EntryKind::Received { count, .. } => Some(count),
            _ => None,
        })
        .collect();
    counts.sort_unstable();
    assert_eq!(counts, [1, 1, 2], "the copy is received once more, the other message once");
    assert!(emulator.messages("failures").is_empty());
}

#[tokio::test]
async fn killed_sandboxes_fail_their_invocations() {
    let emulator = start("exit 0").await;
    emulator.deploy(Function { retries: 1, ..Function::new("ingest", package()) }).expect("sound");
    for _ in 0..2 {
        emulator.invoke("ingest", r#"{"do":"hang"}"#).await.expect("deployed");
    }
    let mut running = 0;
    wait_for(&emulator, |entry| {
        running += usize::from(matches!(&entry.kind, EntryKind::Log { line, .. } if line.starts_with("saw ")));
        (running == 2).then_some(())
    })
    .await;
    let kind = FaultKind::SandboxesGone("ingest".to_owned());
    emulator.inject_for("r-1", Fault { operation: "RunTask", kind, calls: FaultedCalls::Nth(1) });
    run(&ecs(&emulator).await).send().await.expect_err("the connection is closed");
    let mut retrying = 0;
    wait_for(&emulator, |entry| {
        if let EntryKind::Failed { error_type, message } = &entry.kind {
            assert!(error_type == "Runtime.ExitError" && message.ends_with("signal: killed"), "{message}");
        }
        retrying += usize::from(matches!(entry.kind, EntryKind::Retrying { .. }));
        (retrying == 2).then_some(())
    })
    .await;
    wait_for(&emulator, |entry| matches!(entry.kind, EntryKind::TaskStarted { .. }).then_some(())).await;
}
