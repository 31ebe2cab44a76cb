//! The three forms in which an event comes, and what becomes of one that is unavailable.

use std::io::Write;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use immortal_emulator::{FaultKind, FaultedCalls};

use super::{Bench, REQUEST, function, package, script};

/// What another parser would write otherwise.
const EVENT: &str = r#"{ "n":1.0, "big":123456789012345678901234567890, "n":"\u00e9" }"#;

fn gzip(text: &str) -> String {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(text.as_bytes()).expect("memory");
    BASE64_STANDARD.encode(encoder.finish().expect("memory"))
}

/// A bench whose event lies in S3.
async fn in_s3(code: Vec<u8>) -> Bench {
    Bench::of(function(code)).await.without("AWS_LAMBDA_FUNCTION_EVENT").with("IMMORTAL_EVENT_S3", "s3://events/a/key")
}

#[tokio::test]
async fn an_unmodified_binary_runs_with_the_events_bytes_in_each_form() {
    let bare = || async { Bench::of(function(package("bare"))).await.without("AWS_LAMBDA_FUNCTION_EVENT") };
    let stored = in_s3(package("bare")).await;
    stored.emulator.put_object("events", "a/key", EVENT);
    for (form, bench) in [
        ("inline", bare().await.event(EVENT)),
        ("gzip", bare().await.with("IMMORTAL_EVENT_GZIP", &gzip(EVENT))),
        ("S3", stored),
    ] {
        let end = bench.run().await;
        assert_eq!(end.code, Some(0), "{form}: {}", end.all());
        assert!(end.stdout.contains(&format!(r#"{{"event":{EVENT},"#)), "{form}: {}", end.all());
        assert!(end.stdout.contains(&format!(r#""request_id":"{REQUEST}""#)), "{form}: {}", end.all());
    }
}

#[tokio::test]
async fn an_immortal_binary_runs_with_the_events_bytes() {
    let event = r#"{ "lambda":"fail", "n":1.0, "n":"\u00e9" }"#;
    let end = Bench::of(function(package("killed"))).await.event(event).run().await;
    assert_eq!(end.code, Some(0), "{}", end.all());
    assert!(end.stdout.contains(&format!(r#"saw {{"event":{event},"#)), "{}", end.all());
    assert!(end.stdout.contains(r#""attempt":1"#), "{}", end.all());
}

#[tokio::test]
async fn a_lambda_http_function_runs_too() {
    let event = r#"{"version":"2.0","routeKey":"$default","rawPath":"/books","rawQueryString":"","headers":{},"requestContext":{"accountId":"1","apiId":"a","domainName":"d","domainPrefix":"d","http":{"method":"GET","path":"/books","protocol":"HTTP/1.1","sourceIp":"127.0.0.1","userAgent":"t"},"requestId":"r","routeKey":"$default","stage":"$default","time":"12/Mar/2020:19:03:58 +0000","timeEpoch":1583348638390},"isBase64Encoded":false}"#;
    let end = Bench::of(function(package("http"))).await.event(event).run().await;
    assert_eq!(end.code, Some(0), "{}", end.all());
    assert!(end.stdout.contains("GET /books"), "{}", end.all());
}

#[tokio::test]
async fn an_event_that_is_gone_is_given_up() {
    let bench = in_s3(b"never fetched".to_vec()).await;
    bench.emulator.create_bucket("events");
    let end = bench.run().await;
    assert_eq!(end.code, Some(2), "{}", end.all());
    assert!(end.stderr.contains("s3://events/a/key") && end.stderr.contains("lifecycle"), "{}", end.all());
}

#[tokio::test]
async fn an_event_that_cant_be_had_this_time_is_the_next_attempts() {
    // What S3 answers for a missing object, too, where the role may not list the bucket.
    let bench = in_s3(b"never fetched".to_vec()).await.fault("GetObject", FaultKind::AccessDenied, FaultedCalls::All);
    let end = bench.run().await;
    assert_eq!(end.code, Some(75), "{}", end.all());
    assert!(end.stderr.contains("s3:GetObject") && end.stderr.contains("s3:ListBucket"), "{}", end.all());
}

#[tokio::test]
async fn an_event_is_asked_for_again_while_s3_is_busy() {
    let bench = in_s3(package("bare")).await.fault("GetObject", FaultKind::Throttle, FaultedCalls::Next(2));
    bench.emulator.put_object("events", "a/key", EVENT);
    let end = bench.fault("GetObject", FaultKind::ResetAfter, FaultedCalls::Nth(3)).run().await;
    assert_eq!(end.code, Some(0), "{}", end.all());
}

#[tokio::test]
async fn a_malformed_order_is_refused_with_all_that_is_wrong() {
    let bench = Bench::of(script("exit 0")).await;
    let end = bench.event("{").with("IMMORTAL_ATTEMPT", "first").with("IMMORTAL_STOP_TIMEOUT", "soon").run().await;
    assert_eq!(end.code, Some(2), "{}", end.all());
    for name in ["AWS_LAMBDA_FUNCTION_EVENT", "IMMORTAL_ATTEMPT", "IMMORTAL_STOP_TIMEOUT"] {
        assert!(end.stderr.contains(name), "{name}: {}", end.all());
    }
    let both = Bench::of(script("exit 0")).await.with("IMMORTAL_EVENT_S3", "s3://events/a/key").run().await;
    assert_eq!(both.code, Some(2), "{}", both.all());
    let broken = Bench::of(script("exit 0")).await.without("AWS_LAMBDA_FUNCTION_EVENT");
    let broken = broken.with("IMMORTAL_EVENT_GZIP", "bm8gZ3ppcA==").run().await;
    assert_eq!(broken.code, Some(2), "{}", broken.all());
    assert!(broken.stderr.contains("IMMORTAL_EVENT_GZIP"), "{}", broken.all());
}
