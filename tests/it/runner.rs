//! The runner by itself: its process, started by hand with an order, against the emulator.

use std::{path::PathBuf, process::Stdio, time::Duration};

use immortal_emulator::{Calls, Emulator, Fault, Function, How, Options};
use tempfile::TempDir;
use tokio::process::Command;

use crate::binaries::{binary, package, zip_of};

const NAME: &str = "primary";
const REQUEST: &str = "5e0b7e6c-5a3c-4f0e-8d0e-1f2a3b4c5d6e";

/// A runner and the function that it is to run.
struct Bench {
    emulator: Emulator,
    order: Vec<(String, String)>,
    root: TempDir,
}

/// How a runner ended.
struct End {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

impl End {
    fn all(&self) -> String {
        format!("exit {:?}\n--- stdout\n{}\n--- stderr\n{}", self.code, self.stdout, self.stderr)
    }
}

impl Bench {
    async fn of(function: Function) -> Self {
        let emulator = Emulator::start(Options::default()).await.expect("loopback");
        let arn = emulator.deploy(function).expect("a sound function");
        let context = format!(
            r#"{{"awsRequestId":"{REQUEST}","functionName":"{NAME}","functionVersion":"$LATEST","invokedFunctionArn":"{arn}","memoryLimitInMB":"512","logGroupName":"","logStreamName":""}}"#
        );
        let order = [
            ("AWS_LAMBDA_FUNCTION_EVENT", r#"{"lambda":"fail"}"#),
            ("AWS_LAMBDA_FUNCTION_CONTEXT", &context),
            ("IMMORTAL_ATTEMPT", "1"),
            ("IMMORTAL_ROLE", "runner"),
        ];
        let order = order.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        Self { emulator, order, root: tempfile::tempdir().expect("a temporary directory") }
    }

    fn with(mut self, name: &str, value: &str) -> Self {
        self.order.retain(|(key, _)| key != name);
        self.order.push((name.to_owned(), value.to_owned()));
        self
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    fn command(&self) -> Command {
        let mut command = Command::new(binary("killed"));
        command
            .env_clear()
            .envs(self.emulator.environment())
            .env("LAMBDA_TASK_ROOT", self.path("task"))
            .env("IMMORTAL_LAYER_ROOT", self.path("opt"))
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .envs(self.order.iter().cloned())
            .stdin(Stdio::null())
            .kill_on_drop(true);
        command
    }

    async fn run(&self) -> End {
        let output = self.command().output();
        let output = tokio::time::timeout(Duration::from_mins(1), output).await.expect("the runner ends");
        let output = output.expect("the runner starts");
        End {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

fn function(zip: Vec<u8>) -> Function {
    Function::new(NAME, zip)
}

/// A function whose `bootstrap` is this shell script.
fn script(text: &str) -> Function {
    function(zip_of([("bootstrap", 0o755, format!("#!/bin/sh\n{text}\n").as_bytes())]))
}

fn with_event(event: &str) -> (&'static str, &str) {
    ("AWS_LAMBDA_FUNCTION_EVENT", event)
}

#[tokio::test]
async fn an_unmodified_lambda_runtime_binary_runs_with_the_events_bytes() {
    let event = r#"{ "n":1.0, "big":123456789012345678901234567890, "n":"\u00e9" }"#;
    let (name, value) = with_event(event);
    let end = Bench::of(function(package("bare"))).await.with(name, value).run().await;
    assert_eq!(end.code, Some(0), "{}", end.all());
    assert!(end.stdout.contains(&format!(r#""request_id":"{REQUEST}""#)), "{}", end.all());
    for word in ["START RequestId: ", "END RequestId: ", "REPORT RequestId: "] {
        let line = format!("{word}{REQUEST}");
        assert!(end.stdout.lines().any(|line_| line_.starts_with(&line)), "{line}\n{}", end.all());
    }
    assert!(end.stdout.contains(event), "{}", end.all());
}

#[tokio::test]
async fn a_lambda_http_function_runs_too() {
    let event = r#"{"version":"2.0","routeKey":"$default","rawPath":"/books","rawQueryString":"","headers":{},"requestContext":{"accountId":"1","apiId":"a","domainName":"d","domainPrefix":"d","http":{"method":"GET","path":"/books","protocol":"HTTP/1.1","sourceIp":"127.0.0.1","userAgent":"t"},"requestId":"r","routeKey":"$default","stage":"$default","time":"12/Mar/2020:19:03:58 +0000","timeEpoch":1583348638390},"isBase64Encoded":false}"#;
    let (name, value) = with_event(event);
    let end = Bench::of(function(package("http"))).await.with(name, value).run().await;
    assert_eq!(end.code, Some(0), "{}", end.all());
    assert!(end.stdout.contains("GET /books"), "{}", end.all());
}

#[tokio::test]
async fn how_the_handler_ends_is_the_exit_code() {
    let table = [("succeed", 0), ("fail", 1), ("panic", 1), ("exit", 1), ("abort", 128 + 6)];
    let bench = Bench::of(function(package("killed"))).await;
    let mut bench = bench;
    for (end, code) in table {
        bench = bench.with("AWS_LAMBDA_FUNCTION_EVENT", &format!(r#"{{"lambda":"hang","tasks":["{end}"]}}"#));
        let ended = bench.run().await;
        assert_eq!(ended.code, Some(code), "{end}: {}", ended.all());
    }
}

#[tokio::test]
async fn what_can_never_run_is_refused_with_what_to_do_instead() {
    let sound = || function(package("bare"));
    let table: Vec<(&str, Function, &str)> = vec![
        ("image", Function { image_uri: Some("1.dkr.ecr/image:1".into()), ..sound() }, "image"),
        ("durable", Function { durable: true, ..sound() }, "durable"),
        ("EFS", Function { file_systems: vec![("arn:efs".into(), "/mnt/data".into())], ..sound() }, "EFS"),
        ("architecture", Function { architecture: "arm64".into(), ..sound() }, "arm64"),
        (
            "environment",
            Function { environment_error: Some(("AccessDeniedException".into(), "no kms".into())), ..sound() },
            "kms",
        ),
        ("no bootstrap", function(zip_of([("readme", 0o644, b"hello".as_slice())])), "bootstrap"),
        ("not executable", function(zip_of([("bootstrap", 0o644, b"#!/bin/sh\n".as_slice())])), "executable"),
        ("no zip", function(b"this is no zip".to_vec()), "zip"),
        ("zip slip", function(zip_of([("../../evil", 0o755, b"evil".as_slice())])), "evil"),
    ];
    for (case, function, said) in table {
        let end = Bench::of(function).await.run().await;
        assert_eq!(end.code, Some(2), "{case}: {}", end.all());
        assert!(end.stderr.to_lowercase().contains(&said.to_lowercase()), "{case} says {said}: {}", end.all());
    }
}

#[tokio::test]
async fn a_malformed_order_is_refused_with_all_that_is_wrong() {
    let bench = Bench::of(script("exit 0")).await;
    let bench = bench.with("AWS_LAMBDA_FUNCTION_EVENT", "{").with("IMMORTAL_ATTEMPT", "first");
    let end = bench.run().await;
    assert_eq!(end.code, Some(2), "{}", end.all());
    assert!(
        end.stderr.contains("AWS_LAMBDA_FUNCTION_EVENT") && end.stderr.contains("IMMORTAL_ATTEMPT"),
        "{}",
        end.all()
    );
}

#[tokio::test]
async fn a_function_that_is_gone_is_given_up() {
    let bench = Bench::of(script("exit 0")).await;
    let gone = bench.order.iter().find(|(name, _)| name == "AWS_LAMBDA_FUNCTION_CONTEXT").expect("there").1.clone();
    let bench = bench.with("AWS_LAMBDA_FUNCTION_CONTEXT", &gone.replace(NAME, "gone"));
    let end = bench.run().await;
    assert_eq!(end.code, Some(2), "{}", end.all());
}

#[tokio::test]
async fn a_download_that_fails_for_now_is_another_attempts() {
    for how in [How::Corrupt, How::AccessDenied] {
        let bench = Bench::of(function(package("bare"))).await;
        bench.emulator.inject(Fault { operation: "Download", how: how.clone(), calls: Calls::All });
        let end = bench.run().await;
        assert_eq!(end.code, Some(75), "{how:?}: {}", end.all());
        assert!(!end.all().contains("X-Amz-"), "the address is a secret: {}", end.all());
    }
}

#[tokio::test]
async fn a_download_in_trouble_is_mended() {
    let troubles = [
        (How::Cut, Calls::Next(1)),
        (How::Expired, Calls::Next(1)),
        (How::Status(503), Calls::Next(1)),
        (How::NoRanges, Calls::All),
    ];
    for (how, calls) in troubles {
        let bench = Bench::of(function(package("bare"))).await;
        bench.emulator.inject(Fault { operation: "Download", how: how.clone(), calls });
        let end = bench.run().await;
        assert_eq!(end.code, Some(0), "{how:?}: {}", end.all());
    }
}

#[tokio::test]
async fn get_function_is_asked_again_while_it_throttles() {
    let bench = Bench::of(function(package("bare"))).await;
    bench.emulator.inject(Fault { operation: "GetFunction", how: How::Throttle, calls: Calls::Next(2) });
    let end = bench.run().await;
    assert_eq!(end.code, Some(0), "{}", end.all());
}

#[tokio::test]
async fn at_its_limit_it_is_given_up() {
    let bench = Bench::of(function(package("killed"))).await;
    let (name, value) = with_event(r#"{"lambda":"hang","tasks":["spin"]}"#);
    let end = bench.with(name, value).with("IMMORTAL_LIMIT", "1").run().await;
    assert_eq!(end.code, Some(124), "{}", end.all());
}

#[tokio::test]
async fn the_childs_environment_is_the_functions_own_and_lambdas() {
    let printing = script(concat!("env > \"$LAMBDA_TASK_ROOT/environment\"\n", "exit 1",));
    let function = Function { environment: [("GREETING".to_owned(), "hello".to_owned())].into(), ..printing };
    let bench = Bench::of(function).await;
    let bench = bench.with("OF_THE_IMAGE", "1").with("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/v2/credentials/1");
    let end = bench.run().await;
    assert_eq!(end.code, Some(1), "{}", end.all());
    let environment = std::fs::read_to_string(bench.path("task/environment")).expect("the script wrote it");
    let value =
        |name: &str| environment.lines().find_map(|line| line.strip_prefix(&format!("{name}=")).map(ToOwned::to_owned));
    for (name, expected) in [
        ("GREETING", Some("hello")),
        ("AWS_LAMBDA_FUNCTION_NAME", Some(NAME)),
        ("AWS_LAMBDA_FUNCTION_VERSION", Some("$LATEST")),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", Some("512")),
        ("AWS_LAMBDA_LOG_GROUP_NAME", Some("/aws/lambda/primary")),
        ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", Some("/v2/credentials/1")),
        ("IMMORTAL_ATTEMPT", Some("1")),
        ("IMMORTAL_ROLE", None),
        ("AWS_LAMBDA_FUNCTION_EVENT", None),
        ("AWS_LAMBDA_FUNCTION_CONTEXT", None),
        ("AWS_ACCESS_KEY_ID", None),
        ("AWS_SECRET_ACCESS_KEY", None),
        ("OF_THE_IMAGE", None),
    ] {
        assert_eq!(value(name).as_deref(), expected, "{name} in\n{environment}");
    }
    assert!(value("AWS_LAMBDA_RUNTIME_API").is_some());
}
