//! Sends arbitrary bytes to the Runtime API server: it must still answer the next connection.
#![no_main]

use std::{sync::LazyLock, time::Duration};

use libfuzzer_sys::fuzz_target;
use runtime_api::{Invocation, RuntimeApi};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    runtime::{Builder, Runtime},
    time::timeout,
};

#[path = "../../immortal-core/src/names.rs"]
#[allow(dead_code, reason = "the roles use more of it")]
mod names;
/// Included by its path, because with all of the crate `lambda_runtime` would be instrumented, too.
#[path = "../../immortal-core/src/runtime_api/mod.rs"]
#[allow(dead_code, reason = "runner and emulator use more of it")]
mod runtime_api;

static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| Builder::new_current_thread().enable_all().build().expect("a runtime"));

const VALID_REQUEST: &str = "GET /unknown HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";

fuzz_target!(|bytes: &[u8]| {
    RUNTIME.block_on(async {
        let api = RuntimeApi::bind().await.expect("loopback");
        let invocation = Invocation { request_id: "r".into(), event: (&b"{}"[..]).into(), ..Invocation::default() };
        let invoked = api.invoke(invocation);
        let clients = async {
            let mut stream = TcpStream::connect(api.address()).await.expect("it listens");
            let _ = stream.write_all(bytes).await;
            let _ = stream.shutdown().await;
            // A pending `/next` is not answered; anything else is answered within this time.
            let _ = timeout(Duration::from_millis(5), stream.read_to_end(&mut Vec::new())).await;
            let mut next = TcpStream::connect(api.address()).await.expect("it still listens");
            next.write_all(VALID_REQUEST.as_bytes()).await.expect("it still reads");
            let mut answer = String::new();
            next.read_to_string(&mut answer).await.expect("it still answers");
            assert!(answer.starts_with("HTTP/1.1 404"), "{answer}");
        };
        tokio::pin!(invoked, clients);
        tokio::select! {
            biased;
            () = &mut clients => return,
            _ = &mut invoked => {}
        }
        clients.await;
    });
});
