//! Errors that are too long for Lambda's record of them.

use immortal_core::{manifest::Manifest, start};
use lambda_runtime::{Diagnostic, Error, LambdaEvent, service_fn};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::runtime_api::{PATIENCE, RuntimeApi, is_function, start};

/// What a record of a failure has for its error, if the event is as large as Lambda takes it.
const ROOM: usize = 67 * 1024;

/// An event of Lambda's own size that a handler can repeat in its error.
const LONG: usize = 800_000;

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum End {
    Fail,
    FailByType,
    Panic,
}

async fn end(event: LambdaEvent<End>) -> Result<(), Diagnostic> {
    let long = "é\n".repeat(LONG / 3);
    match event.payload {
        End::Fail => Err(Diagnostic { error_type: "MyError".to_owned(), error_message: long }),
        End::FailByType => Err(Diagnostic { error_type: long, error_message: "short".to_owned() }),
        End::Panic => panic!("{long}"),
    }
}

fn expect_short_errors(api: &RuntimeApi) {
    let error_of = |number: usize, event: &Value| {
        api.expect_next(event);
        api.expect_post(&format!("/2018-06-01/runtime/invocation/r-{number}/error")).body
    };
    let ends = [json!("fail"), json!("failbytype"), json!("panic")];
    for (number, event) in (1..).zip(&ends) {
        assert_bounded(&error_of(number, event));
    }
    // What can't be read is described and not quoted.
    let unreadable = [json!("x".repeat(LONG)), json!({ "x".repeat(LONG): 1 })];
    for (number, event) in (ends.len() + 1..).zip(&unreadable) {
        let error = error_of(number, event);
        assert!(error.to_string().len() < 1000, "{} bytes", error.to_string().len());
    }
}

fn assert_bounded(error: &Value) {
    let length = error.to_string().len();
    let begin: String = error.to_string().chars().take(200).collect();
    assert!(length <= ROOM, "{length} bytes: {begin}");
    let cut = |name: &str| error[name].as_str().is_some_and(|text| text.contains("… (cut here: it has "));
    assert!(cut("errorMessage") || cut("errorType"), "it says that it was cut: {begin}");
}

#[test]
fn errors_of_a_handler_leave_room_for_their_event() {
    const TEST: &str = "long_errors::errors_of_a_handler_leave_room_for_their_event";
    if is_function(TEST) {
        const MANIFEST: &Manifest = &Manifest::new("end", "test", "1.2.3");
        start::main(end, MANIFEST);
    }
    let (function, api) = start(TEST, &[], PATIENCE);
    expect_short_errors(&api);
    function.end();
}

#[test]
fn errors_of_a_service_leave_room_for_their_event() {
    const TEST: &str = "long_errors::errors_of_a_service_leave_room_for_their_event";
    if is_function(TEST) {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        let _ = runtime.block_on(start::run(service_fn(end)));
    }
    let (function, api) = start(TEST, &[], PATIENCE);
    expect_short_errors(&api);
    function.end();
}

#[test]
fn a_failed_init_leaves_room_too() {
    const TEST: &str = "long_errors::a_failed_init_leaves_room_too";
    if is_function(TEST) {
        const MANIFEST: &Manifest = &Manifest::new("echo", "test", "1.2.3");
        async fn echo(event: LambdaEvent<Value>, (): &()) -> Result<Value, Error> {
            Ok(event.payload)
        }
        let panics = std::env::var_os("PANICS").is_some();
        let init = move || async move {
            let long = "x".repeat(LONG);
            if panics { panic!("{long}") } else { Err::<(), Error>(long.into()) }
        };
        start::main_with_state(echo, init, MANIFEST);
        std::process::exit(1);
    }
    for how in [&[][..], &[("PANICS", "")]] {
        let (function, api) = start(TEST, how, PATIENCE);
        assert_bounded(&api.expect_post("/2018-06-01/runtime/init/error").body);
        assert_eq!(function.code(), Some(1));
    }
}
