//! The dispatcher: a thousand failures against a throttled `RunTask`, and a batch of ten against a single record.

use std::{
    collections::BTreeMap,
    path::Path,
    process::Stdio,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use anyhow::{Context as _, Result, ensure};
use immortal_emulator::{Emulator, EmulatorOptions, Fault, FaultKind, FaultedCalls, TaskDefinition};
use serde_json::{Value, json};
use tokio::process::Command;

use crate::{
    curl,
    flood::{LATENCY, RATE, measure_flood},
    function::FunctionProcess,
    programs::ReleasePrograms,
    table::{FigureRow, RatioBound, median},
};

const RECORDS: usize = 1_000;
const ROUNDS: usize = 3;
const PAIRS: usize = 15;
pub(crate) const DISPATCHER: &str = "helloDlq";

pub(crate) async fn measure(programs: &ReleasePrograms) -> Result<Vec<FigureRow>> {
    let program = programs.all()?;
    let mut rows = vec![measure_emulator().await?];
    let (mut shares, mut throttled) = ([vec![], vec![]], [vec![], vec![]]);
    let sandboxes = [2, 5];
    for round in 1..=ROUNDS {
        for (number, sandboxes) in sandboxes.into_iter().enumerate() {
            let run = measure_flood(program, RECORDS, sandboxes).await?;
            eprintln!("round {round} of {ROUNDS}, {sandboxes} sandboxes of the dispatcher: {run:.3?}");
            shares[number].push(run.share);
            throttled[number].push(run.throttled);
        }
    }
    for (number, bound) in [(0, 0.95), (1, 0.95)] {
        let run = format!("{RECORDS} failures, {} sandboxes of the dispatcher", sandboxes[number]);
        let figure = format!("{run}: share of the throttle's limit");
        let share = median(shares[number].clone());
        rows.push(FigureRow::new(&figure, (share * RATE, "tasks/s"), (RATE, "tasks/s"), RatioBound::AtLeast(bound)));
        let figure = format!("{run}: calls that were throttled");
        let throttled = median(throttled[number].clone());
        rows.push(FigureRow::new(
            &figure,
            (throttled * 100.0, "%"),
            (100.0, "% of the calls"),
            RatioBound::AtMost(0.2),
        ));
    }
    rows.push(measure_batch(program).await?);
    Ok(rows)
}

/// The emulator's own rate of `RunTask` calls, including starting the tasks.
async fn measure_emulator() -> Result<FigureRow> {
    const CALLS: usize = 2_000;
    let emulator = Emulator::start(EmulatorOptions { run_task_rate: None, ..EmulatorOptions::default() }).await?;
    dispatcher_environment(&emulator);
    let mut calls = curl::run_task(&emulator, CALLS);
    // With `--parallel`, curl shows its progress in spite of `--silent`.
    calls.args(["--parallel", "--parallel-max", "10"]).stderr(Stdio::null());
    let begin = Instant::now();
    let curl = calls.status().await.context("curl must be installed")?;
    ensure!(curl.success(), "a RunTask call failed: {curl}");
    let rate = CALLS as f64 / begin.elapsed().as_secs_f64();
    emulator.shutdown().await;
    let figure = "the emulator's own rate, well above the throttle";
    Ok(FigureRow::new(figure, (rate, "tasks/s"), (RATE, "tasks/s, the throttle"), RatioBound::AtLeast(5.0)))
}

/// Measures an invocation with ten records and one with a single record, when no call is throttled.
async fn measure_batch(program: &Path) -> Result<FigureRow> {
    let emulator = Emulator::start(EmulatorOptions { run_task_rate: None, ..EmulatorOptions::default() }).await?;
    emulator.inject(Fault { operation: "RunTask", kind: FaultKind::Delayed(LATENCY), calls: FaultedCalls::All });
    // Starting ten processes would compete with the dispatcher for the processor.
    emulator.inject(Fault {
        operation: "Task",
        kind: FaultKind::FailToStart("only the call is measured"),
        calls: FaultedCalls::All,
    });
    let mut command = Command::new(program);
    command.stderr(Stdio::null());
    let mut variables = dispatcher_environment(&emulator);
    variables.push(("AWS_LAMBDA_FUNCTION_NAME".to_owned(), DISPATCHER.to_owned()));
    let mut function = FunctionProcess::start(command, &variables).await?;
    function.wait_until_ready().await?;
    let mut number = 0;
    let mut times = [vec![], vec![]];
    for pair in 0..=PAIRS {
        for (which, records) in [10, 1].into_iter().enumerate() {
            let event = sqs_event(number..number + records)?;
            number += records;
            // The dispatcher paces its calls; after a second it may send ten at once again.
            tokio::time::sleep(Duration::from_secs(1)).await;
            let begin = Instant::now();
            let answer = function.invoke(event).await?;
            let taken = begin.elapsed().as_secs_f64() * 1e3;
            let answer: Value = serde_json::from_slice(&answer)?;
            ensure!(answer["batchItemFailures"] == json!([]), "not every record was started: {answer}");
            // The first pair opens the connections.
            if pair > 0 {
                times[which].push(taken);
            }
        }
    }
    let [ten, one] = times.map(median);
    Ok(FigureRow::new(
        "dispatcher, 10 records in a batch",
        (ten, "ms"),
        (one, "ms, one record"),
        RatioBound::AtMost(1.3),
    ))
}

/// Registers a task definition whose command is `true`, and returns the dispatcher's variables.
pub(crate) fn dispatcher_environment(emulator: &Emulator) -> Vec<(String, String)> {
    let runner = emulator.register_task_definition(TaskDefinition::new("runner", ["true"]));
    let mut variables = emulator.environment();
    let own = [
        ("IMMORTAL_ROLE", "dispatcher"),
        ("IMMORTAL_FUNCTION", "hello"),
        ("IMMORTAL_RUNNER", &runner),
        ("IMMORTAL_CONTAINER", "runner"),
        ("IMMORTAL_SUBNETS", "subnet-0a"),
    ];
    variables.extend(own.map(|(name, value)| (name.to_owned(), value.to_owned())));
    variables
}

/// The dispatcher's variables as those of its function: Lambda sets the others.
pub(crate) fn function_environment(emulator: &Emulator) -> BTreeMap<String, String> {
    let variables = dispatcher_environment(emulator).into_iter();
    variables.filter(|(name, _)| name == "AWS_ENDPOINT_URL" || name.starts_with("IMMORTAL_")).collect()
}

pub(crate) fn request_id(number: usize) -> String {
    format!("5e0b7e6c-5a3c-4f0e-8d0e-{number:012x}")
}

/// The event that Lambda creates from messages in the queue of a `DeadLetterConfig`.
fn sqs_event(numbers: std::ops::Range<usize>) -> Result<String> {
    let sent = SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis().to_string();
    let text = |value: &str| json!({"stringValue": value, "dataType": "String"});
    let records: Vec<_> = numbers
        .map(|number| {
            json!({
                "messageId": request_id(number), "body": format!(r#"{{"n":{number}}}"#), "eventSource": "aws:sqs",
                "attributes": {"SentTimestamp": sent, "ApproximateReceiveCount": "1"},
                "messageAttributes": {
                    "RequestID": text(&request_id(number)), "ErrorCode": text("200"), "ErrorMessage": text("Task timed out"),
                },
            })
        })
        .collect();
    Ok(json!({ "Records": records }).to_string())
}
