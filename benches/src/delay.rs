//! How long a failure takes from Lambda into a task: from the end of the invocation to the answer of `RunTask`.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use immortal_emulator::{
    Emulator, EmulatorOptions, EntryKind, EntrySource, FailureTarget, Fault, FaultKind, FaultedCalls, Function, Queue,
};
use tokio::time::timeout;

use crate::{
    curl,
    dispatcher::{DISPATCHER, function_environment},
    programs::ReleasePrograms,
    sizes::zip_of,
    table::{FigureRow, RatioBound, median},
};

const FAILURES: usize = 200;
/// The time between two failures. The dispatcher sends 20 calls a second; waiting for that is part of another figure.
const GAP: Duration = Duration::from_millis(100);
const QUEUE: &str = "failures";
const PRIMARY: &str = "hello";

pub(crate) async fn measure(programs: &ReleasePrograms) -> Result<Vec<FigureRow>> {
    let emulator = Emulator::start(EmulatorOptions { run_task_rate: None, ..EmulatorOptions::default() }).await?;
    // Processes of tasks would compete with the dispatcher for the processor.
    emulator.inject(Fault {
        operation: "Task",
        kind: FaultKind::FailToStart("only the way to it is measured"),
        calls: FaultedCalls::All,
    });
    let failures = emulator.create_queue(Queue { visibility_timeout: Duration::from_mins(6), ..Queue::new(QUEUE) });
    let zip = zip_of(&[("bootstrap", std::fs::read(programs.all()?)?)])?;
    emulator.deploy(Function {
        timeout: Duration::from_mins(1),
        environment: function_environment(&emulator),
        ..Function::new(DISPATCHER, zip.clone())
    })?;
    emulator.deploy(Function {
        retries: 0,
        on_failure: Some(FailureTarget::OnFailure(failures)),
        ..Function::new(PRIMARY, zip)
    })?;
    emulator.map_queue(QUEUE, DISPATCHER, 10)?;
    let mut ours = Vec::with_capacity(FAILURES);
    for number in 0..=FAILURES {
        tokio::time::sleep(GAP).await;
        let taken = fail_once(&emulator).await? * 1e3;
        // The first starts both functions, and opens the connections.
        if number > 0 {
            ours.push(taken);
        }
    }
    let raw = curl::transfer_times(curl::run_task(&emulator, FAILURES + 1)).await?;
    emulator.shutdown().await;
    Ok(vec![FigureRow::new(
        "failure in Lambda → RunTask answered, warm dispatcher",
        (median(ours), "ms"),
        (median(raw), "ms, one raw RunTask call"),
        RatioBound::AtMost(20.0),
    )])
}

/// Seconds from the failure of one invocation to the answer of its `RunTask` call. An event without a name fails.
async fn fail_once(emulator: &Emulator) -> Result<f64> {
    let request = emulator.invoke(PRIMARY, r#"{"name":""}"#).await?;
    let mut failed = None;
    let called = emulator.wait_for(|entry| match (&entry.source, &entry.kind) {
        (EntrySource::Lambda { request_id, .. }, EntryKind::Failed { .. }) if *request_id == request => {
            failed = Some(entry.at);
            None
        }
        (_, EntryKind::Called { operation, status, .. }) if operation == "RunTask" && failed.is_some() => {
            Some((*status, entry.at))
        }
        _ => None,
    });
    let (status, at) = timeout(Duration::from_mins(1), called).await.context("no task was started")?;
    ensure!(status == 200, "RunTask was answered with {status}");
    emulator.wait_until_idle().await;
    Ok(at.saturating_sub(failed.context("the invocation never failed")?).as_secs_f64())
}
