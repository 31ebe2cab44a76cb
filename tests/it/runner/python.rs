//! Python functions with AWS's own runtime client, `awslambdaric`.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::LazyLock,
};

use immortal_emulator::Function;
use serde_json::{Value, json};

use super::{REQUEST, RunnerBench, RunnerExit, function, skip, unshared, zip_of};

const AWSLAMBDARIC: &str = "awslambdaric==4.2.2";

const APP: &str = r#"
import os

def handler(event, context):
    print("prints", event["n"])
    return {
        "event": event,
        "id": context.aws_request_id,
        "arn": context.invoked_function_arn,
        "name": context.function_name,
        "version": context.function_version,
        "memory": context.memory_limit_in_mb,
        "log_group": context.log_group_name,
        "log_stream": context.log_stream_name,
        "tenant": context.tenant_id,
        "identity": context.identity.cognito_identity_id,
        "title": context.client_context.client.app_title,
        "custom": context.client_context.custom,
        "days": context.get_remaining_time_in_millis() // 86_400_000,
        "trace": os.environ.get("_X_AMZN_TRACE_ID"),
        "attempt": os.environ["IMMORTAL_ATTEMPT"],
        "runtime": os.environ.get("AWS_EXECUTION_ENV"),
    }

def other(event, context):
    return "the other"

def fail(event, context):
    raise ValueError("no such strike")
"#;

struct Python {
    interpreter: String,
    packages: String,
}

/// The interpreter and `awslambdaric`, which is installed once into cargo's temporary directory.
static PYTHON: LazyLock<Result<Python, String>> = LazyLock::new(|| {
    let told =
        run(Command::new("python3").args(["-c", "import sys; print(sys.executable, sys.implementation.cache_tag)"]))?;
    let (interpreter, tag) = told.trim().rsplit_once(' ').ok_or("python3 printed neither path nor version")?;
    let packages = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{AWSLAMBDARIC}-{tag}"));
    if !packages.exists() {
        let new = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).map_err(|error| error.to_string())?;
        let pip =
            ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--only-binary", ":all:", "--target"];
        run(Command::new(interpreter).args(pip).arg(new.path()).arg(AWSLAMBDARIC))?;
        fs::rename(new.keep(), &packages).map_err(|error| error.to_string())?;
    }
    Ok(Python { interpreter: interpreter.to_owned(), packages: packages.to_string_lossy().into_owned() })
});

fn run(command: &mut Command) -> Result<String, String> {
    let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    match command.output() {
        Ok(output) if output.status.success() => Ok(said(&output.stdout)),
        Ok(output) => Err(format!("{command:?} failed: {}", said(&output.stderr))),
        Err(error) => Err(format!("{command:?} can't be run: {error}")),
    }
}

fn python() -> Option<&'static Python> {
    let python = PYTHON.as_ref();
    python
        .inspect_err(|why| skip(&format!("a Python function needs python3 with pip, and the index of packages: {why}")))
        .ok()
}

/// A bench for the function, with every field of a context.
async fn bench(function: Function) -> RunnerBench {
    let bench = RunnerBench::new(function).await;
    bench
        .context("xrayTraceId", "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700".into())
        .context("tenantId", "acme".into())
        .context("clientContext", json!({"client": {"app_title": "é"}, "custom": {"k": "v"}}))
        .context("identity", json!({"cognitoIdentityId": "id-1", "cognitoIdentityPoolId": "pool-1"}))
        .context("logStreamName", "2026/01/01/[$LATEST]abc".into())
}

