//! The function with all that it needs, on the emulator.

use std::{
    collections::BTreeMap,
    io::{Cursor, Write as _},
    path::Path,
    time::Duration,
};

use anyhow::{Context as _, Result};
use immortal_emulator::{
    ACCOUNT, Emulator, EmulatorOptions, FailureTarget, Function, Queue, RedrivePolicy, RuleTarget, TaskDefinition,
    TaskRule,
};
use zip::{ZipWriter, write::SimpleFileOptions};

use crate::programs::ChaosPrograms;

pub(crate) const PRIMARY: &str = "chaos";
pub(crate) const DISPATCHER: &str = "chaosDlq";
pub(crate) const FAILURES: &str = "failures";
pub(crate) const DEAD_LETTERS: &str = "dead-letters";
pub(crate) const BUCKET: &str = "events";
pub(crate) const RESULTS: &str = "results";
const RUNNER: &str = "runner";

/// How much faster the services' clock runs: two minutes without capacity last six seconds. Planned waits, visibility
/// timeouts and the life of tokens and presigned URLs go by that clock; timeouts of processes by the machine's.
pub(crate) const CLOCK_SPEED: u32 = 20;
/// What the emulator itself waits for: two minutes between a notice and an interruption.
const TIME_SCALE: f64 = 0.1;
/// Long enough for a batch of ten whose calls are throttled.
const DISPATCHER_TIMEOUT: Duration = Duration::from_secs(10);

/// Starts the emulator with everything but the mapping of the failure queue.
pub(crate) async fn start(seed: u64, programs: &ChaosPrograms) -> Result<Emulator> {
    let options = EmulatorOptions { seed, time_scale: TIME_SCALE, run_task_rate: None, concurrency: 25 };
    let emulator = Emulator::start(options).await?;
    let dead_letters = emulator.create_queue(Queue::new(DEAD_LETTERS));
    let failures = emulator.create_queue(Queue {
        visibility_timeout: Duration::from_mins(3),
        redrive: Some(RedrivePolicy { dead_letter_queue: DEAD_LETTERS.into(), max_receive_count: 1000 }),
        ..Queue::new(FAILURES)
    });
    let results = emulator.create_queue(Queue::new(RESULTS));
    emulator.create_bucket(BUCKET);

    let mut runner =
        TaskDefinition::new(RUNNER, [programs.runner.to_str().context("the path of the runner is not UTF-8")?]);
    runner.environment.extend(
        [("IMMORTAL_ROLE", "runner"), ("IMMORTAL_STALL_TIMEOUT", "1"), ("IMMORTAL_EVENT_BUCKET", BUCKET)]
            .map(|(name, value)| (name.to_owned(), value.to_owned())),
    );
    let runner = emulator.register_task_definition(runner);
    emulator.put_task_rule(TaskRule {
        family: Some(RUNNER.into()),
        last_status: vec!["STOPPED".into()],
        target: RuleTarget::Queue(failures.clone()),
    });

    // The other variables are reserved: Lambda sets them.
    let endpoint = emulator.environment().into_iter().filter(|(name, _)| name == "AWS_ENDPOINT_URL");
    let endpoint: BTreeMap<String, String> = endpoint.collect();
    emulator.deploy(Function {
        timeout: Duration::from_secs(2),
        retries: 0,
        on_failure: Some(FailureTarget::OnFailure(failures)),
        on_success: Some(results),
        environment: endpoint.clone(),
        ..Function::new(PRIMARY, package(&programs.handler)?)
    })?;
    let mut environment = endpoint;
    environment.extend(
        [
            ("IMMORTAL_ROLE", "dispatcher"),
            ("IMMORTAL_RUNNER", runner.as_str()),
            ("IMMORTAL_CONTAINER", RUNNER),
            ("IMMORTAL_SUBNETS", "subnet-0a,subnet-0b"),
            ("IMMORTAL_EVENT_BUCKET", BUCKET),
            ("IMMORTAL_DEAD_LETTER_QUEUE", format!("{}/{ACCOUNT}/{DEAD_LETTERS}", emulator.endpoint()).as_str()),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned())),
    );
    emulator.deploy(Function {
        timeout: DISPATCHER_TIMEOUT,
        memory: 512,
        environment,
        on_failure: Some(FailureTarget::OnFailure(dead_letters)),
        ..Function::new(DISPATCHER, package(&programs.dispatcher)?)
    })?;
    Ok(emulator)
}

/// The deployment package of a program.
fn package(program: &Path) -> Result<Vec<u8>> {
    let code = std::fs::read(program).with_context(|| format!("{} can't be read", program.display()))?;
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    zip.start_file("bootstrap", SimpleFileOptions::default().unix_permissions(0o755).compression_level(Some(1)))?;
    zip.write_all(&code)?;
    Ok(zip.finish()?.into_inner())
}
