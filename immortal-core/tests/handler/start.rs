//! How `main` starts, and how it ends.

use std::process::ExitCode;

use immortal_core::{manifest::Manifest, start};
use lambda_runtime::{Error, LambdaEvent};
use serde_json::{Value, json};

use crate::runtime_api::{PATIENCE, is_function, start};

const MANIFEST: &Manifest = &Manifest::new("echo", "test", "1.2.3");

#[test]
fn state_is_made_before_the_first_event_and_once() {
    if is_function("start::state_is_made_before_the_first_event_and_once") {
        become_function(start::main_with_state(count, || async { Ok::<_, Error>(7) }, MANIFEST));
    }
    let (function, api) = start("start::state_is_made_before_the_first_event_and_once", &[], PATIENCE);
    for request in ["r-1", "r-2"] {
        api.expect_next(&Value::Null);
        let answer = api.expect_post(&format!("/2018-06-01/runtime/invocation/{request}/response"));
        assert_eq!(answer.body, json!(7));
    }
    function.end();
}

#[test]
fn a_failed_init_is_told_to_lambda_in_its_own_words() {
    if is_function("start::a_failed_init_is_told_to_lambda_in_its_own_words") {
        let init = || async { Err::<u32, Error>("no such table: orders".into()) };
        become_function(start::main_with_state(count, init, MANIFEST));
    }
    let (function, api) = start("start::a_failed_init_is_told_to_lambda_in_its_own_words", &[], PATIENCE);
    let error = api.expect_post("/2018-06-01/runtime/init/error");
    assert_eq!(error.body["errorMessage"], "no such table: orders");
    assert_eq!(function.code(), Some(1));
}

#[test]
fn a_panic_in_init_is_told_to_lambda() {
    if is_function("start::a_panic_in_init_is_told_to_lambda") {
        let init = || async { if MANIFEST.schema == 1 { panic!("no table") } else { Ok::<u32, Error>(1) } };
        become_function(start::main_with_state(count, init, MANIFEST));
    }
    let (function, api) = start("start::a_panic_in_init_is_told_to_lambda", &[], PATIENCE);
    let error = api.expect_post("/2018-06-01/runtime/init/error");
    assert_eq!(error.body["errorMessage"], "init panicked: no table");
    assert_eq!(function.code(), Some(1));
}

#[test]
fn an_event_of_another_shape_fails_and_the_next_is_served() {
    if is_function("start::an_event_of_another_shape_fails_and_the_next_is_served") {
        become_function(start::main(double, MANIFEST));
    }
    let (function, api) = start("start::an_event_of_another_shape_fails_and_the_next_is_served", &[], PATIENCE);
    api.expect_next(&json!("two"));
    let error = api.expect_post("/2018-06-01/runtime/invocation/r-1/error");
    assert_eq!(error.body["errorType"], "Immortal.UnreadableEvent");
    api.expect_next(&json!(2));
    assert_eq!(api.expect_post("/2018-06-01/runtime/invocation/r-2/response").body, json!(4));
    function.end();
}

#[test]
fn wrong_use_ends_with_2_and_describe_with_0() {
    if is_function("start::wrong_use_ends_with_2_and_describe_with_0") {
        become_function(start::main(double, MANIFEST));
    }
    for (role, code) in [("describe", 0), ("Handler", 2), ("", 2)] {
        let role = [("IMMORTAL_ROLE", role)];
        let (function, _api) = start("start::wrong_use_ends_with_2_and_describe_with_0", &role, PATIENCE);
        assert_eq!(function.code(), Some(code), "{role:?}");
    }
}

async fn double(event: LambdaEvent<u32>) -> Result<u32, Error> {
    Ok(event.payload * 2)
}

async fn count(_: LambdaEvent<Value>, state: &u32) -> Result<u32, Error> {
    Ok(*state)
}

/// Ends the process as `main` would.
pub(crate) fn become_function(code: ExitCode) {
    let code = if code == ExitCode::SUCCESS {
        0
    } else if code == ExitCode::from(2) {
        2
    } else {
        1
    };
    std::process::exit(code);
}
