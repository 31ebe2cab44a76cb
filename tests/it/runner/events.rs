//! The three forms of an event in an order, and events that are unavailable.

use std::io::Write;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use immortal_emulator::{FaultKind, FaultedCalls};

use super::{REQUEST, RunnerBench, function, package, script};

/// An event that parsing and serializing would change.
const EVENT: &str = r#"{ "n":1.0, "big":123456789012345678901234567890, "n":"\u00e9" }"#;

fn gzip(text: &str) -> String {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(text.as_bytes()).expect("memory");
    BASE64_STANDARD.encode(encoder.finish().expect("memory"))
}

/// A bench with the event in S3.
async fn in_s3(code: Vec<u8>) -> RunnerBench {
    RunnerBench::new(function(code))
        .await
        .without("AWS_LAMBDA_FUNCTION_EVENT")
        .with("IMMORTAL_EVENT_S3", "s3://events/a/key")
}

#[tokio::test]
async fn an_unmodified_binary_runs_with_the_events_bytes_in_each_form() {
    let bare = || async { RunnerBench::new(function(package("bare"))).await.without("AWS_LAMBDA_FUNCTION_EVENT") };
    let stored = in_s3(package("bare")).await;
    stored.emulator.put_object("events", "a/key", EVENT);
    for (form, bench) in [
        ("inline", bare().await.event(EVENT)),
        ("gzip", bare().await.with("IMMORTAL_EVENT_GZIP", &gzip(EVENT))),
        ("S3", stored),
    ] {
        let end = bench.run().await;
        assert_eq!(end.code, Some(0), "{form}: {}", end.full_output());
        assert!(end.stdout.contains(&format!(r#"{{"event":{EVENT},"#)), "{form}: {}", end.full_output());
        assert!(end.stdout.contains(&format!(r#""request_id":"{REQUEST}""#)), "{form}: {}", end.full_output());
    }
}

#[tokio::test]
async fn an_immortal_binary_runs_with_the_events_bytes() {
    let event = r#"{ "lambda":"fail", "n":1.0, "n":"\u00e9" }"#;
    let end = RunnerBench::new(function(package("killed"))).await.event(event).run().await;
    assert_eq!(end.code, Some(0), "{}", end.full_output());
    assert!(end.stdout.contains(&format!(r#"saw {{"event":{event},"#)), "{}", end.full_output());
    assert!(end.stdout.contains(r#""attempt":1"#), "{}", end.full_output());
}

#[tokio::test]
async fn a_lambda_http_function_runs_too() {
    let event = r#"{"version":"2.0","routeKey":"$default","rawPath":"/books","rawQueryString":"","headers":{},"requestContext":{"accountId":"1","apiId":"a","domainName":"d","domainPrefix":"d","http":{"method":"GET","path":"/books","protocol":"HTTP/1.1","sourceIp":"127.0.0.1","userAgent":"t"},"requestId":"r","routeKey":"$default","stage":"$default","time":"12/Mar/2020:19:03:58 +0000","timeEpoch":1583348638390},"isBase64Encoded":false}"#;
    let end = RunnerBench::new(function(package("http"))).await.event(event).run().await;
    assert_eq!(end.code, Some(0), "{}", end.full_output());
    assert!(end.stdout.contains("GET /books"), "{}", end.full_output());
}

#[tokio::test]
async fn a_deleted_event_is_given_up() {
    let bench = in_s3(b"never fetched".to_vec()).await;
    bench.emulator.create_bucket("events");
    let end = bench.run().await;
    assert_eq!(end.code, Some(2), "{}", end.full_output());
    assert!(end.stderr.contains("s3://events/a/key") && end.stderr.contains("lifecycle"), "{}", end.full_output());
}

#[tokio::test]
async fn an_event_that_is_unavailable_for_now_is_left_to_the_next_attempt() {
    // Also the response of S3 for a missing object if the role may not list the bucket.
    let bench = in_s3(b"never fetched".to_vec()).await.fault("GetObject", FaultKind::AccessDenied, FaultedCalls::All);
    let end = bench.run().await;
    assert_eq!(end.code, Some(75), "{}", end.full_output());
    assert!(end.stderr.contains("s3:GetObject") && end.stderr.contains("s3:ListBucket"), "{}", end.full_output());
}

#[tokio::test]
async fn reading_an_event_is_retried_while_s3_is_throttled() {
    let bench = in_s3(package("bare")).await.fault("GetObject", FaultKind::Throttle, FaultedCalls::Next(2));
    bench.emulator.put_object("events", "a/key", EVENT);
    let end = bench.fault("GetObject", FaultKind::ResetAfter, FaultedCalls::Nth(3)).run().await;
    assert_eq!(end.code, Some(0), "{}", end.full_output());
}

#[tokio::test]
async fn a_malformed_order_is_rejected_with_all_errors() {
    let bench = RunnerBench::new(script("exit 0")).await;
    let end = bench.event("{").with("IMMORTAL_ATTEMPT", "first").with("IMMORTAL_STOP_TIMEOUT", "soon").run().await;
    assert_eq!(end.code, Some(2), "{}", end.full_output());
    for name in ["AWS_LAMBDA_FUNCTION_EVENT", "IMMORTAL_ATTEMPT", "IMMORTAL_STOP_TIMEOUT"] {
        assert!(end.stderr.contains(name), "{name}: {}", end.full_output());
    }
    let both = RunnerBench::new(script("exit 0")).await.with("IMMORTAL_EVENT_S3", "s3://events/a/key").run().await;
    assert_eq!(both.code, Some(2), "{}", both.full_output());
    let broken = RunnerBench::new(script("exit 0")).await.without("AWS_LAMBDA_FUNCTION_EVENT");
    let broken = broken.with("IMMORTAL_EVENT_GZIP", "bm8gZ3ppcA==").run().await;
    assert_eq!(broken.code, Some(2), "{}", broken.full_output());
    assert!(broken.stderr.contains("IMMORTAL_EVENT_GZIP"), "{}", broken.full_output());
}
