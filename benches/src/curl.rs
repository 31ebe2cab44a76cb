//! Raw calls of the emulator by curl, without an SDK.

use std::process::Stdio;

use anyhow::{Context as _, Result, ensure};
use immortal_emulator::Emulator;
use serde_json::json;
use tokio::process::Command;

/// curl with a header that the emulator accepts as a signature. Fails if the response is an error.
pub(crate) fn signed() -> Command {
    let mut curl = Command::new("curl");
    curl.args(["--silent", "--show-error", "--fail", "--header"]);
    curl.arg("authorization: AWS4-HMAC-SHA256 Credential=figures/20261123/eu-central-1/any/aws4_request");
    curl
}

/// Calls `RunTask` this many times.
pub(crate) fn run_task(emulator: &Emulator, calls: usize) -> Command {
    let body = json!({
        "taskDefinition": "runner", "launchType": "FARGATE",
        "networkConfiguration": {"awsvpcConfiguration": {"subnets": ["subnet-0a"]}},
    });
    let mut curl = signed();
    curl.args(["--output", "/dev/null", "--header", "x-amz-target: AmazonEC2ContainerServiceV20141113.RunTask"]);
    curl.args(["--data", &body.to_string()]).arg(format!("{}/?[1-{calls}]", emulator.endpoint()));
    curl
}

/// Milliseconds of each transfer over one connection, without the first, which opens it.
pub(crate) async fn transfer_times(mut curl: Command) -> Result<Vec<f64>> {
    curl.args(["--write-out", "%{time_total}\n"]).stderr(Stdio::inherit());
    let output = curl.output().await.context("curl must be installed")?;
    ensure!(output.status.success(), "a call failed: {}", output.status);
    let seconds = std::str::from_utf8(&output.stdout)?.lines().skip(1).map(str::parse::<f64>);
    let times: Vec<f64> = seconds.map(|seconds| Ok(seconds? * 1e3)).collect::<Result<_>>()?;
    ensure!(!times.is_empty(), "curl wrote no times");
    Ok(times)
}
