//! The README's way for a function as `cargo lambda new` lays it out, step by step.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

const WORKSPACE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
const README: &str = include_str!("../../../README.md");

const CARGO_TOML: &str = r#"[package]
name = "order_reports"
version = "0.1.0"
edition = "2021"

[dependencies]
aws_lambda_events = { version = "1", default-features = false, features = ["eventbridge"] }
lambda_runtime = "1"
tokio = { version = "1", features = ["macros"] }
"#;

const MAIN: &str = "use lambda_runtime::{run, service_fn, tracing, Error};
mod event_handler;
use event_handler::function_handler;

#[tokio::main]
async fn main() -> Result<(), Error> {
    tracing::init_default_subscriber();
    run(service_fn(function_handler)).await
}
";

/// The template's handler, which fails on an event that says so.
const EVENT_HANDLER: &str = r#"use aws_lambda_events::event::eventbridge::EventBridgeEvent;
use lambda_runtime::{tracing, Error, LambdaEvent};

pub(crate) async fn function_handler(event: LambdaEvent<EventBridgeEvent>) -> Result<String, Error> {
    let payload = event.payload;
    tracing::info!("Payload: {:?}", payload);
    if payload.source == "fail" {
        return Err("there are no orders".into());
    }
    Ok(payload.source)
}
"#;

/// A package beside a checkout of this repository, as the README has it. In a place that stays the same, so that nothing
/// is compiled twice.
struct Newcomer {
    root: PathBuf,
    target: PathBuf,
}

impl Newcomer {
    fn begin() -> Self {
        let command = Path::new(env!("CARGO_BIN_EXE_cargo-immortal"));
        let target = command.ancestors().nth(2).expect("target/debug").to_owned();
        let root = target.join("newcomer");
        let _ = fs::remove_dir_all(&root);
        let newcomer = Self { root, target };
        // A workspace of its own, since it lies below this one's directory.
        let manifest = format!("{CARGO_TOML}\n[workspace]\n{}", profiles());
        newcomer.write("order_reports/Cargo.toml", &manifest);
        newcomer.write("order_reports/src/main.rs", MAIN);
        newcomer.write("order_reports/src/event_handler.rs", EVENT_HANDLER);
        // The versions that are downloaded already.
        fs::copy(Path::new(WORKSPACE).join("Cargo.lock"), newcomer.root.join("order_reports/Cargo.lock"))
            .expect("it is there");
        let checkout = fs::canonicalize(WORKSPACE).expect("it is there");
        std::os::unix::fs::symlink(checkout, newcomer.root.join("immortal")).expect("a link");
        newcomer
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.root.join(path);
        fs::create_dir_all(path.parent().expect("a directory")).expect("a directory");
        fs::write(path, text).expect("a small file");
    }

    fn run(&self, mut command: Command, code: i32) -> (String, String) {
        let command = command.current_dir(self.root.join("order_reports")).env("CARGO_TARGET_DIR", &self.target);
        let Output { status, stdout, stderr } = command.output().expect("it runs");
        let [stdout, stderr] = [stdout, stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
        assert_eq!(status.code(), Some(code), "{stdout}{stderr}");
        (stdout, stderr)
    }

    /// Runs a command as the README has it, with more arguments.
    fn immortal(&self, documented: &str, more: &[&str], code: i32) -> (String, String) {
        let line = documented_command(documented);
        let mut command = Command::new(env!("CARGO_BIN_EXE_cargo-immortal"));
        command.args(line.split_whitespace().skip(1)).args(more).env("CARGO_TERM_QUIET", "true");
        self.run(command, code)
    }
}

/// The README's own line.
fn documented_command(beginning: &str) -> &'static str {
    let line = README.lines().map(str::trim).find(|line| line.starts_with(beginning));
    line.unwrap_or_else(|| panic!("the README has no {beginning:?}"))
}

/// The README's `src/main.rs`.
fn documented_main() -> String {
    let blocks = README.split("```rust,ignore\n").skip(1).filter_map(|rest| rest.split("```").next());
    let main = blocks.into_iter().find(|block| block.contains("mod event_handler;")).expect("the README has one");
    main.lines().map(|line| line.strip_prefix("   ").unwrap_or(line)).collect::<Vec<_>>().join("\n")
}

/// The profiles of this workspace, so that its dependencies needn't be compiled again.
fn profiles() -> String {
    let manifest = fs::read_to_string(Path::new(WORKSPACE).join("Cargo.toml")).expect("it is there");
    let sections = manifest.split("\n[").filter(|section| section.starts_with("profile.dev"));
    sections.filter(|section| !section.contains(".ingest]")).fold(String::new(), |text, section| text + "\n[" + section)
}

#[test]
fn from_cargo_lambda_new_to_all_attempts_and_an_image() {
    let newcomer = Newcomer::begin();

    // Step 1. The command itself is installed: it is the one under test.
    let mut add = Command::new(env!("CARGO"));
    add.args(documented_command("cargo add immortal-lambda").split_whitespace().skip(1));
    newcomer.run(add, 0);

    // Step 2.
    newcomer.write("order_reports/src/main.rs", &documented_main());

    // Step 3, with an event that is handled in Lambda, and with one that fails in every attempt.
    let event = |source: &str| format!(r#"{{"detail-type":"Order","source":"{source}","detail":{{}}}}"#);
    newcomer.write("order_reports/event.json", &event("shop"));
    let (result, story) = newcomer.immortal("cargo immortal local --event event.json", &[], 0);
    assert_eq!(result, "\"shop\"\n", "{story}");
    newcomer.write("order_reports/event.json", &event("fail"));
    let (result, story) = newcomer.immortal("cargo immortal local --event event.json", &[], 1);
    assert_eq!(result, "");
    for text in ["attempt 0 begins", "Fargate, attempt 1 ", "Fargate, attempt 2 ", "Fargate, attempt 3 "] {
        assert!(story.contains(text), "{text}\n{story}");
    }
    assert!(story.contains("\nthe last error, in attempt 3: there are no orders\n"), "{story}");

    // Step 4. cargo-lambda's own part is .ci/lambda's; the program of step 3 stands in for what it builds.
    let built = newcomer.target.join("lambda/order_reports/bootstrap");
    fs::create_dir_all(built.parent().expect("a directory")).expect("a directory");
    fs::copy(newcomer.target.join("debug/order_reports"), &built).expect("it was built");
    // This machine's C library may be newer than the one of Lambda's image.
    let (context, next) = newcomer.immortal("cargo immortal runner", &["--base", "debian:13-slim", "--force"], 0);
    let context = newcomer.root.join("order_reports").join(context.trim_end());
    let dockerfile = fs::read_to_string(context.join("Dockerfile")).expect("written");
    assert!(dockerfile.contains("\nFROM ") && context.join("bootstrap").exists(), "{dockerfile}");
    assert!(next.contains("-t order-reports-runner "), "{next}");

    // A binary whose name S3 and CloudFormation don't take, and that ends as a dispatcher's does.
    let manifest = newcomer.root.join("order_reports/Cargo.toml");
    let text = fs::read_to_string(&manifest).expect("written");
    let bin = "[[bin]]\nname = \"Order_ReportsDlq\"\npath = \"src/main.rs\"\n\n[workspace]";
    fs::write(&manifest, text.replace("[workspace]", bin)).expect("a small file");
    let (_, story) = newcomer.immortal("cargo immortal local --event event.json", &[], 1);
    assert!(story.contains("Lambda Order-ReportsDlqDlq ") && story.contains("Fargate, attempt 3 "), "{story}");
}
