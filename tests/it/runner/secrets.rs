//! Presigned URLs, credentials and events are not logged at any log level.

use immortal_emulator::{FaultKind, FaultedCalls, Function};

use super::{RunnerBench, RunnerExit, SECRETS, function, runtime};

/// In every event, and in no response.
const MARK: &str = "known-to-the-caller-only";

fn assert_no_secret(case: &str, end: &RunnerExit) {
    for secret in SECRETS.iter().chain([&MARK]) {
        let output = format!("{}{}", end.stdout, end.stderr);
        let lines: Vec<_> = output.lines().filter(|line| line.contains(secret)).collect();
        assert!(lines.is_empty(), "{case}: {secret} is in\n{}", lines.join("\n"));
    }
}

#[tokio::test]
async fn no_log_contains_a_secret_at_any_log_level() {
    let sound = || runtime("next; respond 1");
    let event = format!(r#"{{"mark":"{MARK}"}}"#);
    let bench = async |function: Function| RunnerBench::new(function).await.event(&event).with("RUST_LOG", "trace");
    let stored = bench(sound()).await.without("AWS_LAMBDA_FUNCTION_EVENT");
    stored.emulator.put_object("events", "key", event.clone());
    let hidden = Function { environment: [("PASSWORD".to_owned(), MARK.to_owned())].into(), ..sound() };
    let durable = Function { durable: true, ..sound() };
    let table = [
        ("success", bench(hidden).await, 0),
        ("an event in S3", stored.with("IMMORTAL_EVENT_S3", "s3://events/key"), 0),
        ("a refusal", bench(durable).await, 2),
        ("no zip", bench(function(b"no zip".to_vec())).await, 2),
        ("expired", bench(sound()).await.fault("Download", FaultKind::Expired, FaultedCalls::All), 75),
        ("cut", bench(sound()).await.fault("Download", FaultKind::Truncated, FaultedCalls::Next(1)), 0),
        ("corrupt", bench(sound()).await.fault("Download", FaultKind::Corrupt, FaultedCalls::All), 75),
        ("reset", bench(sound()).await.fault("Download", FaultKind::ResetBefore, FaultedCalls::Next(2)), 0),
        ("denied", bench(sound()).await.fault("GetFunction", FaultKind::AccessDenied, FaultedCalls::All), 75),
        ("throttled", bench(sound()).await.fault("GetFunction", FaultKind::Throttle, FaultedCalls::Next(1)), 0),
        ("a malformed event", bench(sound()).await.event(&event[..event.len() - 1]), 2),
        ("a malformed attempt", bench(sound()).await.with("IMMORTAL_ATTEMPT", "0"), 2),
        ("a failure", bench(runtime("next; exit 1")).await, 3),
    ];
    for (case, bench, code) in table {
        let end = bench.run().await;
        assert_eq!(end.code, Some(code), "{case}: {}", end.full_output());
        assert_no_secret(case, &end);
    }
}
