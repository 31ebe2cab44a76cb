//! The command itself, used rightly: a real handler, a real chain.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::Path,
    process::{Command, Output, Stdio},
};

const WORKSPACE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

fn immortal(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cargo-immortal"));
    command.arg("immortal").args(arguments).current_dir(WORKSPACE).env("CARGO_TERM_QUIET", "true");
    command
}

/// Runs an example that greets with this event; returns what it wrote to standard output.
fn greet(package: &str, event: &str, code: i32) -> String {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("event.json");
    fs::write(&path, event).expect("a small file");
    let path = path.to_str().expect("a plain path");
    let Output { status, stdout, stderr } =
        immortal(&["local", "-p", package, "--event", path]).output().expect("the command runs");
    let stdout = String::from_utf8_lossy(&stdout).into_owned();
    assert_eq!(status.code(), Some(code), "{stdout}{}", String::from_utf8_lossy(&stderr));
    stdout
}

#[test]
fn what_succeeds_in_lambda_ends_there_with_its_answer() {
    let shown = greet("hello", r#"{"name":"Ada"}"#, 0);
    assert!(shown.contains("\nhandled in Lambda, by attempt 0, after "), "{shown}");
    assert!(shown.ends_with("\n{\"message\":\"Hello, Ada!\"}\n"), "{shown}");
    assert!(!shown.contains("Fargate"), "{shown}");
}

#[test]
fn what_never_succeeds_ends_in_the_dead_letter_queue_with_the_way_back() {
    let shown = greet("hello", r#"{"name":""}"#, 1);
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
    let shown = greet("slim", r#"{"name":""}"#, 1);
    assert!(shown.contains("Fargate, attempt 3"), "{shown}");
    assert!(shown.contains("the event is in the dead-letter queue slim-dead-letters\n"), "{shown}");
}

/// Runs the README's second command with these flags too, and with less to compute; returns what it wrote.
fn interrupted_twice(flags: &[&str], code: i32) -> String {
    let readme = include_str!("../../../README.md");
    let mut commands = readme.lines().filter_map(|line| line.strip_prefix("cargo immortal local "));
    let command = commands.find(|line| line.contains("--interruptions 2")).expect("the README shows it");
    let words = ["local"].into_iter().chain(command.split(' ')).chain(["--env", "RESAMPLES=3000"]);
    let words: Vec<_> = words.chain(flags.iter().copied()).collect();
    let Output { status, stdout, stderr } = immortal(&words).output().expect("the command runs");
    let shown = String::from_utf8_lossy(&stdout).into_owned();
    assert_eq!(status.code(), Some(code), "{shown}{}", String::from_utf8_lossy(&stderr));
    shown
}

/// When the first line with this text was written, in seconds.
fn time_of(shown: &str, text: &str) -> f64 {
    let line = shown.lines().find(|line| line.contains(text)).unwrap_or_else(|| panic!("no {text:?} in {shown}"));
    line.split_whitespace().next().and_then(|time| time.parse().ok()).expect("a line begins with its time")
}

#[test]
fn twice_interrupted_it_waits_and_is_done_by_attempt_3() {
    let shown = interrupted_twice(&[], 0);
    assert!(shown.contains("hands the event over, before its deadline"), "{shown}");
    let is = |attempt: u32, text: &str| {
        let place = format!("Fargate, attempt {attempt} ");
        shown.lines().any(|line| line.contains(&place) && line.contains(text))
    };
    for attempt in [1, 2] {
        for text in
            ["the task begins, on Spot", "| read s3://", "told to stop: SpotInterruption", "killed by signal 15"]
        {
            assert!(is(attempt, text), "attempt {attempt}: {text}\n{shown}");
        }
    }
    assert!(is(3, "the task begins") && !is(3, "on Spot"), "{shown}");
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
    let flags = ["--kill-attempts", "3", "--redrive", "--env", "RESAMPLES=3000"];
    let Output { status, stdout, stderr } = immortal(&chain).args(flags).output().expect("the command runs");
    let shown = String::from_utf8_lossy(&stdout).into_owned();
    assert_eq!(status.code(), Some(0), "{shown}{}", String::from_utf8_lossy(&stderr));
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
    let put = "s3://wildlife/strikes/birdstrikes.csv=examples/ingest/data/birdstrikes.csv";
    let mut command = immortal(&["local", "-p", "ingest", "--event", "examples/ingest/event.json", "--put", put]);
    let mut running = command
        // Every process of the emulator has it in its environment, and no other process has.
        .env("TMPDIR", directory.path())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the command runs");
    let stdout = BufReader::new(running.stdout.take().expect("a pipe"));
    let begun = stdout.lines().map_while(Result::ok).any(|line| line.contains("START RequestId"));
    assert!(begun, "a task begins");
    assert!(left(directory.path()) > 1, "its processes can be seen");
    let pid = running.id().to_string();
    let killed = Command::new("kill").args(["-INT", &pid]).status().expect("kill runs");
    assert!(killed.success());
    assert_eq!(running.wait().expect("it ends").code(), Some(130));
    assert_eq!(left(directory.path()), 0);
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
