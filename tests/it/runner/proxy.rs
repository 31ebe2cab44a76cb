//! A task behind a proxy.

use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    net::TcpListener,
};

use super::{RUNNER_TIMEOUT, RunnerBench, runtime};

#[tokio::test]
async fn aws_is_called_through_the_tasks_proxy() {
    let proxy = TcpListener::bind("127.0.0.1:0").await.expect("loopback");
    let address = proxy.local_addr().expect("it is bound");
    let bench = RunnerBench::new(runtime("next; respond 1")).await;
    let mut command = bench.command();
    command.env_remove("AWS_ENDPOINT_URL").env("HTTPS_PROXY", format!("http://{address}"));
    // Killed at the end of the test.
    let _runner = command.spawn().expect("the runner starts");
    let connected = tokio::time::timeout(RUNNER_TIMEOUT, proxy.accept()).await.expect("the runner connects");
    let (connection, _) = connected.expect("a listener");
    let mut line = String::new();
    BufReader::new(connection).read_line(&mut line).await.expect("a line");
    assert!(line.starts_with("CONNECT lambda.") && line.contains(".amazonaws.com:443 "), "{line}");
}
