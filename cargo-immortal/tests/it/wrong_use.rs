use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use tempfile::TempDir;

const WORKSPACE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// Runs `cargo immortal` in a directory.
pub(crate) fn immortal(directory: impl AsRef<Path>, arguments: &[&str]) -> Output {
    command(directory, arguments).output().expect("the command runs")
}

pub(crate) fn command(directory: impl AsRef<Path>, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cargo-immortal"));
    command
        .arg("immortal")
        .args(arguments)
        .current_dir(&directory)
        .env("CARGO_TERM_QUIET", "true")
        // Packages of the same name must not meet in one target directory.
        .env("CARGO_TARGET_DIR", directory.as_ref().join("target"));
    command
}

/// Checks that it was taken for wrong use; returns what it said.
pub(crate) fn refused(output: &Output) -> String {
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "", "nothing was run");
    stderr
}

/// A package with one binary, outside of any workspace, without dependencies, and an event.
pub(crate) fn package(main: &str) -> TempDir {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let write = |path: &str, text: &str| fs::write(directory.path().join(path), text).expect("a small file");
    write("Cargo.toml", "[package]\nname = \"tool\"\nversion = \"0.1.0\"\nedition = \"2024\"\n[workspace]\n");
    fs::create_dir(directory.path().join("src")).expect("a directory");
    write("src/main.rs", main);
    write("event.json", "{}");
    directory
}

/// The whole message, which is one line.
pub(crate) fn one_line(message: &str) -> &str {
    let message = message.strip_suffix('\n').expect("a line");
    assert!(!message.contains('\n'), "{message}");
    message
}

#[test]
fn an_event_that_is_not_json() {
    let directory = package("fn main() {}");
    fs::write(directory.path().join("event.json"), "{\"a\": }").expect("a small file");
    let message = refused(&immortal(&directory, &["local", "--event", "event.json"]));
    assert_eq!(one_line(&message), "error: the event event.json is not valid JSON: expected value at line 1 column 7");
}

#[test]
fn an_event_or_an_object_that_is_not_there() {
    let directory = package("fn main() {}");
    let message = refused(&immortal(&directory, &["local", "--event", "nope.json"]));
    assert!(one_line(&message).starts_with("error: the event nope.json can't be read: "), "{message}");
    let put = ["local", "--event", "event.json", "--put", "s3://b/k=nope.csv"];
    let message = refused(&immortal(&directory, &put));
    assert!(one_line(&message).starts_with("error: the object nope.csv can't be read: "), "{message}");
}

#[test]
fn a_package_that_does_not_exist() {
    let arguments = ["local", "-p", "nope", "--event", "examples/ingest/event.json"];
    let message = refused(&immortal(WORKSPACE, &arguments));
    let message = one_line(&message);
    assert!(message.starts_with("error: there is no package \"nope\" with a binary in this workspace; "), "{message}");
    assert!(message.contains("-p hello") && message.contains("-p ingest"), "{message}");
}

#[test]
fn a_package_without_the_attribute() {
    let directory = package("fn main() {}");
    for arguments in [&["local", "-p", "tool", "--event", "event.json"][..], &["manifest", "-p", "tool"]] {
        let message = refused(&immortal(&directory, arguments));
        let expected = "error: target/debug/tool is not an immortal function: nothing in it is of immortal-lambda; \
                        put #[immortal] on its handler or #[immortal::main] on its main, \
                        or choose another package with -p";
        assert_eq!(one_line(&message), expected);
    }
}

/// What a `main` under a plain `#[tokio::main]` does before it calls `run`.
const NEEDS_PREFIX: &str = r##"fn main() {
    println!("starting");
    let prefix = std::env::var("PREFIX").expect("PREFIX must be set");
    println!("{{\"prefix\":{prefix:?}}}");
    if std::env::var("IMMORTAL_ROLE").is_ok() {
        println!("{}", r#"{"schema":1,"handler":null,"package":"tool","version":"0.1.0","immortal":"0.1.0","cpu":null,"memory":null,"storage":null,"spot":false,"attempts":3,"on":"any","grace":10000,"limit":null}"#);
    }
}"##;

