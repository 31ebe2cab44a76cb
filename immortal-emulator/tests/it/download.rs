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

/// Status line and body, as far as they come within a second of silence.
fn get(address: &str, range: &str) -> (String, Vec<u8>) {
    let (host, path) = address.strip_prefix("http://").and_then(|rest| rest.split_once('/')).expect("an address");
    let mut stream = TcpStream::connect(host).expect("loopback");
    stream.set_read_timeout(Some(Duration::from_secs(1))).expect("a socket");
    write!(stream, "GET /{path} HTTP/1.1\r\nHost: {host}\r\nRange: {range}\r\nConnection: close\r\n\r\n")
        .expect("sent");
    let mut answer = Vec::new();
    // A cut and a stall end in an error; what came before counts.
    let _ = stream.read_to_end(&mut answer);
    let head = answer.windows(4).position(|window| window == b"\r\n\r\n").expect("a head");
    let status = String::from_utf8_lossy(&answer[9..12]).into_owned();
    (status, answer[head + 4..].to_vec())
}

async fn address(emulator: &Emulator) -> String {
    let got = lambda(emulator).await.get_function().function_name("ingest").send().await.expect("got");
    got.code().and_then(|code| code.location()).expect("there").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_package_comes_whole_or_in_parts_for_ten_minutes() {
    let emulator = emulator().await;
    let zip = script("#!/bin/sh");
    emulator.deploy(Function::new("ingest", zip.clone())).expect("sound");
    let address = address(&emulator).await;
    assert_eq!(get(&address, ""), ("200".to_owned(), zip.clone()));
    assert_eq!(get(&address, "bytes=4-9"), ("206".to_owned(), zip[4..=9].to_vec()));
    assert_eq!(get(&address, "bytes=99999-").0, "416");
    emulator.advance(Duration::from_mins(9));
    assert_eq!(get(&address, "").0, "200");
    emulator.advance(Duration::from_mins(2));
    assert_eq!(get(&address, "").0, "403");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_download_fails_as_it_is_told_to() {
    let emulator = emulator().await;
    let zip = script("#!/bin/sh");
    emulator.deploy(Function::new("ingest", zip.clone())).expect("sound");
    let address = address(&emulator).await;
    let mut corrupt = zip.clone();
    corrupt[zip.len() / 2] ^= 0xff;
    let half = zip[..zip.len() / 2].to_vec();
    let part = zip[..5].to_vec();
    for (kind, range, status, body) in [
        (FaultKind::Stall, "", "200", &half),
        (FaultKind::Cut, "", "200", &half),
        (FaultKind::Cut, "bytes=0-9", "206", &part),
        (FaultKind::Corrupt, "", "200", &corrupt),
        (FaultKind::NoRanges, "bytes=0-9", "200", &zip),
    ] {
        emulator.inject(Fault { operation: "Download", kind, calls: FaultedCalls::Next(1) });
        assert_eq!(get(&address, range), (status.to_owned(), body.clone()), "{range}");
    }
    for (kind, status) in [(FaultKind::Expired, "403"), (FaultKind::Status(500), "500"), (FaultKind::Throttle, "503")] {
        emulator.inject(Fault { operation: "Download", kind, calls: FaultedCalls::Next(1) });
        assert_eq!(get(&address, "").0, status);
    }
    assert_eq!(get(&address, "").1, zip);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paced_download_is_whole_and_takes_its_time() {
    let emulator = emulator().await;
    let zip = vec![7; 1_000_000];
    emulator.deploy(Function::new("ingest", zip.clone())).expect("sound");
    let address = address(&emulator).await;
    emulator.inject(Fault { operation: "Download", kind: FaultKind::Paced(4_000_000), calls: FaultedCalls::All });
    let begin = Instant::now();
    assert_eq!(get(&address, ""), ("200".to_owned(), zip.clone()));
    // All but the last of its pieces are waited for, at 250 ms for all of it.
    assert!(begin.elapsed() > Duration::from_millis(150), "{:?}", begin.elapsed());
    assert_eq!(get(&address, "bytes=0-9"), ("206".to_owned(), zip[..10].to_vec()));
}
