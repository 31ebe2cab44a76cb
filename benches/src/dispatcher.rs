//! The dispatcher: a thousand failures against a throttled `RunTask`, and a batch of ten against a single record.

use std::{
    collections::{BTreeMap, HashMap},
    path::Path,
    process::Stdio,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use anyhow::{Context as _, Result, ensure};
use immortal_emulator::{
    Emulator, EmulatorOptions, EntryKind, EntrySource, Fault, FaultKind, FaultedCalls, JournalEntry, MessageAttribute,
    Queue, TaskDefinition,
};
use serde_json::{Value, json};
use tokio::{process::Command, time::timeout};

use crate::{
    function::FunctionProcess,
    programs::ReleasePrograms,
    sizes::zip_of,
    table::{FigureRow, RatioBound, median},
};

const RECORDS: usize = 1_000;
/// The emulator's default throttle, as in AWS: this many calls per second, and as many in a burst.
const RATE: f64 = 20.0;
const LATENCY: Duration = Duration::from_millis(50);
const ROUNDS: usize = 3;
const PAIRS: usize = 15;
const QUEUE: &str = "failures";
const DISPATCHER: &str = "helloDlq";

pub(crate) async fn measure(programs: &ReleasePrograms) -> Result<Vec<FigureRow>> {
    let program = programs.all()?;
    let mut rows = vec![measure_emulator().await?];
    let (mut shares, mut throttled) = ([vec![], vec![]], [vec![], vec![]]);
    let instances = [2, 5];
    for round in 1..=ROUNDS {
        for (number, instances) in instances.into_iter().enumerate() {
            let run = measure_flood(program, instances).await?;
            eprintln!("round {round} of {ROUNDS}, {instances} instances: {run:.3?}");
            shares[number].push(run.share);
            throttled[number].push(run.throttled);
        }
    }
    for (number, bound) in [(0, 0.95), (1, 0.95)] {
        let instances = instances[number];
        let figure = format!("dispatcher, {RECORDS} records, {instances} instances: share of the throttle's limit");
        let share = median(shares[number].clone());
        rows.push(FigureRow::new(&figure, (share * RATE, "tasks/s"), (RATE, "tasks/s"), RatioBound::AtLeast(bound)));
        let figure = format!("dispatcher, {RECORDS} records, {instances} instances: calls that were throttled");
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

/// The result of a thousand failures at once.
#[derive(Debug)]
struct FloodResult {
    /// The shortest time that the throttle allows, divided by the measured time: from the dispatcher's first
    /// invocation, including its cold start, to the response for the last task.
    share: f64,
    throttled: f64,
}

async fn measure_flood(program: &Path, instances: usize) -> Result<FloodResult> {
    let emulator = Emulator::start(EmulatorOptions { concurrency: instances, ..EmulatorOptions::default() }).await?;
    emulator.inject(Fault { operation: "RunTask", kind: FaultKind::Delayed(LATENCY), calls: FaultedCalls::All });
    emulator.create_queue(Queue { visibility_timeout: Duration::from_mins(6), ..Queue::new(QUEUE) });
    let mut environment: BTreeMap<_, _> = dispatcher_environment(&emulator).into_iter().collect();
    for reserved in ["AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"] {
        environment.remove(reserved);
    }
    emulator.deploy(immortal_emulator::Function {
        // As in the template that `cargo immortal template` writes.
        timeout: Duration::from_mins(1),
        environment,
        ..immortal_emulator::Function::new(DISPATCHER, zip_of(&[("bootstrap", std::fs::read(program)?)])?)
    })?;
    for number in 0..RECORDS {
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
        (done >= RECORDS && stopped >= RECORDS).then_some(())
    });
    // What is still missing after the timeout is counted below.
    let _ = timeout(Duration::from_mins(5), all).await;
    let run = evaluate(&emulator.journal());
    emulator.shutdown().await;
    run
}

fn evaluate(entries: &[JournalEntry]) -> Result<FloodResult> {
    let begin = entries.iter().find(|entry| matches!(entry.kind, EntryKind::Started { .. }));
    let mut tasks = HashMap::new();
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
            _ => {}
        }
    }
    let lost = (0..RECORDS).filter(|number| !tasks.contains_key(request_id(*number).as_str())).count();
    let twice = tasks.values().filter(|times| **times > 1).count();
    ensure!(lost == 0 && twice == 0, "of {RECORDS} records, {lost} were lost and {twice} started twice");
    let taken = end.saturating_sub(begin.context("the dispatcher was never invoked")?.at);
    let least = (RECORDS as f64 - RATE) / RATE;
    Ok(FloodResult { share: least / taken.as_secs_f64(), throttled: f64::from(throttled) / f64::from(calls) })
}

/// The emulator's own rate of `RunTask` calls, including starting the tasks.
async fn measure_emulator() -> Result<FigureRow> {
    const CALLS: usize = 2_000;
    let emulator = Emulator::start(EmulatorOptions { run_task_rate: None, ..EmulatorOptions::default() }).await?;
    dispatcher_environment(&emulator);
    let body = json!({
        "taskDefinition": "runner", "launchType": "FARGATE",
        "networkConfiguration": {"awsvpcConfiguration": {"subnets": ["subnet-0a"]}},
    });
    let begin = Instant::now();
    let curl = Command::new("curl")
        .args(["--silent", "--fail", "--parallel", "--parallel-max", "10", "--output", "/dev/null"])
        .args(["--header", "x-amz-target: AmazonEC2ContainerServiceV20141113.RunTask"])
        .args(["--header", SIGNED, "--data", &body.to_string()])
        .arg(format!("{}/?[1-{CALLS}]", emulator.endpoint()))
        // curl shows its progress in spite of `--silent`.
        .stderr(Stdio::null())
        .status()
        .await
        .context("curl must be installed")?;
    ensure!(curl.success(), "a RunTask call failed: {curl}");
    let rate = CALLS as f64 / begin.elapsed().as_secs_f64();
    emulator.shutdown().await;
    let figure = "the emulator's own rate, well above the throttle";
    Ok(FigureRow::new(figure, (rate, "tasks/s"), (RATE, "tasks/s, the throttle"), RatioBound::AtLeast(5.0)))
}

/// A header that the emulator accepts as a signature.
pub(crate) const SIGNED: &str =
    "authorization: AWS4-HMAC-SHA256 Credential=figures/20261123/eu-central-1/any/aws4_request";

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
fn dispatcher_environment(emulator: &Emulator) -> Vec<(String, String)> {
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

fn request_id(number: usize) -> String {
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
