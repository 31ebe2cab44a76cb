//! The hand-over, as Lambda sees it.

use std::time::{Duration, Instant};

use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::{Value, json};

use crate::runtime_api::{PATIENCE, is_function, start, start_unread};

#[test]
fn a_handler_that_never_yields_is_handed_over() {
    if is_function("hand_over::a_handler_that_never_yields_is_handed_over") {
        serve();
    }
    let (function, api) = start("hand_over::a_handler_that_never_yields_is_handed_over", &[], Duration::from_secs(1));
    let given_at = Instant::now();
    api.expect_next(&json!("spin"));
    let error = api.expect_post("/2018-06-01/runtime/invocation/r-1/error");
    let elapsed = given_at.elapsed();
    assert!(elapsed >= Duration::from_millis(850), "handed over {elapsed:?} after the start of one second");

    assert_eq!(error.header("lambda-runtime-function-error-type"), Some("Immortal.HandedOver"));
    assert_eq!(error.header("lambda-runtime-invocation-id"), Some("i-1"));
    assert_eq!(error.body["errorType"], "Immortal.HandedOver");
    let message = error.body["errorMessage"].as_str().expect("a message");
    assert!(message.starts_with("Immortal.HandedOver: ") && message.len() <= 1000, "{message}");
    let context: Value = serde_json::from_str(&message[message.find('{').expect("a context")..]).expect("JSON");
    assert_eq!(context["awsRequestId"], "r-1");
    assert_eq!(context["invokedFunctionArn"], "arn:aws:lambda:eu-central-1:123456789012:function:ingest");
    assert_eq!(context["memoryLimitInMB"], "128");
    assert_eq!(context["clientContext"], json!({"custom": {"a": "b"}}));

    // The same process, begun anew, serves at once; the old life posts nothing more.
    api.expect_next(&json!({"pid": null}));
    let answer = api.expect_post("/2018-06-01/runtime/invocation/r-2/response");
    assert_eq!(answer.body, json!(function.id()));
    function.end();
    api.expect_nothing_more();
}

#[test]
fn a_handler_that_waits_is_handed_over() {
    if is_function("hand_over::a_handler_that_waits_is_handed_over") {
        serve();
    }
    let (function, api) = start("hand_over::a_handler_that_waits_is_handed_over", &[], Duration::from_millis(300));
    for request in ["r-1", "r-2", "r-3"] {
        api.expect_next(&json!("wait"));
        let error = api.expect_post(&format!("/2018-06-01/runtime/invocation/{request}/error"));
        assert_eq!(error.body["errorType"], "Immortal.HandedOver");
    }
    function.end();
}

#[test]
fn handlers_in_time_are_never_disturbed() {
    if is_function("hand_over::handlers_in_time_are_never_disturbed") {
        serve();
    }
    let (function, api) = start("hand_over::handlers_in_time_are_never_disturbed", &[], PATIENCE);
    for number in 1..=40 {
        let event = if number % 4 == 0 { json!("panic") } else { json!({"pid": number}) };
        api.expect_next(&event);
        let kind = if number % 4 == 0 { "error" } else { "response" };
        let answer = api.expect_post(&format!("/2018-06-01/runtime/invocation/r-{number}/{kind}"));
        match kind {
            "response" => assert_eq!(answer.body, json!(function.id())),
            _ => assert_eq!(answer.body["errorMessage"], "Lambda panicked: on purpose"),
        }
    }
    function.end();
}

/// Whoever read what the function prints is gone, and the Runtime API has forgotten the invocation.
#[test]
fn a_hand_over_that_fails_ends_the_process_whoever_reads_its_log() {
    const TEST: &str = "hand_over::a_hand_over_that_fails_ends_the_process_whoever_reads_its_log";
    if is_function(TEST) {
        serve();
    }
    let (function, api) = start_unread(TEST, Duration::from_millis(300));
    api.refuse_posts();
    api.expect_next(&json!("wait"));
    api.expect_post("/2018-06-01/runtime/invocation/r-1/error");
    assert_eq!(function.code_within(PATIENCE), Some(1));
}