fn check(end: &RunnerExit, event: &str, runtime: Option<&str>) {
    assert_eq!(end.code, Some(0), "{}", end.full_output());
    let result = end.stdout.lines().find(|line| line.starts_with(r#"{"event""#)).expect("the result");
    let result: Value = serde_json::from_str(result).expect("JSON");
    let event: Value = serde_json::from_str(event).expect("JSON");
    let expected = json!({
        "event": event,
        "id": REQUEST,
        "arn": "arn:aws:lambda:eu-central-1:123456789012:function:primary",
        "name": "primary",
        "version": "$LATEST",
        "memory": "512",
        "log_group": "/aws/lambda/primary",
        "log_stream": "2026/01/01/[$LATEST]abc",
        "tenant": "acme",
        "identity": "id-1",
        "title": "é",
        "custom": {"k": "v"},
        "days": 13,
        "trace": "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700",
        "attempt": "1",
        "runtime": runtime,
    });
    assert_eq!(result, expected, "{}", end.full_output());
    assert!(end.stdout.contains(&format!("prints {}", event["n"])), "{}", end.full_output());
}

/// An event with various JSON values.
const EVENT: &str = r#"{ "n": 12345678901234567, "text": "é \u0000 🦀", "list": [1.5, null, true, {"deep": []}] }"#;

#[tokio::test]
async fn a_python_function_with_its_own_bootstrap_runs() {
    let Some(python) = python() else { return };
    let bootstrap = format!("#!/bin/sh\nexec {} -m awslambdaric \"$_HANDLER\"\n", python.interpreter);
    let zip = zip_of([("bootstrap", 0o755, bootstrap.as_bytes()), ("app.py", 0o644, APP.as_bytes())]);
    let environment = [("PYTHONPATH".to_owned(), python.packages.clone())].into();
    let function = Function { handler: "app.handler".into(), environment, ..function(zip) };
    let bench = bench(function).await.event(EVENT);
    check(&bench.run().await, EVENT, None);
}

/// What the runner needs of a managed runtime's image: an interpreter, and the bootstrap that runs a handler in it.
fn image(python: &Python, directory: &Path) -> Option<Vec<String>> {
    // A separate file system at /var, so that the machine's own is not touched.
    const MAKE: &str = r#"mount -t tmpfs none /var && mkdir -p /var/lang/bin /var/runtime &&
ln -s "$1" /var/lang/bin/python3 && cp "$2" /var/runtime/bootstrap && exec "$3""#;
    let bootstrap: PathBuf = directory.join("bootstrap");
    let text =
        format!("#!/bin/sh\nexport PYTHONPATH={}\nexec python3 -m awslambdaric \"$_HANDLER\"\n", python.packages);
    fs::write(&bootstrap, text).expect("a temporary directory");
    fs::set_permissions(&bootstrap, std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("ours");
    let mut prefix = unshared(&["--mount"])?;
    prefix.extend(["sh", "-c", MAKE, "sh", &python.interpreter, &bootstrap.to_string_lossy()].map(str::to_owned));
    Some(prefix)
}

#[tokio::test]
async fn a_python_function_runs_in_the_runtime_of_the_image() {
    let Some(python) = python() else { return };
    let directory = tempfile::tempdir().expect("a temporary directory");
    let Some(prefix) = image(python, directory.path()) else { return };
    let zip = zip_of([("app.py", 0o644, APP.as_bytes())]);
    let function = Function { handler: "app.handler".into(), runtime: "python3.11".into(), ..function(zip) };
    let mut bench = RunnerBench { prefix, ..bench(function).await }.event(EVENT);
    check(&bench.run().await, EVENT, Some("AWS_Lambda_python3.11"));
    for (handler, code, expected) in [
        ("app.other", 0, ""),
        ("app.fail", 1, "the handler returned ValueError: no such strike"),
        ("app.missing", 1, "the handler couldn't start: Runtime.HandlerNotFound"),
        ("missing.handler", 1, "the handler couldn't start: Runtime.ImportModuleError"),
    ] {
        bench = bench.with("AWS_LAMBDA_HANDLER_PATH", handler);
        bench.root = tempfile::tempdir().expect("a temporary directory");
        let end = bench.run().await;
        assert_eq!(end.code, Some(code), "{handler}: {}", end.full_output());
        assert!(end.stderr.contains(expected), "{handler} says {expected}: {}", end.full_output());
        assert_eq!(end.stdout.contains("\n\"the other\"\n"), code == 0, "{handler}: {}", end.full_output());
    }
}
