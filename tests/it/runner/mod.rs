//! The runner alone: its process, started with an order, against the emulator.

mod answers;
mod code;
mod downloads;
mod ends;
mod events;
mod memory;
mod proxy;
mod python;
mod secrets;
mod stops;

use std::{
    env,
    io::Write,
    path::PathBuf,
    process::{Output, Stdio},
    time::Duration,
};

use immortal_emulator::{Emulator, EmulatorOptions, Fault, FaultKind, FaultedCalls, Function};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::Command;

use crate::binaries::{binary, package, zip_of};

const NAME: &str = "primary";
const REQUEST: &str = "5e0b7e6c-5a3c-4f0e-8d0e-1f2a3b4c5d6e";

/// The task's credentials, and parts of every presigned URL.
const SECRETS: [&str; 4] = ["secret-access-key-of-the-task", "session-token-of-the-task", "X-Amz-", "/_/code/"];

/// How long a test waits for the runner before it fails.
const RUNNER_TIMEOUT: Duration = Duration::from_mins(1);

/// A runner and the function that it is to run.
struct RunnerBench {
    emulator: Emulator,
    order: Vec<(String, String)>,
    /// The program and arguments through which the runner is started.
    prefix: Vec<String>,
    root: TempDir,
}

/// The exit code and the output of a runner.
struct RunnerExit {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

impl RunnerExit {
    fn new(output: &Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Self { code: output.status.code(), stdout: text(&output.stdout), stderr: text(&output.stderr) }
    }

    fn full_output(&self) -> String {
        format!("exit {:?}\n--- stdout\n{}\n--- stderr\n{}", self.code, self.stdout, self.stderr)
    }
}

impl RunnerBench {
    async fn new(function: Function) -> Self {
        let emulator = Emulator::start(EmulatorOptions::default()).await.expect("loopback");
        let arn = emulator.deploy(function).expect("a sound function");
        let context = json!({
            "awsRequestId": REQUEST,
            "functionName": NAME,
            "functionVersion": "$LATEST",
            "invokedFunctionArn": arn,
            "memoryLimitInMB": "512",
            "logGroupName": "",
            "logStreamName": "",
        });
        let order = [
            ("AWS_LAMBDA_FUNCTION_EVENT", r#"{"lambda":"fail"}"#),
            ("AWS_LAMBDA_FUNCTION_CONTEXT", &context.to_string()),
            ("IMMORTAL_ATTEMPT", "1"),
            ("IMMORTAL_ROLE", "runner"),
        ];
        let order = order.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        Self { emulator, order, prefix: Vec::new(), root: tempfile::tempdir().expect("a temporary directory") }
    }

    fn with(mut self, name: &str, value: &str) -> Self {
        self.order.retain(|(key, _)| key != name);
        self.order.push((name.to_owned(), value.to_owned()));
        self
    }

    fn event(self, event: &str) -> Self {
        self.with("AWS_LAMBDA_FUNCTION_EVENT", event)
    }

    fn without(mut self, name: &str) -> Self {
        self.order.retain(|(key, _)| key != name);
        self
    }

    /// Replaces one field of the context.
    fn context(self, field: &str, value: Value) -> Self {
        const CONTEXT: &str = "AWS_LAMBDA_FUNCTION_CONTEXT";
        let (_, context) = self.order.iter().find(|(name, _)| name == CONTEXT).expect("every order has one");
        let mut context: Value = serde_json::from_str(context).expect("made above");
        context[field] = value;
        self.with(CONTEXT, &context.to_string())
    }

    fn fault(self, operation: &'static str, kind: FaultKind, calls: FaultedCalls) -> Self {
        self.emulator.inject(Fault { operation, kind, calls });
        self
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    fn command(&self) -> Command {
        let runner = binary("killed");
        let mut command = match self.prefix.split_first() {
            None => Command::new(runner),
            Some((program, arguments)) => {
                let mut command = Command::new(program);
                command.args(arguments).arg(runner);
                command
            }
        };
        command
            .env_clear()
            .envs(self.emulator.environment())
            .env("AWS_SECRET_ACCESS_KEY", SECRETS[0])
            .env("AWS_SESSION_TOKEN", SECRETS[1])
            .env("LAMBDA_TASK_ROOT", self.path("task"))
            .env("IMMORTAL_LAYER_ROOT", self.path("opt"))
            .env("PATH", "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin")
            .envs(self.order.iter().cloned())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        command
    }

    async fn run(&self) -> RunnerExit {
        let output = tokio::time::timeout(RUNNER_TIMEOUT, self.command().output()).await.expect("the runner ends");
        RunnerExit::new(&output.expect("the runner starts"))
    }
}

fn function(zip: Vec<u8>) -> Function {
    Function::new(NAME, zip)
}

/// A function whose `bootstrap` is this shell script.
fn script(text: &str) -> Function {
    function(zip_of([("bootstrap", 0o755, format!("#!/bin/sh\n{text}\n").as_bytes())]))
}

/// A function whose `bootstrap` is a bash script with functions for the Runtime API, over `/dev/tcp`.
fn runtime(text: &str) -> Function {
    const RUNTIME: &str = r#"#!/bin/bash
ask() { # prints what the Runtime API answers to the request on stdin
  exec 3<>"/dev/tcp/${AWS_LAMBDA_RUNTIME_API/://}"
  cat >&3
  cat <&3
}
next() { printf 'GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n' | ask >/dev/null; }
answer() { # what, headers, body as it goes over the wire
  printf 'POST /2018-06-01/runtime/invocation/REQUEST/%s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n%b\r\n%b' "$@" | ask >/dev/null
}
respond() { answer response "Content-Length: ${#1}\r\n" "$1"; }
"#;
    let bootstrap = format!("{}{text}\n", RUNTIME.replace("REQUEST", REQUEST));
    function(zip_of([("bootstrap", 0o755, bootstrap.as_bytes())]))
}

/// Prints that a test is skipped. On CI, where nobody would read it, that is a failure.
fn skip(why: &str) {
    assert!(env::var_os("CI").is_none(), "{why}");
    // Not with `eprintln!`, whose output is shown for failed tests only.
    let _ = writeln!(std::io::stderr(), "skipped: {why}");
}

/// The command prefix that starts a program in its own namespaces; `None`, with a notice, if that is not permitted.
fn unshared(flags: &[&str]) -> Option<Vec<String>> {
    let prefix: Vec<_> = ["unshare", "--map-root-user"].iter().chain(flags).map(|word| (*word).to_owned()).collect();
    let tried = std::process::Command::new(&prefix[0]).args(&prefix[1..]).arg("true").output();
    if tried.is_ok_and(|output| output.status.success()) {
        return Some(prefix);
    }
    skip(&format!("`{} true` doesn't work here: it needs root, or a kernel that lets users do it", prefix.join(" ")));
    None
}
