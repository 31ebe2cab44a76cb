//! A task behind a proxy.

use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    net::TcpListener,
};

use super::{Bench, End, runtime};

#[tokio::test]
async fn aws_is_asked_through_the_tasks_proxy() {
    let proxy = TcpListener::bind("127.0.0.1:0").await.expect("loopback");
    let address = proxy.local_addr().expect("it is bound");
    let bench = Bench::of(runtime("next; respond 1")).await;
    let mut command = bench.command();
    command.env_remove("AWS_ENDPOINT_URL").env("HTTPS_PROXY", format!("http://{address}"));
    let runner = tokio::spawn(async move { command.output().await.expect("the runner starts") });
    let (mut connection, _) = proxy.accept().await.expect("the runner connects");
    let mut line = String::new();
    BufReader::new(&mut connection).read_line(&mut line).await.expect("a line");
    assert!(line.starts_with("CONNECT lambda.") && line.contains(".amazonaws.com:443 "), "{line}");
    connection.write_all(b"HTTP/1.1 502 Bad Gateway\r\n\r\n").await.expect("it listens");
    drop((connection, proxy));
    let end = End::of(&runner.await.expect("no panic"));
    assert_eq!(end.code, Some(75), "{}", end.all());
}
