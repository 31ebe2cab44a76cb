//! The code that runs: the version that failed, its layers, its bootstrap and its environment.

use std::fs;

use immortal_emulator::Function;

use super::{NAME, RunnerBench, function, runtime, script, zip_of};

#[tokio::test]
async fn the_version_that_failed_runs_and_its_hash_is_logged() {
    let bench = RunnerBench::new(runtime("next; respond '\"version 1\"'")).await;
    assert_eq!(bench.emulator.publish_version(NAME).expect("it is deployed"), "1");
    bench.emulator.deploy(runtime("next; respond '\"a later one\"'")).expect("a sound function");
    let bench = bench.context("functionVersion", "1".into());
    let end = bench.run().await;
    assert_eq!(end.code, Some(0), "{}", end.full_output());
    assert!(end.stdout.contains("\n\"version 1\"\n"), "{}", end.full_output());
    assert!(end.stderr.contains("version 1, runs with the code of hash "), "{}", end.full_output());
}

#[tokio::test]
async fn layers_are_unpacked_in_order_and_ignored_settings_are_logged() {
    let text = |name, content: &'static str| (name, 0o644, content.as_bytes());
    let extension = ("extensions/watcher", 0o755, b"#!/bin/sh\n".as_slice());
    let bench = RunnerBench::new(script("exit 0")).await;
    let first = zip_of([text("data/both", "first"), text("data/first", "first"), extension]);
    let second = zip_of([text("data/both", "second"), ("bin/tool", 0o755, b"#!/bin/sh\necho tool".as_slice())]);
    let layers = vec![bench.emulator.publish_layer("first", first), bench.emulator.publish_layer("second", second)];
    let environment = [("AWS_LAMBDA_EXEC_WRAPPER".to_owned(), "/opt/wrapper".to_owned())].into();
    let using = runtime("next; respond \"$(tool)\"");
    bench.emulator.deploy(Function { layers, environment, ..using }).expect("a sound function");
    let end = bench.run().await;
    assert_eq!(end.code, Some(0), "{}", end.full_output());
    let read = |name: &str| fs::read_to_string(bench.path("opt/data").join(name)).expect("it was unpacked");
    assert_eq!((read("both").as_str(), read("first").as_str()), ("second", "first"));
    assert!(end.stdout.contains("\ntool\n"), "a layer's bin is in the path: {}", end.full_output());
    let expected = "the extension watcher, the wrapper script of AWS_LAMBDA_EXEC_WRAPPER";
    assert!(end.stderr.contains(expected), "{}", end.full_output());
}

#[tokio::test]
async fn a_layer_that_conflicts_with_an_earlier_one_is_given_up() {
    let bench = RunnerBench::new(script("exit 0")).await;
    let publish = |name: &str, entry: &str| {
        let zip = zip_of([(entry, 0o644, b"text".as_slice())]);
        bench.emulator.publish_layer(name, zip)
    };
    let layers = vec![publish("first", "lib"), publish("second", "lib/libssl.so")];
    bench.emulator.deploy(Function { layers, ..script("exit 0") }).expect("a sound function");
    let end = bench.run().await;
    assert_eq!(end.code, Some(2), "{}", end.full_output());
    assert!(
        end.stderr.contains("needs a directory at") && end.stderr.contains("layer:second"),
        "{}",
        end.full_output()
    );
}

#[tokio::test]
async fn a_layer_may_contain_the_bootstrap_and_a_deleted_layer_is_given_up() {
    for (name, code, expected) in [("runtime", 3, "exited with 3"), ("gone", 2, "GetLayerVersion")] {
        let code_only = || function(zip_of([("app.sh", 0o755, b"#!/bin/sh\nexit 3\n".as_slice())]));
        let bench = RunnerBench::new(code_only()).await;
        let bootstrap = b"#!/bin/sh\nexec ./app.sh\n".as_slice();
        let layer = bench.emulator.publish_layer("runtime", zip_of([("bootstrap", 0o755, bootstrap)]));
        let layers = vec![layer.replace("runtime", name)];
        bench.emulator.deploy(Function { layers, ..code_only() }).expect("a sound function");
        let end = bench.run().await;
        assert_eq!(end.code, Some(code), "{}", end.full_output());
        assert!(end.stderr.contains(expected), "{}", end.full_output());
    }
}

#[tokio::test]
async fn the_childs_environment_is_the_functions_own_and_lambdas() {
    let printing = script(concat!("env > \"$LAMBDA_TASK_ROOT/environment\"\n", "exit 1",));
    let function = Function { environment: [("GREETING".to_owned(), "hello".to_owned())].into(), ..printing };
    let bench = RunnerBench::new(function).await;
    let bench = bench.with("OF_THE_IMAGE", "1").with("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/v2/credentials/1");
    let end = bench.run().await;
    assert_eq!(end.code, Some(3), "{}", end.full_output());
    let environment = fs::read_to_string(bench.path("task/environment")).expect("the script wrote it");
    let value =
        |name: &str| environment.lines().find_map(|line| line.strip_prefix(&format!("{name}=")).map(ToOwned::to_owned));
    for (name, expected) in [
        ("GREETING", Some("hello")),
        ("AWS_LAMBDA_FUNCTION_NAME", Some(NAME)),
        ("AWS_LAMBDA_FUNCTION_VERSION", Some("$LATEST")),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", Some("512")),
        ("AWS_LAMBDA_LOG_GROUP_NAME", Some("/aws/lambda/primary")),
        ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", Some("/v2/credentials/1")),
        ("IMMORTAL_ATTEMPT", Some("1")),
        ("IMMORTAL_ROLE", Some("handler")),
        ("AWS_LAMBDA_FUNCTION_EVENT", None),
        ("AWS_LAMBDA_FUNCTION_CONTEXT", None),
        ("AWS_ACCESS_KEY_ID", None),
        ("AWS_SECRET_ACCESS_KEY", None),
        ("AWS_SESSION_TOKEN", None),
        ("OF_THE_IMAGE", None),
    ] {
        assert_eq!(value(name).as_deref(), expected, "{name} in\n{environment}");
    }
    assert!(value("AWS_LAMBDA_RUNTIME_API").is_some());
}
