//! A slim primary beside a dispatcher and runner of another build: what is taken, and what is refused.

use std::fs;

use tempfile::TempDir;

use crate::wrong_use::{immortal, one_line, package, refused};

/// The names of the variables that the dispatcher and the runner read, which say that these roles are linked.
const ROLES: &str = r#"for name in ["IMMORTAL_SUBNETS", "IMMORTAL_STALL_TIMEOUT"] { let _ = std::env::var(name); }"#;

/// The main function of a program that says of itself what an immortal one would.
fn main(attempts: u32, grace: u32, roles: &str) -> String {
    let manifest = format!(
        r#"{{"schema":1,"handler":"tool","package":"tool","version":"0.1.0","immortal":"0.1.0","cpu":512,"memory":1024,"storage":null,"spot":false,"attempts":{attempts},"on":"any","grace":{grace},"limit":null}}"#
    );
    format!("fn main() {{ let _ = std::env::var(\"IMMORTAL_ROLE\"); {roles} print!(\"{{}}\", r##\"{manifest}\"##); }}")
}

/// Builds such a program, and puts it where it is named.
fn build(directory: &TempDir, main: &str, path: &str) {
    fs::write(directory.path().join("src/main.rs"), main).expect("a small file");
    let output = immortal(directory, &["manifest", "-p", "tool"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let path = directory.path().join(path);
    fs::create_dir_all(path.parent().expect("a directory")).expect("a directory");
    fs::copy(directory.path().join("target/debug/tool"), path).expect("it was built");
}

const SLIM: &str = "target/lambda/tool/bootstrap.zip";
const FULL: &str = "target/dispatcher/tool/bootstrap.zip";
const BUILD: &str = "cargo lambda build --release --output-format zip -p tool";
const BUILD_ROLES: &str = "cargo lambda build --release --output-format zip -p tool --features \
    immortal-lambda/dispatcher,immortal-lambda/runner,immortal-lambda/large-events --lambda-dir target/dispatcher";

#[test]
fn two_builds_of_one_function_are_deployed_each_to_its_own() {
    let directory = package("fn main() {}");
    build(&directory, &main(3, 10_000, ""), SLIM);
    build(&directory, &main(3, 10_000, ROLES), FULL);
    let output = immortal(&directory, &["template", "-p", "tool", "--dispatcher-zip", FULL]);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let yaml = fs::read_to_string(directory.path().join("target/immortal/tool/template.yaml")).expect("written");
    let codes: Vec<_> = yaml.lines().filter_map(|line| line.trim().strip_prefix("Code: ")).collect();
    assert_eq!(codes, ["../../lambda/tool/bootstrap.zip", "../../dispatcher/tool/bootstrap.zip"]);
    assert!(yaml.contains("Default: '512'"), "the size is what they describe: {yaml}");
}

#[test]
fn builds_that_differ_are_refused_by_field() {
    let directory = package("fn main() {}");
    build(&directory, &main(3, 10_000, ""), SLIM);
    build(&directory, &main(5, 0, ROLES), FULL);
    let expected = format!(
        "error: {SLIM} and {FULL} are not builds of the same function: they describe attempts as 3 and as 5, \
         grace as 10000 and as 0; build both from the same source: {BUILD}, and {BUILD_ROLES}"
    );
    for arguments in [
        &["template", "-p", "tool", "--dispatcher-zip", FULL][..],
        &["local", "-p", "tool", "--event", "event.json", "--zip", SLIM, "--dispatcher-zip", FULL],
    ] {
        let message = refused(&immortal(&directory, arguments));
        assert_eq!(one_line(&message), expected);
    }
    assert!(!directory.path().join("target/immortal").exists(), "nothing is written");
}

#[test]
fn a_program_without_the_role_that_it_is_given_for() {
    let directory = package("fn main() {}");
    build(&directory, &main(3, 10_000, ""), SLIM);
    fs::create_dir_all(directory.path().join("target/dispatcher/tool")).expect("a directory");
    fs::copy(directory.path().join(SLIM), directory.path().join(FULL)).expect("it was built");
    let local = ["local", "-p", "tool", "--event", "event.json", "--zip", SLIM];
    let table: [(&[&str], &str, &str, &str); 5] = [
        (&["template", "-p", "tool"], SLIM, "dispatcher", "--dispatcher-zip"),
        (&["template", "-p", "tool", "--dispatcher-zip", FULL], FULL, "dispatcher", "--dispatcher-zip"),
        (&local, SLIM, "dispatcher", "--dispatcher-zip"),
        (&[&local[..], &["--dispatcher-zip", FULL]].concat(), FULL, "dispatcher", "--dispatcher-zip"),
        (&["runner", "-p", "tool"], SLIM, "runner", "--binary"),
    ];
    for (arguments, path, role, flag) in table {
        let message = refused(&immortal(&directory, arguments));
        let expected = format!(
            "error: {path} was built without the {role} role; build a program that has it: {BUILD_ROLES}, and name it \
             with {flag} {FULL}"
        );
        assert_eq!(one_line(&message), expected, "{arguments:?}");
    }
    assert!(!directory.path().join("target/immortal").exists(), "nothing is written");
}

#[test]
fn a_package_that_is_not_built_yet_has_nothing_to_be_compared_with() {
    let directory = package("fn main() {}");
    let template = || refused(&immortal(&directory, &["template", "-p", "tool", "--dispatcher-zip", FULL]));
    let missing = |path: &str, build: &str| format!("error: there is no {path}; build it: {build}");
    assert_eq!(one_line(&template()), missing(SLIM, BUILD));
    build(&directory, &main(3, 10_000, ""), SLIM);
    assert_eq!(one_line(&template()), missing(FULL, BUILD_ROLES));
}
