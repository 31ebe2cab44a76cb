//! The presigned download, as a plain HTTP client sees it.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    time::{Duration, Instant},
};

use immortal_emulator::{Emulator, Fault, FaultKind, FaultedCalls, Function};

use crate::{
    bootstrap::script,
    clients::{emulator, lambda},
};

/// Returns the status and the body, as much of it as arrives without a pause of one second.
fn http_get(address: &str, range: &str) -> (String, Vec<u8>) {
    let (host, path) = address.strip_prefix("http://").and_then(|rest| rest.split_once('/')).expect("an address");
    let mut stream = TcpStream::connect(host).expect("loopback");
    stream.set_read_timeout(Some(Duration::from_secs(1))).expect("a socket");
    write!(stream, "GET /{path} HTTP/1.1\r\nHost: {host}\r\nRange: {range}\r\nConnection: close\r\n\r\n")
        .expect("sent");
    let mut answer = Vec::new();
    // A closed or stalled connection ends in an error; the bytes before it count.
    let _ = stream.read_to_end(&mut answer);
    let head = answer.windows(4).position(|window| window == b"\r\n\r\n").expect("a head");
    let status = String::from_utf8_lossy(&answer[9..12]).into_owned();
    (status, answer[head + 4..].to_vec())
}

async fn presigned_url(emulator: &Emulator) -> String {
    let got = lambda(emulator).await.get_function().function_name("ingest").send().await.expect("got");
    got.code().and_then(|code| code.location()).expect("there").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_package_can_be_downloaded_whole_or_in_ranges_for_ten_minutes() {
    let emulator = emulator().await;
    let zip = script("#!/bin/sh");
    emulator.deploy(Function::new("ingest", zip.clone())).expect("sound");
    let address = presigned_url(&emulator).await;
    assert_eq!(http_get(&address, ""), ("200".to_owned(), zip.clone()));
    assert_eq!(http_get(&address, "bytes=4-9"), ("206".to_owned(), zip[4..=9].to_vec()));
    assert_eq!(http_get(&address, "bytes=99999-").0, "416");
    emulator.advance(Duration::from_mins(9));
    assert_eq!(http_get(&address, "").0, "200");
    emulator.advance(Duration::from_mins(2));
    assert_eq!(http_get(&address, "").0, "403");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_download_fails_with_each_injected_fault() {
    let emulator = emulator().await;
    let zip = script("#!/bin/sh");
    emulator.deploy(Function::new("ingest", zip.clone())).expect("sound");
    let address = presigned_url(&emulator).await;
    let mut corrupt = zip.clone();
    corrupt[zip.len() / 2] ^= 0xff;
    let half = zip[..zip.len() / 2].to_vec();
    let part = zip[..5].to_vec();
    for (kind, range, status, body) in [
        (FaultKind::Stall, "", "200", &half),
        (FaultKind::Truncated, "", "200", &half),
        (FaultKind::Truncated, "bytes=0-9", "206", &part),
        (FaultKind::Corrupt, "", "200", &corrupt),
        (FaultKind::NoRanges, "bytes=0-9", "200", &zip),
    ] {
        emulator.inject(Fault { operation: "Download", kind, calls: FaultedCalls::Next(1) });
        assert_eq!(http_get(&address, range), (status.to_owned(), body.clone()), "{range}");
    }
    for (kind, status) in [(FaultKind::Expired, "403"), (FaultKind::Status(500), "500"), (FaultKind::Throttle, "503")] {
        emulator.inject(Fault { operation: "Download", kind, calls: FaultedCalls::Next(1) });
        assert_eq!(http_get(&address, "").0, status);
    }
    assert_eq!(http_get(&address, "").1, zip);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rate_limited_download_is_complete_and_slow() {
    let emulator = emulator().await;
    let zip = vec![7; 1_000_000];
    emulator.deploy(Function::new("ingest", zip.clone())).expect("sound");
    let address = presigned_url(&emulator).await;
    emulator.inject(Fault { operation: "Download", kind: FaultKind::RateLimited(4_000_000), calls: FaultedCalls::All });
    let begin = Instant::now();
    assert_eq!(http_get(&address, ""), ("200".to_owned(), zip.clone()));
    // The whole download takes 250 ms; the wait after its last chunk is skipped.
    assert!(begin.elapsed() > Duration::from_millis(150), "{:?}", begin.elapsed());
    assert_eq!(http_get(&address, "bytes=0-9"), ("206".to_owned(), zip[..10].to_vec()));
}
