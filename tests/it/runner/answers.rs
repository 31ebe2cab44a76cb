//! The handler's response and output, and the runner's output of them.

use immortal_emulator::Function;

use super::{REQUEST, RunnerBench, function, package, runtime};

#[tokio::test]
async fn output_is_the_handlers_output_between_lambdas_lines_and_the_result() {
    let bench = RunnerBench::new(runtime("printf 'an open line'; next; respond '\"done\"'")).await;
    let end = bench.run().await;
    assert_eq!(end.code, Some(0), "{}", end.full_output());
    let expected = format!(
        "START RequestId: {REQUEST} Version: $LATEST\nan open line\n\"done\"\nEND RequestId: {REQUEST}\n\
         REPORT RequestId: {REQUEST}\tDuration: "
    );
    assert!(end.stdout.starts_with(&expected), "{}", end.full_output());
    let report = end.stdout.lines().last().expect("the REPORT line");
    for part in ["Billed Duration: ", "Memory Size: 512 MB", "Max Memory Used: ", "Attempt: 1"] {
        assert!(report.contains(part), "{part}: {report}");
    }
}

#[tokio::test]
async fn the_output_of_the_process_is_passed_through_unchanged() {
    let bench = RunnerBench::new(runtime(r"printf '\377\000out'; printf '\376\000err' >&2; next; respond 1")).await;
    let output = bench.command().output().await.expect("the runner starts");
    let holds = |bytes: &[u8], part: &[u8]| bytes.windows(part.len()).any(|window| window == part);
    assert!(holds(&output.stdout, b"\xff\0out"), "{:?}", String::from_utf8_lossy(&output.stdout));
    assert!(holds(&output.stderr, b"\xfe\0err"), "{:?}", String::from_utf8_lossy(&output.stderr));
}

/// Runs `bare`, whose response contains its event, with an event of about this size from S3.
async fn answered_with(bytes: usize) -> super::RunnerExit {
    let bench = RunnerBench::new(function(package("bare"))).await.without("AWS_LAMBDA_FUNCTION_EVENT");
    let bench = bench.with("IMMORTAL_EVENT_S3", "s3://events/key");
    bench.emulator.put_object("events", "key", format!("\"{}\"", "x".repeat(bytes)));
    bench.run().await
}

#[tokio::test]
async fn a_response_of_six_megabytes_is_accepted_and_truncated_in_the_log() {
    let end = answered_with(6 * 1024 * 1024 - 1024).await;
    assert_eq!(end.code, Some(0), "{}", end.stderr);
    let result = end.stdout.lines().find(|line| line.starts_with(r#"{"event":"xxx"#)).expect("the result");
    assert_eq!(result.len(), 64 * 1024);
    assert!(end.stdout.contains("\n(the result has 629") && end.stdout.len() < 70_000, "{}", &end.stdout[65_000..]);
}

#[tokio::test]
async fn a_larger_response_is_the_handlers_error_as_in_lambda() {
    let end = answered_with(6 * 1024 * 1024 + 100).await;
    assert_eq!(end.code, Some(1), "{}", end.stderr);
    assert!(end.stderr.contains("Function.ResponseSizeTooLarge"), "{}", end.stderr);
}

#[tokio::test]
async fn a_streamed_response_may_be_longer_and_may_break_off() {
    let mut bench = RunnerBench::new(function(package("streamed"))).await;
    for (event, code, expected) in [
        (r#"{"megabytes":7,"breaks_off":false}"#, 0, ""),
        (r#"{"megabytes":7,"breaks_off":true}"#, 1, "the handler returned "),
        (r#"{"megabytes":0,"breaks_off":true}"#, 1, "the handler returned "),
    ] {
        bench = bench.event(event);
        let end = bench.run().await;
        assert_eq!(end.code, Some(code), "{event}: {}", end.stderr);
        assert!(end.stderr.contains(expected), "{event}: {}", end.stderr);
        assert_eq!(end.stdout.contains("(the result has 73"), code == 0, "{event}: {}", end.stderr);
    }
}

/// A runtime that streams its response as the Runtime API documents it, with these trailers.
fn streaming(trailers: &str) -> Function {
    let head = r"Lambda-Runtime-Function-Response-Mode: streaming\r\nTransfer-Encoding: chunked\r\n";
    let head = format!(r"{head}Trailer: Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body\r\n");
    runtime(&format!(r"next; answer response '{head}' '5\r\nhello\r\n6\r\n world\r\n0\r\n{trailers}\r\n'"))
}

#[tokio::test]
async fn the_trailers_of_a_stream_say_whether_it_broke_off() {
    let end = RunnerBench::new(streaming("")).await.run().await;
    assert_eq!(end.code, Some(0), "{}", end.full_output());
    assert!(end.stdout.contains("\nhello world\n"), "{}", end.full_output());
    // {"errorType":"Broken","errorMessage":"no more"}
    let body = "eyJlcnJvclR5cGUiOiJCcm9rZW4iLCJlcnJvck1lc3NhZ2UiOiJubyBtb3JlIn0=";
    let trailers = r"Lambda-Runtime-Function-Error-Type: Broken\r\nLambda-Runtime-Function-Error-Body: ";
    let end = RunnerBench::new(streaming(&format!(r"{trailers}{body}\r\n"))).await.run().await;
    assert_eq!(end.code, Some(1), "{}", end.full_output());
    assert!(end.stderr.contains("Broken: no more"), "{}", end.full_output());
}
