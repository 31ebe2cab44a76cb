//! A `main` of the user's own, under `#[immortal::main]`.

use std::{fs, process::ExitCode, time::Duration};

use immortal_core::{manifest::Manifest, start};
use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::{Value, json};

use crate::{
    runtime_api::{PATIENCE, is_function, start},
    start::become_function,
};

const MANIFEST: &Manifest = &Manifest::for_main("echo", "1.2.3");

async fn echo(event: LambdaEvent<Value>) -> Result<Value, Error> {
    Ok(event.payload)
}

/// Leaves a file where it ran.
fn leave_a_trace() {
    let path = std::env::var("TRACE").expect("only the handler role has this");
    fs::write(path, "").expect("a directory for it");
}

#[test]
fn it_serves_what_it_gives_to_run() {
    const TEST: &str = "own_main::it_serves_what_it_gives_to_run";
    if is_function(TEST) {
        let greeting = "hello".to_owned();
        let main = || async {
            let service =
                service_fn(async |event: LambdaEvent<String>| Ok::<_, Error>(greeting.clone() + &event.payload));
            start::run(service).await
        };
        become_function(start::async_main(main, MANIFEST));
    }
    let (function, api) = start(TEST, &[], PATIENCE);
    api.expect_next(&json!(" Ada"));
    let answer = api.expect_post("/2018-06-01/runtime/invocation/r-1/response");
    assert_eq!(answer.body, json!("hello Ada"));
    function.end();
}

#[test]
fn a_plain_main_makes_its_own_runtime() {
    const TEST: &str = "own_main::a_plain_main_makes_its_own_runtime";
    if is_function(TEST) {
        let main = || {
            assert!(tokio::runtime::Handle::try_current().is_err(), "there is no runtime yet");
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(start::run(service_fn(echo)))
        };
        become_function(start::plain_main(main, MANIFEST));
    }
    let (function, api) = start(TEST, &[], PATIENCE);
    api.expect_next(&json!(1));
    assert_eq!(api.expect_post("/2018-06-01/runtime/invocation/r-1/response").body, json!(1));
    function.end();
}

#[test]
fn its_manifest_decides_about_the_hand_over() {
    const TEST: &str = "own_main::its_manifest_decides_about_the_hand_over";
    if is_function(TEST) {
        const WITHOUT_GRACE: &Manifest = &Manifest::for_main("echo", "1.2.3").grace(0);
        let slow = async |event: LambdaEvent<Value>| {
            tokio::time::sleep(Duration::from_millis(600)).await;
            Ok::<_, Error>(event.payload)
        };
        become_function(start::async_main(|| start::run(service_fn(slow)), WITHOUT_GRACE));
    }
    let (function, api) = start(TEST, &[], Duration::from_millis(300));
    api.expect_next(&json!(1));
    assert_eq!(api.expect_post("/2018-06-01/runtime/invocation/r-1/response").body, json!(1));
    function.end();
}

#[test]
fn nothing_of_it_runs_in_another_role() {
    const TEST: &str = "own_main::nothing_of_it_runs_in_another_role";
    if is_function(TEST) {
        let code = match std::env::var("KIND").as_deref() {
            Ok("async") => start::async_main(|| async { leave_a_trace() }, MANIFEST),
            _ => start::plain_main(leave_a_trace, MANIFEST),
        };
        become_function(code);
    }
    let directory = tempfile::tempdir().expect("a temporary directory");
    for kind in ["async", "plain"] {
        // The last is in the handler role, to show that the trace is one.
        for (role, code) in [("describe", 0), ("Handler", 2), ("dispatcher", 2), ("runner", 2), ("handler", 0)] {
            let trace = directory.path().join(format!("{kind}-{role}"));
            let trace_name = trace.to_str().expect("text");
            let (function, _api) =
                start(TEST, &[("IMMORTAL_ROLE", role), ("KIND", kind), ("TRACE", trace_name)], PATIENCE);
            assert_eq!(function.code(), Some(code), "{kind} {role}");
            assert_eq!(trace.exists(), role == "handler", "{kind} {role}");
        }
    }
}

#[test]
fn before_run_it_ends_as_without_us() {
    const TEST: &str = "own_main::before_run_it_ends_as_without_us";
    if is_function(TEST) {
        let main = || async {
            let end = std::env::var("END")?;
            match end.as_str() {
                "return" => Ok(()),
                "panic" => panic!("on purpose"),
                end => Err(Error::from(end.to_owned())),
            }
        };
        become_function(start::async_main(main, MANIFEST));
    }
    for (end, code) in [("return", 0), ("fail", 1), ("panic", 101)] {
        let (function, api) = start(TEST, &[("END", end)], PATIENCE);
        assert_eq!(function.code(), Some(code), "{end}");
        api.expect_nothing_more();
    }
}

#[test]
fn a_second_run_is_an_error() {
    const TEST: &str = "own_main::a_second_run_is_an_error";
    if is_function(TEST) {
        let main = || async {
            let first = tokio::time::timeout(Duration::ZERO, start::run(service_fn(echo))).await;
            let second = start::run(service_fn(echo)).await.expect_err("the second");
            let is_told = second.to_string().contains("`immortal::run` was called a second time");
            if first.is_err() && is_told { ExitCode::from(2) } else { ExitCode::FAILURE }
        };
        become_function(start::async_main(main, MANIFEST));
    }
    let (function, _api) = start(TEST, &[], PATIENCE);
    assert_eq!(function.code(), Some(2));
}