#[test]
fn a_handler_that_asks_is_told_before_and_may_end_early() {
    const TEST: &str = "hand_over::a_handler_that_asks_is_told_before_and_may_end_early";
    if is_function(TEST) {
        serve();
    }
    let (function, api) = start(TEST, &[], Duration::from_secs(2));
    for request in ["r-1", "r-2"] {
        let given_at = Instant::now();
        api.expect_next(&json!("obey"));
        let error = api.expect_post(&format!("/2018-06-01/runtime/invocation/{request}/error"));
        let elapsed = given_at.elapsed();
        assert!(elapsed >= Duration::from_millis(1_600), "told {elapsed:?} after the start of two seconds");
        assert_eq!(error.body["errorType"], "Immortal.Stopped");
        let message = error.body["errorMessage"].as_str().expect("a message");
        assert!(message.starts_with("Immortal.Stopped: "), "{message}");
    }
    function.end();
    api.expect_nothing_more();
}

#[test]
fn on_fargate_a_handler_that_asks_is_told_by_sigterm() {
    const TEST: &str = "hand_over::on_fargate_a_handler_that_asks_is_told_by_sigterm";
    if is_function(TEST) {
        serve();
    }
    let (function, api) = start(TEST, &[("IMMORTAL_ATTEMPT", "1")], PATIENCE);
    api.expect_next(&json!("obey"));
    let pid = function.id().to_string();
    let status = format!("/proc/{pid}/status");
    // Bit 14 of what it catches: SIGTERM.
    let catches = || {
        let status = std::fs::read_to_string(&status).expect("it runs");
        let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).expect("Linux says so");
        u64::from_str_radix(caught.trim(), 16).expect("hexadecimal") & (1 << 14) > 0
    };
    while !catches() {
        std::thread::yield_now();
    }
    let told = std::process::Command::new("kill").args(["-TERM", &pid]).status();
    assert!(told.expect("there is a kill").success());
    let error = api.expect_post("/2018-06-01/runtime/invocation/r-1/error");
    assert_eq!(error.body["errorType"], "Immortal.Stopped");
    function.end();
}

/// The handler ends just when its event is handed over, over and over: what follows an answer is always `/next`.
#[test]
fn one_answer_in_the_same_moment() {
    if is_function("hand_over::one_answer_in_the_same_moment") {
        serve();
    }
    let (function, api) = start("hand_over::one_answer_in_the_same_moment", &[], Duration::from_millis(100));
    for number in 1..=60 {
        api.expect_next(&json!({"busy": 88 + number % 3}));
        let answer = api.seen.recv_timeout(PATIENCE).expect("an answer");
        let of_this = format!("/2018-06-01/runtime/invocation/r-{number}/");
        let kind = answer.path.strip_prefix(&of_this).unwrap_or_else(|| panic!("no answer to {number}: {answer:?}"));
        assert!(["response", "error"].contains(&kind), "{answer:?}");
    }
    function.end();
    api.expect_nothing_more();
}

#[test]
fn an_attempt_on_fargate_has_all_the_time() {
    if is_function("hand_over::an_attempt_on_fargate_has_all_the_time") {
        serve();
    }
    let attempt = [("IMMORTAL_ATTEMPT", "1")];
    let (function, api) =
        start("hand_over::an_attempt_on_fargate_has_all_the_time", &attempt, Duration::from_millis(100));
    api.expect_next(&json!({"busy": 400}));
    let answer = api.expect_post("/2018-06-01/runtime/invocation/r-1/response");
    assert_eq!(answer.body, json!(function.id()));
    function.end();
}

/// What this process does as the function.
fn serve() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let ended = runtime.block_on(immortal_core::start::run(service_fn(handler)));
    panic!("the runtime ended: {ended:?}");
}

async fn handler(event: LambdaEvent<Value>) -> Result<u32, Error> {
    match &event.payload {
        Value::String(text) if text == "spin" => loop {
            std::hint::spin_loop();
        },
        Value::String(text) if text == "wait" => std::future::pending().await,
        Value::String(text) if text == "obey" => {
            immortal_core::stopping::stopping().await;
            return Err(immortal_core::stopping::Stopped.into());
        }
        Value::String(text) if text == "panic" => panic!("on purpose"),
        event => {
            let end = Instant::now() + Duration::from_millis(event["busy"].as_u64().unwrap_or(0));
            while Instant::now() < end {
                std::hint::spin_loop();
            }
        }
    }
    Ok(std::process::id())
}
