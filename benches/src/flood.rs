//! Many failures at once against a throttled `RunTask`.

use std::{
    collections::{BTreeMap, HashMap},
    path::Path,
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use immortal_emulator::{
    Emulator, EmulatorOptions, EntryKind, EntrySource, Fault, FaultKind, FaultedCalls, JournalEntry, MessageAttribute,
    Queue,
};
use tokio::time::timeout;

use crate::{
    dispatcher::{DISPATCHER, function_environment, request_id},
    programs::ReleasePrograms,
    sizes::zip_of,
    table::{FigureRow, RatioBound},
};

/// The emulator's default throttle, as in AWS: this many calls per second, and as many in a burst.
pub(crate) const RATE: f64 = 20.0;
pub(crate) const LATENCY: Duration = Duration::from_millis(50);
const QUEUE: &str = "failures";
const RECORDS: usize = 10_000;
/// As the template's mapping has it.
const SANDBOXES: usize = 2;

/// Ten thousand failures: a figure of its own, since it takes more than eight minutes.
pub(crate) async fn measure(programs: &ReleasePrograms) -> Result<Vec<FigureRow>> {
    let run = measure_flood(programs.all()?, RECORDS, SANDBOXES).await?;
    let figure = |what: &str| format!("{RECORDS} failures, {SANDBOXES} sandboxes of the dispatcher: {what}");
    Ok(vec![
        FigureRow::new(
            &figure("share of the throttle's limit"),
            (run.share * RATE, "tasks/s"),
            (RATE, "tasks/s"),
            RatioBound::AtLeast(0.95),
        ),
        FigureRow::new(
            &figure("calls that were throttled"),
            (run.throttled * 100.0, "%"),
            (100.0, "% of the calls"),
            RatioBound::AtMost(0.2),
        ),
        FigureRow::new(
            &figure("time of all sandboxes"),
            (run.dispatcher_seconds, "s"),
            (run.least_seconds, "s, the shortest that the throttle allows"),
            RatioBound::AtMost(2.2),
        ),
    ])
}

/// The result of many failures at once.
#[derive(Debug)]
pub(crate) struct FloodResult {
    /// The shortest time that the throttle allows, divided by the measured time: from the dispatcher's first
    /// invocation, including its cold start, to the response for the last task.
    pub(crate) share: f64,
    pub(crate) throttled: f64,
    /// The time of all invocations of the dispatcher, in seconds: what Lambda bills.
    pub(crate) dispatcher_seconds: f64,
    /// The shortest time that the throttle allows, in seconds.
    pub(crate) least_seconds: f64,
}

/// Queues these failures, and lets at most this many sandboxes of the dispatcher start their tasks.
pub(crate) async fn measure_flood(program: &Path, records: usize, sandboxes: usize) -> Result<FloodResult> {
    let emulator = Emulator::start(EmulatorOptions { concurrency: sandboxes, ..EmulatorOptions::default() }).await?;
    emulator.inject(Fault { operation: "RunTask", kind: FaultKind::Delayed(LATENCY), calls: FaultedCalls::All });
    emulator.create_queue(Queue { visibility_timeout: Duration::from_mins(6), ..Queue::new(QUEUE) });
    emulator.deploy(immortal_emulator::Function {
        // As in the template that `cargo immortal template` writes.
        timeout: Duration::from_mins(1),
        environment: function_environment(&emulator),
        ..immortal_emulator::Function::new(DISPATCHER, zip_of(&[("bootstrap", std::fs::read(program)?)])?)
    })?;
    for number in 0..records {
        let attributes = BTreeMap::from([
            ("RequestID".to_owned(), MessageAttribute::text(request_id(number))),
            ("ErrorCode".to_owned(), MessageAttribute::number(200)),
            ("ErrorMessage".to_owned(), MessageAttribute::text("Task timed out after 3.00 seconds")),
        ]);
        emulator.send_message(QUEUE, format!(r#"{{"n":{number}}}"#), attributes)?;
    }
    emulator.map_queue(QUEUE, DISPATCHER, 10)?;
    let (mut done, mut stopped) = (0, 0);
    let all = emulator.wait_for(|entry| {
        match entry.kind {
            EntryKind::Deleted { .. } => done += 1,
            EntryKind::TaskStopped { .. } => stopped += 1,
            _ => {}
        }
        (done >= records && stopped >= records).then_some(())
    });
    // What is still missing after the timeout is counted below.
    let _ = timeout(Duration::from_mins(5 + records as u64 / 1_000), all).await;
    let run = evaluate(&emulator.journal(), records);
    emulator.shutdown().await;
    run
}

fn evaluate(entries: &[JournalEntry], records: usize) -> Result<FloodResult> {
    let begin = entries.iter().find(|entry| matches!(entry.kind, EntryKind::Started { .. }));
    let mut tasks = HashMap::new();
    let (mut invocations, mut dispatcher_seconds) = (HashMap::new(), 0.0);
    let (mut calls, mut throttled, mut end) = (0_u32, 0_u32, Duration::ZERO);
    for entry in entries {
        match (&entry.source, &entry.kind) {
            (EntrySource::Task { started_by: Some(request), .. }, EntryKind::TaskStarted { .. }) => {
                *tasks.entry(request.as_str()).or_insert(0) += 1;
            }
            (_, EntryKind::Called { operation, status, code, .. }) if operation == "RunTask" => {
                calls += 1;
                throttled += u32::from(code.as_deref() == Some("ThrottlingException"));
                if *status == 200 {
                    end = entry.at;
                }
            }
            (EntrySource::Lambda { request_id, .. }, EntryKind::Started { .. }) => {
                invocations.insert(request_id.as_str(), entry.at);
            }
            (EntrySource::Lambda { request_id, .. }, EntryKind::Answered { .. }) => {
                let begin = invocations.get(request_id.as_str()).copied().unwrap_or(entry.at);
                dispatcher_seconds += entry.at.saturating_sub(begin).as_secs_f64();
            }
            _ => {}
        }
    }
    let lost = (0..records).filter(|number| !tasks.contains_key(request_id(*number).as_str())).count();
    let twice = tasks.values().filter(|times| **times > 1).count();
    ensure!(lost == 0 && twice == 0, "of {records} records, {lost} were lost and {twice} started twice");
    let taken = end.saturating_sub(begin.context("the dispatcher was never invoked")?.at);
    let least_seconds = (records as f64 - RATE) / RATE;
    Ok(FloodResult {
        share: least_seconds / taken.as_secs_f64(),
        throttled: f64::from(throttled) / f64::from(calls),
        dispatcher_seconds,
        least_seconds,
    })
}
