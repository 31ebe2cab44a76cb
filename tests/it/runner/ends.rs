//! The runner's exit codes: how the handler ended, or why it never ran.

use std::io::Write;

use immortal_emulator::{FaultKind, FaultedCalls, Function};

use serde_json::json;

use super::{REQUEST, RunnerBench, function, package, runtime, script, zip_of};

#[tokio::test]
async fn the_exit_code_tells_how_the_handler_ended() {
    let table = [("succeed", 0), ("fail", 1), ("panic", 1), ("exit", 3), ("abort", 128 + 6)];
    let mut bench = RunnerBench::new(function(package("killed"))).await;
    for (end, code) in table {
        bench = bench.event(&format!(r#"{{"lambda":"hang","tasks":["{end}"]}}"#));
        let ended = bench.run().await;
        assert_eq!(ended.code, Some(code), "{end}: {}", ended.full_output());
    }
}

#[tokio::test]
async fn a_process_that_exits_without_a_response_fails_the_attempt() {
    let broken_off = format!(
        r#"next; exec 4<>"/dev/tcp/${{AWS_LAMBDA_RUNTIME_API/://}}"
        printf 'POST /2018-06-01/runtime/invocation/{REQUEST}/error HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n1' >&4
        exec 4>&-; next"#
    );
    for (bootstrap, code, expected) in [
        ("exit 0", 3, "exited with 0, without an answer"),
        ("exit 124", 3, "exited with 124"),
        (broken_off.as_str(), 3, "without a whole answer"),
        ("next; kill -KILL $$", 137, "ran out of memory"),
        ("next; kill -SEGV $$", 139, "signal 11"),
    ] {
        let end = RunnerBench::new(runtime(bootstrap)).await.run().await;
        assert_eq!(end.code, Some(code), "{bootstrap}: {}", end.full_output());
        assert!(end.stderr.contains(expected), "{bootstrap} says {expected}: {}", end.full_output());
    }
}

#[tokio::test]
async fn a_process_that_never_requests_the_event_is_killed() {
    let end = RunnerBench::new(script("exec sleep 60")).await.with("IMMORTAL_START_TIMEOUT", "1").run().await;
    assert_eq!(end.code, Some(3), "{}", end.full_output());
    assert!(end.stderr.contains("didn't ask for the event within 1 s"), "{}", end.full_output());
}

#[tokio::test]
async fn an_order_that_would_forge_a_log_line_is_rejected_and_unknown_members_are_accepted() {
    let forged = format!("{REQUEST}\r\nEND RequestId: forged");
    for (field, value) in [("awsRequestId", forged.as_str()), ("functionVersion", "1\nEND RequestId: forged")] {
        let end = RunnerBench::new(script("exit 0")).await.context(field, value.into()).run().await;
        assert_eq!(end.code, Some(2), "{field}: {}", end.full_output());
        assert!(end.stderr.contains(field), "{}", end.full_output());
        assert!(
            !end.full_output().lines().any(|line| line.starts_with("END RequestId: forged")),
            "{}",
            end.full_output()
        );
    }
    let mut bench = RunnerBench::new(runtime("next; respond 1")).await;
    for (field, value) in [
        ("xrayTraceId", json!(5)),
        ("tenantId", json!("acme\r\nx")),
        ("clientContext", json!("text")),
        ("identity", json!([])),
        ("logStreamName", json!("\0")),
    ] {
        bench = bench.context(field, value);
    }
    let end = bench.run().await;
    assert_eq!(end.code, Some(0), "{}", end.full_output());
}

#[tokio::test]
async fn at_its_time_limit_an_attempt_is_given_up_in_any_phase() {
    let spinning = RunnerBench::new(function(package("killed"))).await.event(r#"{"lambda":"hang","tasks":["spin"]}"#);
    let downloading = RunnerBench::new(script("exit 0")).await.fault("Download", FaultKind::Stall, FaultedCalls::All);
    for bench in [spinning, downloading] {
        let end = bench.with("IMMORTAL_LIMIT", "1").run().await;
        assert_eq!(end.code, Some(124), "{}", end.full_output());
        assert!(end.stderr.contains("limit"), "{}", end.full_output());
    }
}

#[tokio::test]
async fn unsupported_functions_are_rejected_with_what_to_do_instead() {
    let sound = || script("exit 0");
    let lzma = {
        let mut zip = zip_of([("bootstrap", 0o755, b"#!/bin/sh\n".as_slice())]);
        let at = zip.windows(4).position(|window| window == b"PK\x01\x02").expect("it has a directory");
        zip[at + 10] = 14;
        zip
    };
    let table: Vec<(&str, Function, &str)> = vec![
        ("image", Function { image_uri: Some("1.dkr.ecr/image:1".into()), ..sound() }, "deploy it as a zip"),
        ("durable", Function { durable: true, ..sound() }, "durable function"),
        ("EFS", Function { file_systems: vec![("arn:efs".into(), "/mnt/data".into())], ..sound() }, "(EFS)"),
        ("architecture", Function { architecture: another_architecture().into(), ..sound() }, "cpuArchitecture"),
        (
            "environment",
            Function { environment_error: Some(("AccessDeniedException".into(), "no key".into())), ..sound() },
            "kms:Decrypt",
        ),
        (
            "code",
            Function { code_error: Some((KEY.into(), "AccessDeniedException".into(), "no".into())), ..sound() },
            "kms:Decrypt on arn:aws:kms:",
        ),
        ("no bootstrap", function(zip_of([("readme", 0o644, b"hello".as_slice())])), "no bootstrap"),
        ("not executable", function(zip_of([("bootstrap", 0o644, b"#!/bin/sh\n".as_slice())])), "mode 755"),
        ("a directory", function(zip_of([("bootstrap/file", 0o755, b"".as_slice())])), "an executable file"),
        (
            "no interpreter",
            function(zip_of([("bootstrap", 0o755, b"#!/no/such\n".as_slice())])),
            "built for this image",
        ),
        ("no program", function(zip_of([("bootstrap", 0o755, b"\0\0".as_slice())])), "built for this image"),
        ("in a directory", function(zip_of([("hello/bootstrap", 0o755, b"".as_slice())])), r#""hello/bootstrap""#),
        ("CR LF", function(zip_of([("bootstrap", 0o755, b"#!/bin/sh\r\n".as_slice())])), "CR LF"),
        ("a method", function(lzma), r#""bootstrap" is compressed with"#),
        ("no zip", function(b"this is not a zip".to_vec()), "not a readable zip"),
        ("include", function(zip_of([("../config/a", 0o644, b"".as_slice())])), "--include config:../config"),
        ("zip slip", function(zip_of([("../../evil", 0o755, b"evil".as_slice())])), r#""../../evil" leads out"#),
        ("a bomb", function(bomb()), "larger than 250 MB"),
    ];
    for (case, function, expected) in table {
        let bench = RunnerBench::new(function).await;
        let end = bench.run().await;
        assert_eq!(end.code, Some(2), "{case}: {}", end.full_output());
        assert!(end.stderr.contains(expected), "{case} says {expected}: {}", end.full_output());
        assert_eq!(end.stderr.matches("ERROR").count(), 1, "{case} is reported in one line: {}", end.full_output());
        let beside: Vec<_> = std::fs::read_dir(bench.path("")).expect("ours").flatten().collect();
        assert!(beside.iter().all(|entry| entry.file_name() == "task"), "{case} left {beside:?}");
    }
}

#[tokio::test]
async fn a_throttled_key_service_is_left_to_the_next_attempt() {
    let busy = || ("ThrottlingException".to_owned(), "Rate exceeded".to_owned());
    let (code, message) = busy();
    let table = [
        Function { environment_error: Some(busy()), ..script("exit 0") },
        Function { code_error: Some((KEY.into(), code, message)), ..script("exit 0") },
    ];
    for function in table {
        let end = RunnerBench::new(function).await.run().await;
        assert_eq!(end.code, Some(75), "{}", end.full_output());
        assert!(end.stderr.contains("ThrottlingException"), "{}", end.full_output());
    }
}

#[tokio::test]
async fn the_function_is_looked_up_in_the_contexts_account_and_region() {
    let elsewhere = "arn:aws:lambda:us-east-1:999999999999:function:ingest";
    let end = RunnerBench::new(script("exit 0")).await.context("invokedFunctionArn", elsewhere.into()).run().await;
    assert_eq!(end.code, Some(2), "{}", end.full_output());
    assert!(end.stderr.contains(elsewhere), "{}", end.full_output());
}

#[tokio::test]
async fn a_deleted_function_is_given_up() {
    let gone = "arn:aws:lambda:eu-central-1:123456789012:function:gone";
    let end = RunnerBench::new(script("exit 0")).await.context("invokedFunctionArn", gone.into()).run().await;
    assert_eq!(end.code, Some(2), "{}", end.full_output());
    let end = RunnerBench::new(script("exit 0")).await.context("functionVersion", "7".into()).run().await;
    assert_eq!(end.code, Some(2), "{}", end.full_output());
    assert!(end.stderr.contains("version 7") && end.stderr.contains("deleted"), "{}", end.full_output());
}

#[tokio::test]
async fn an_unwritable_disk_is_an_error_of_the_runner() {
    let end = RunnerBench::new(script("exit 0")).await.with("LAMBDA_TASK_ROOT", "/dev/null/task").run().await;
    assert_eq!(end.code, Some(70), "{}", end.full_output());
    assert!(end.stderr.contains("/dev/null/task"), "{}", end.full_output());
}

const KEY: &str = "arn:aws:kms:eu-central-1:123456789012:key/1";

fn another_architecture() -> &'static str {
    if cfg!(target_arch = "aarch64") { "x86_64" } else { "arm64" }
}

/// A zip of 250 kB that expands to 251 MB.
fn bomb() -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    zip.start_file("bootstrap", zip::write::SimpleFileOptions::default()).expect("writing to memory");
    let megabyte = vec![0; 1024 * 1024];
    for _ in 0..251 {
        zip.write_all(&megabyte).expect("writing to memory");
    }
    zip.finish().expect("writing to memory").into_inner()
}
