//! The examples as their README shows them: one that outlives its Lambda, one that doesn't need to.

use std::{fs, path::PathBuf};

use immortal_emulator::EntryKind;

use crate::chain::{Fate, Setup};

fn example(path: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/examples")).join(path)
}

#[tokio::test]
async fn ingest_outlives_its_lambda_and_writes_its_result() {
    // A fifth of its work is still several times what its Lambda may take.
    let function = |function: &mut immortal_emulator::Function| {
        function.environment.insert("RESAMPLES".into(), "1000".into());
    };
    let chain = Setup { function, ..Setup::of("ingest") }.start().await;
    let reports = fs::read(example("ingest/data/birdstrikes.csv")).expect("it is in the repository");
    chain.emulator.put_object("wildlife", "strikes/birdstrikes.csv", reports);
    let event = fs::read_to_string(example("ingest/event.json")).expect("it is in the repository");
    let request = chain.invoke(&event).await;
    assert!(matches!(chain.fate(&request).await, Fate::Task(_)), "{}", chain.story());
    assert_eq!(chain.tasks(&request), 1);
    let handed_over = chain.emulator.journal().iter().any(
        |entry| matches!(&entry.kind, EntryKind::Failed { error_type, .. } if error_type == "Immortal.HandedOver"),
    );
    assert!(handed_over, "{}", chain.story());
    let result = chain.emulator.object("wildlife", "strikes/birdstrikes.risk.json").expect("its result");
    let result: serde_json::Value = serde_json::from_slice(&result).expect("JSON");
    assert!(result.is_object(), "{result}");
}

#[tokio::test]
async fn hello_is_done_in_lambda_or_given_up_after_its_attempts() {
    let chain = Setup::of("hello").start().await;
    let ada = chain.invoke(r#"{"name":"Ada"}"#).await;
    assert_eq!(chain.fate(&ada).await, Fate::Lambda(serde_json::json!({ "message": "Hello, Ada!" })));
    let nobody = chain.invoke(r#"{"name":""}"#).await;
    let record = chain.given_up(&nobody).await;
    assert!(record.contains("exit code 1"), "{record}");
    assert_eq!(chain.tasks(&nobody), 3);
}
