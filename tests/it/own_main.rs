//! A function with its own `main`, under `#[immortal::main]`.

use std::{net::TcpListener, process::Command, sync::LazyLock};

use immortal_emulator::{EntryKind, EntrySource};
use serde_json::{Value, json};

use crate::{
    binaries::binary,
    chain::{Chain, ChainSetup, EventOutcome},
};

/// What the primary connects to. Dispatcher and runner don't have its address.
static TABLE: LazyLock<TcpListener> = LazyLock::new(|| TcpListener::bind("127.0.0.1:0").expect("loopback"));

async fn start() -> Chain {
    let function = |function: &mut immortal_emulator::Function| {
        let address = TABLE.local_addr().expect("bound");
        function.environment.insert("TABLE".into(), address.to_string());
    };
    ChainSetup { function, ..ChainSetup::new("own_main") }.start().await
}

#[tokio::test]
async fn main_runs_in_the_primary_and_in_its_task_only() {
    let chain = start().await;
    let request = chain.invoke(r#"{"lambda":"fail"}"#).await;
    assert!(matches!(chain.wait_for_outcome(&request).await, EventOutcome::Task(_)), "{}", chain.journal_text());
    let attempts: Vec<_> = chain.seen_invocations(&request).iter().map(|seen| seen.attempt).collect();
    assert_eq!(attempts, [0, 1]);
    let entries = chain.emulator.journal();
    let printed = |entry: &&immortal_emulator::JournalEntry| matches!(&entry.kind, EntryKind::Log { line, .. } if line == "own main");
    let places: Vec<_> = entries.iter().filter(printed).map(|entry| &entry.source).collect();
    let [EntrySource::Lambda { function, .. }, EntrySource::Task { .. }] = places.as_slice() else {
        panic!("{places:?}")
    };
    assert_eq!(function, "own_main");
}

#[test]
fn describe_prints_the_manifest_and_does_not_run_main() {
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
fn an_invalid_role_and_a_failing_main_are_reported() {
    for (role, expected) in [("", "IMMORTAL_ROLE is \"\""), ("handler", "Error: NotPresent")] {
        let ended = Command::new(binary("own_main")).env("IMMORTAL_ROLE", role).output().expect("it runs");
        let errors = String::from_utf8_lossy(&ended.stderr);
        assert!(!ended.status.success() && errors.contains(expected), "{role}: {errors}");
    }
}