#[test]
fn a_main_that_needs_a_variable_gets_it_or_is_told_by_its_own_words() {
    let directory = package(NEEDS_PREFIX);
    let commands = [
        &["manifest", "-p", "tool"][..],
        &["template", "-p", "tool"],
        &["local", "-p", "tool", "--event", "event.json"],
    ];
    for arguments in commands {
        let message = refused(&immortal(&directory, arguments));
        assert!(message.starts_with("error: target/debug/tool printed no manifest "), "{message}");
        assert!(message.contains("\n  | PREFIX must be set"), "{message}");
        assert!(message.contains("#[immortal::main]") && message.contains("--env NAME=VALUE"), "{message}");
    }
    let output = immortal(&directory, &["manifest", "-p", "tool", "--env", "PREFIX=a"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let manifest: serde_json::Value = serde_json::from_slice(&output.stdout).expect("the manifest alone");
    assert_eq!(manifest["package"], "tool");
    let output = immortal(&directory, &["template", "-p", "tool", "--env", "PREFIX=a"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_directory_without_the_framework_or_without_a_package() {
    let directory = package("fn main() {}");
    let message = refused(&immortal(&directory, &["local", "--event", "event.json"]));
    let expected = "error: no package here depends on immortal-lambda; \
                    add immortal-lambda to a package, and #[immortal] to its handler";
    assert_eq!(one_line(&message), expected);
    fs::remove_file(directory.path().join("Cargo.toml")).expect("it was there");
    let message = refused(&immortal(&directory, &["local", "--event", "event.json"]));
    assert!(one_line(&message).starts_with("error: could not find `Cargo.toml`"), "{message}");
}

#[test]
fn containers_without_docker() {
    let directory = package("fn main() {}");
    // The toolchain's own directory, where cargo and rustc are, and nothing else.
    let toolchain = Path::new(env!("CARGO")).parent().expect("a directory");
    let arguments = ["local", "-p", "tool", "--event", "event.json", "--docker", "tool-runner"];
    let output = command(&directory, &arguments).env("PATH", toolchain).output().expect("the command runs");
    let message = refused(&output);
    let expected = "error: there is no docker here; install it, or leave out --docker: tasks are processes then";
    assert_eq!(one_line(&message), expected);
}

#[test]
fn a_handler_that_does_not_build() {
    let directory = package("fn main() { let n: u32 = \"\"; }");
    let message = refused(&immortal(&directory, &["local", "-p", "tool", "--event", "event.json"]));
    assert!(message.contains("error[E0308]: mismatched types"), "{message}");
    assert!(message.ends_with("error: tool doesn't build; fix what cargo says above\n"), "{message}");
}

#[test]
fn cargo_shows_its_progress() {
    let directory = package("fn main() {}");
    let output = command(&directory, &["manifest", "-p", "tool"]).env_remove("CARGO_TERM_QUIET").output();
    let message = refused(&output.expect("the command runs"));
    assert!(message.contains("Compiling tool v0.1.0"), "{message}");
    let aliases = include_str!("../../../.cargo/config.toml");
    let own = aliases.lines().find(|line| line.starts_with("demo = ")).expect("the checkout's alias");
    assert!(!own.contains("--quiet"), "the command's own build takes a minute: {own}");
}

#[test]
fn flags_that_lambda_would_refuse() {
    let directory = package("fn main() {}");
    let table = [
        (["--timeout", "16m"], "1s to 15m"),
        (["--timeout", "0"], "1s to 15m"),
        (["--timeout", "3"], "has a unit: 3s"),
        (["--memory", "64"], "128..=10240"),
        (["--retries", "3"], "0..=2"),
        (["--put", "b/k=f"], "s3://BUCKET/KEY=FILE"),
        (["--env", "A=b"], "at least one more letter"),
        (["--env", "AWS_REGION=x"], "Lambda sets AWS_REGION itself"),
        (["--dispatcher-zip", "x.zip"], "--zip <PATH>"),
    ];
    for (flags, expected) in table {
        let message = refused(&immortal(&directory, &[&["local", "--event", "event.json"], &flags[..]].concat()));
        assert!(message.contains(expected), "{message}");
    }
}

#[test]
fn several_messages_for_one_job() {
    let directory = package("fn main() {}");
    let record = r#"{"messageId":"m","eventSource":"aws:sqs","body":"1"}"#;
    fs::write(directory.path().join("event.json"), format!(r#"{{"Records":[{record},{record}]}}"#)).expect("small");
    let message = refused(&immortal(&directory, &["local", "--sqs", "--event", "event.json"]));
    assert_eq!(
        one_line(&message),
        "error: the event event.json holds 2 messages, and --sqs follows one: leave one in it"
    );
}
