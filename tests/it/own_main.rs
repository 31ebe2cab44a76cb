//! A function with a `main` of its own, under `#[immortal::main]`.

use std::{net::TcpListener, process::Command, sync::LazyLock};

use immortal_emulator::{Place, What};
use serde_json::{Value, json};

use crate::{
    binaries::binary,
    chain::{Chain, Fate, Setup},
};

/// What the primary connects to, and knows the address of; dispatcher and runner don't.
static TABLE: LazyLock<TcpListener> = LazyLock::new(|| TcpListener::bind("127.0.0.1:0").expect("loopback"));

async fn start() -> Chain {
    let function = |function: &mut immortal_emulator::Function| {
        let address = TABLE.local_addr().expect("bound");
        function.environment.insert("TABLE".into(), address.to_string());
    };
    Setup { function, ..Setup::of("own_main") }.start().await
}

#[tokio::test]
async fn it_runs_in_the_primary_and_in_its_task_and_nowhere_else() {
    let chain = start().await;
    let request = chain.invoke(r#"{"lambda":"fail"}"#).await;
    assert!(matches!(chain.fate(&request).await, Fate::Task(_)), "{}", chain.story());
    let attempts: Vec<_> = chain.seen(&request).iter().map(|seen| seen.attempt).collect();
    assert_eq!(attempts, [0, 1]);
    let happenings = chain.emulator.happenings();
    let printed = |happening: &&immortal_emulator::Happening| matches!(&happening.what, What::Log { line, .. } if line == "own main");
    let places: Vec<_> = happenings.iter().filter(printed).map(|happening| &happening.place).collect();
    let [Place::Lambda { function, .. }, Place::Task { .. }] = places.as_slice() else { panic!("{places:?}") };
    assert_eq!(function, "own_main");
}

#[test]
fn it_describes_itself_before_anything_of_it_runs() {
    let described = Command::new(binary("own_main")).env("IMMORTAL_ROLE", "describe").output().expect("it runs");
    assert!(described.status.success(), "{described:?}");
    let manifest: Value = serde_json::from_slice(&described.stdout).expect("a manifest and nothing else");
    assert_eq!(manifest["handler"], Value::Null);
    assert_eq!(
        [&manifest["package"], &manifest["attempts"], &manifest["grace"]],
        [&json!("fixtures"), &json!(2), &json!(0)]
    );
}

#[test]
fn where_it_may_not_run_it_says_why() {
    for (role, expected) in [("", "IMMORTAL_ROLE is \"\""), ("handler", "Error: NotPresent")] {
        let ended = Command::new(binary("own_main")).env("IMMORTAL_ROLE", role).output().expect("it runs");
        let errors = String::from_utf8_lossy(&ended.stderr);
        assert!(!ended.status.success() && errors.contains(expected), "{role}: {errors}");
    }
}
