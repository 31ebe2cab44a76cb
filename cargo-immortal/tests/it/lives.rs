//! The command itself, used rightly: a real handler, a real chain.

use std::{
    fs,
    io::{BufRead, BufReader, Read as _, Write},
    path::Path,
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};

use super::wrong_use::{command, package};

const WORKSPACE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

pub(super) fn immortal(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cargo-immortal"));
    command.arg("immortal").args(arguments).current_dir(WORKSPACE).env("CARGO_TERM_QUIET", "true");
    command
}

/// Runs an example that greets with this event; returns its result and its timeline.
fn greet(package: &str, event: &str, code: i32) -> (String, String) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("event.json");
    fs::write(&path, event).expect("a small file");
    let path = path.to_str().expect("a plain path");
    checked_output(immortal(&["local", "-p", package, "--event", path]).output().expect("the command runs"), code)
}

/// What a command wrote to its standard output, and to its standard error.
pub(super) fn checked_output(Output { status, stdout, stderr }: Output, code: i32) -> (String, String) {
    let [stdout, stderr] = [stdout, stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
    assert_eq!(status.code(), Some(code), "{stdout}{stderr}");
    (stdout, stderr)
}

#[test]
fn what_succeeds_in_lambda_ends_there_with_its_answer() {
    let (result, shown) = greet("hello", r#"{"name":"Ada"}"#, 0);
    assert_eq!(result, "{\"message\":\"Hello, Ada!\"}\n", "nothing else, so that another program can read it");
    assert!(shown.contains("\nhandled in Lambda, by attempt 0, after "), "{shown}");
    assert!(!shown.contains("Fargate"), "{shown}");
}

#[test]
fn an_event_comes_from_standard_input_too() {
    let mut command = immortal(&["local", "-p", "hello", "--event", "-"]);
    let mut running = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the command runs");
    running.stdin.take().expect("piped").write_all(br#"{"name":"Ada"}"#).expect("it reads");
    let (result, _) = checked_output(running.wait_with_output().expect("it ends"), 0);
    assert_eq!(result, "{\"message\":\"Hello, Ada!\"}\n");
}

#[test]
fn an_event_of_a_synchronous_invocation_is_run_with_a_warning() {
    let (result, shown) = greet("hello", r#"{"name":"Ada","requestContext":{"http":{"method":"GET"}}}"#, 0);
    assert!(result.contains("Hello, Ada!"), "{result}");
    assert!(shown.contains("\nwarning: the event has the shape of an HTTP request, as API Gateway"), "{shown}");
    let (_, shown) = greet("hello", r#"{"name":"Ada"}"#, 0);
    assert!(!shown.contains("warning"), "{shown}");
}

#[test]
fn without_the_hand_over_lambda_kills_it_and_nothing_warns() {
    let put = "s3://wildlife/strikes/birdstrikes.csv=examples/ingest/data/birdstrikes.csv";
    let chain = ["local", "-p", "ingest", "--event", "examples/ingest/event.json", "--put", put];
    let flags = ["--no-hand-over", "--timeout", "1s", "--env", "RESAMPLES=10000"];
    let (_, shown) = checked_output(immortal(&chain).args(flags).output().expect("the command runs"), 0);
    assert!(shown.contains("killed at its timeout of 1 s") && !shown.contains("hands the event over"), "{shown}");
    assert!(!shown.contains("AWS_LAMBDA_MAX_CONCURRENCY"), "{shown}");
    // What the dispatcher writes is one line of the screen each.
    let dispatcher: Vec<_> = shown.lines().filter(|line| line.contains("Lambda ingestDlq")).collect();
    assert!(dispatcher.iter().any(|line| line.contains("INFO attempt=1")), "{shown}");
    assert!(dispatcher.iter().all(|line| line.chars().count() <= 160), "{shown}");
}

#[test]
fn what_never_succeeds_ends_in_the_dead_letter_queue_with_the_way_back() {
    let (result, shown) = greet("hello", r#"{"name":""}"#, 1);
    assert_eq!(result, "");
    assert!(shown.contains("\nthe last error, in attempt 3: a visitor without a name can't be greeted\n"), "{shown}");
    assert!(!shown.contains("Box<dyn"), "{shown}");
    for attempt in 1..=3 {
        assert!(shown.contains(&format!("Fargate, attempt {attempt}")), "{shown}");
    }
    assert!(shown.contains("the event is in the dead-letter queue hello-dead-letters\n"), "{shown}");
    let command = "  aws sqs start-message-move-task \
                   --source-arn arn:aws:sqs:eu-central-1:123456789012:hello-dead-letters \
                   --destination-arn arn:aws:sqs:eu-central-1:123456789012:hello-failures\n";
    assert!(shown.ends_with(command), "{shown}");
}

#[test]
fn a_slim_package_has_all_its_lives_here() {
    let (_, shown) = greet("slim", r#"{"name":""}"#, 1);
    assert!(shown.contains("Fargate, attempt 3"), "{shown}");
    assert!(shown.contains("the event is in the dead-letter queue slim-dead-letters\n"), "{shown}");
}

/// Runs the README's second command with these flags too, and with less to compute; returns what it wrote.
fn interrupted_twice(flags: &[&str], code: i32) -> String {
    let readme = include_str!("../../../README.md");
    let mut commands = readme.lines().filter_map(|line| line.strip_prefix("cargo demo "));
    let command = commands.find(|line| line.contains("--interruptions 2")).expect("the README shows it");
    let words = ["local"].into_iter().chain(command.split(' ')).chain(["--env", "RESAMPLES=10000"]);
    let words: Vec<_> = words.chain(flags.iter().copied()).collect();
    checked_output(immortal(&words).output().expect("the command runs"), code).1
}

/// When the first line with this text was written, in seconds.
fn time_of(shown: &str, text: &str) -> f64 {
    let line = shown.lines().find(|line| line.contains(text)).unwrap_or_else(|| panic!("no {text:?} in {shown}"));
    line.split_whitespace().next().and_then(|time| time.parse().ok()).expect("a line begins with its time")
}

#[test]
fn twice_interrupted_it_waits_and_is_done_by_attempt_3() {
    let shown = interrupted_twice(&[], 0);
    let ends = ["hands the event over, before its deadline", "ends early, as it was told to before its deadline"];
    assert!(ends.iter().any(|end| shown.contains(end)), "{shown}");
    let is = |attempt: u32, text: &str| {
        let place = format!("Fargate, attempt {attempt} ");
        shown.lines().any(|line| line.contains(&place) && line.contains(text))
    };
    for attempt in [1, 2] {
        for text in
            ["the task begins, on Spot", "| read s3://", "told to stop: SpotInterruption", "the handler ended early"]
        {
            assert!(is(attempt, text), "attempt {attempt}: {text}\n{shown}");
        }
    }
    assert!(is(3, "the task begins") && !is(3, "on Spot"), "{shown}");
    // Each goes on after what the one before it saved last: none of it is computed twice.
    let numbers = |text: &str| -> Vec<u32> {
        let after = shown.lines().filter_map(|line| line.split_once(text)?.1.split(' ').next()?.parse().ok());
        after.collect()
    };
    let begins = numbers("| goes on after ");
    assert_eq!((begins.len(), begins[0]), (4, 0), "{shown}");
    assert!(begins[1..].iter().all(|begin| numbers("| saved ").contains(begin)), "{shown}");
    assert!(begins.is_sorted_by(|one, next| one < next), "{shown}");
    // The wait is a real one, and told once.
    assert_eq!(shown.matches("the next attempt waits here for 5 s").count(), 1, "{shown}");
    let waited = time_of(&shown, "Fargate, attempt 3 ") - time_of(&shown, "holds the stop event of attempt 2");
    assert!(waited >= 4.9, "{waited} s\n{shown}");
    assert!(shown.contains("\nhandled on Fargate, by attempt 3, after "), "{shown}");
}

#[test]
fn killed_nine_times_it_is_a_dead_letter_that_says_why_and_what_redrives_it() {
    let shown = interrupted_twice(&["--kill-attempts", "9"], 1);
    assert!(!shown.contains("attempt 6"), "{shown}");
    let (_, last) = shown.split_once("\ngiven up after ").expect("it is given up");
    for text in [
        "ended with exit code 137 (EssentialContainerExited, ",
        "OutOfMemoryError: Container killed due to memory usage",
        "that was the last of 3 attempts, interruptions not counted",
        "raise `memory`",
        "its log: group /aws/ecs/ingest, stream task/ingest-runner/",
        "--kill-attempts 3 --redrive",
    ] {
        assert!(last.contains(text), "{text}\n{shown}");
    }
    assert!(last.lines().last().is_some_and(|line| line.starts_with("  aws sqs start-message-move-task ")), "{shown}");
}

#[test]
fn redriven_it_is_done_by_the_next_series() {
    let put = "s3://wildlife/strikes/birdstrikes.csv=examples/ingest/data/birdstrikes.csv";
    let chain = ["local", "-p", "ingest", "--event", "examples/ingest/event.json", "--put", put];
    let flags = ["--kill-attempts", "3", "--redrive", "--env", "RESAMPLES=10000"];
    let (_, shown) = checked_output(immortal(&chain).args(flags).output().expect("the command runs"), 0);
    let story = [
        "Fargate, attempt 3 ",
        "the event rests here: gave up on request ",
        "holds the redriven event, which begins series 1",
        "Fargate, series 1, attempt 1 ",
    ];
    assert!(story.map(|text| time_of(&shown, text)).is_sorted(), "{shown}");
    assert!(shown.contains("\nhandled on Fargate, by attempt 1 of series 1, after "), "{shown}");
}

#[test]
fn the_manifest_is_the_binarys_own() {
    let Output { status, stdout, .. } = immortal(&["manifest", "-p", "ingest"]).output().expect("the command runs");
    assert_eq!(status.code(), Some(0));
    let manifest: serde_json::Value = serde_json::from_slice(&stdout).expect("JSON");
    assert_eq!((manifest["handler"].as_str(), manifest["attempts"].as_u64()), (Some("ingest"), Some(3)));
}

#[test]
fn ctrl_c_leaves_no_process_behind() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let mut running = begin(directory.path());
    signal(&running, "-INT");
    assert_eq!(running.wait().expect("it ends").code(), Some(130));
    assert_eq!(left(directory.path()), 0);
}

#[test]
fn a_kill_leaves_no_process_and_no_file_behind() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let mut running = begin(directory.path());
    signal(&running, "-KILL");
    running.wait().expect("it ends");
    until_all_is_gone(directory.path());
}

#[test]
fn a_kill_ends_the_compiler_too() {
    // The build script says that it runs, and doesn't end by itself.
    let package = package("fn main() {}");
    let directory = tempfile::tempdir().expect("a temporary directory");
    let fifo = directory.path().join("fifo");
    assert!(Command::new("mkfifo").arg(&fifo).status().expect("mkfifo runs").success());
    let script =
        format!("fn main() {{ std::fs::write({fifo:?}, \"it runs\").unwrap(); loop {{ std::thread::park(); }} }}");
    fs::write(package.path().join("build.rs"), script).expect("a small file");
    let temporary = directory.path().join("temporary");
    fs::create_dir(&temporary).expect("a directory");
    let mut command = command(&package, &["local", "-p", "tool", "--event", "event.json"]);
    let mut running = command.env("TMPDIR", &temporary).stderr(Stdio::null()).spawn().expect("the command runs");
    assert_eq!(fs::read_to_string(&fifo).expect("the build script writes it"), "it runs");
    signal(&running, "-KILL");
    running.wait().expect("it ends");
    until_all_is_gone(&temporary);
}

fn begin(directory: &Path) -> Child {
    begin_with(directory, &[])
}

/// Starts the chain with these flags too, and waits until a task of it is at work.
pub(super) fn begin_with(directory: &Path, flags: &[&str]) -> Child {
    let put = "s3://wildlife/strikes/birdstrikes.csv=examples/ingest/data/birdstrikes.csv";
    let mut command = immortal(&["local", "-p", "ingest", "--event", "examples/ingest/event.json", "--put", put]);
    // Every process of the emulator has it in its environment, and no other process has.
    command.args(flags).env("TMPDIR", directory);
    let mut running = command.stderr(Stdio::piped()).spawn().expect("the command runs");
    let timeline = BufReader::new(running.stderr.take().expect("a pipe"));
    let begun = timeline.lines().map_while(Result::ok).any(|line| line.contains("START RequestId"));
    assert!(begun, "a task begins");
    assert!(left(directory) > 1, "its processes can be seen");
    running
}

pub(super) fn signal(process: &Child, signal: &str) {
    let pid = process.id().to_string();
    assert!(Command::new("kill").args([signal, &pid]).status().expect("kill runs").success());
}

fn until_all_is_gone(directory: &Path) {
    let begin = Instant::now();
    while left(directory) > 0 || fs::read_dir(directory).expect("ours").next().is_some() {
        assert!(begin.elapsed() < Duration::from_secs(30), "{} processes are left", left(directory));
        std::thread::yield_now();
    }
}

/// How many living processes have this directory in their environment.
fn left(directory: &Path) -> usize {
    let directory = directory.to_str().expect("a plain path").as_bytes();
    let has = |process: &fs::DirEntry| {
        let environment = fs::read(process.path().join("environ")).unwrap_or_default();
        environment.windows(directory.len()).any(|window| window == directory)
    };
    fs::read_dir("/proc").expect("Linux").flatten().filter(has).count()
}

#[test]
fn a_message_dies_in_lambda_and_is_handled_on_fargate_by_way_of_its_queues_redrive_policy() {
    let picture = "s3://photos/launches/rocket 1.jpg=examples/thumbnails/data/rocket.jpg";
    let chain = ["local", "-p", "thumbnails", "--sqs", "--event", "examples/thumbnails/event.json", "--put", picture];
    let (result, shown) =
        checked_output(immortal(&chain).args(["--timeout", "1s"]).output().expect("the command runs"), 0);
    assert_eq!(result, "{\"batchItemFailures\":[]}\n");
    let steps = [
        "SQS thumbnails-messages       holds the message ",
        "has the message back, until its visibility timeout is over",
        "SQS thumbnails-failures       holds the message, which its own queue gave up",
        "39 of 39 thumbnails",
        "\nhandled on Fargate, by attempt 1, after ",
    ];
    let mut rest = shown.as_str();
    for step in steps {
        rest = rest.split_once(step).unwrap_or_else(|| panic!("{step}: {shown}")).1;
    }
}

#[test]
fn a_message_that_succeeds_in_lambda_is_done_in_its_queue() {
    let chain = ["local", "-p", "thumbnails", "--sqs", "--event", "-"];
    let mut running = immortal(&chain).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let running = running.as_mut().expect("the command runs");
    let test_event = br#"{"Service":"Amazon S3","Event":"s3:TestEvent","Bucket":"photos"}"#;
    running.stdin.take().expect("piped").write_all(test_event).expect("it reads");
    let mut shown = String::new();
    BufReader::new(running.stderr.take().expect("piped")).read_to_string(&mut shown).expect("text");
    assert!(running.wait().expect("it ends").success(), "{shown}");
    assert!(shown.contains("is done with the message"), "{shown}");
    assert!(shown.contains("\nhandled in Lambda, by attempt 0, after "), "{shown}");
}
