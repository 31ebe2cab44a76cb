//! The examples as their README shows them: `ingest` exceeds its Lambda timeout, `hello` does not.

use std::{fs, path::PathBuf};

use immortal_emulator::{EntryKind, EntrySource, Function, StopCode};

use crate::chain::{BUCKET, Chain, ChainSetup, EventOutcome};

fn example(path: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/examples")).join(path)
}

/// Invokes `ingest` for the object in the repository; returns the chain and the request id.
async fn ingest(function: fn(&mut Function)) -> (Chain, String) {
    let chain = ChainSetup { function, ..ChainSetup::new("ingest") }.start().await;
    let reports = fs::read(example("ingest/data/birdstrikes.csv")).expect("it is in the repository");
    chain.emulator.put_object("wildlife", "strikes/birdstrikes.csv", reports);
    let event = fs::read_to_string(example("ingest/event.json")).expect("it is in the repository");
    let request = chain.invoke(&event).await;
    (chain, request)
}

fn with_resamples(function: &mut Function, resamples: &str) {
    function.environment.insert("RESAMPLES".into(), resamples.into());
    function.environment.insert("IMMORTAL_EVENT_BUCKET".into(), BUCKET.into());
}

#[tokio::test]
async fn ingest_outlives_its_lambda_and_writes_its_result() {
    // A fifth of its work still takes several times its Lambda timeout.
    let (chain, request) = ingest(|function| with_resamples(function, "1000")).await;
    assert!(matches!(chain.wait_for_outcome(&request).await, EventOutcome::Task(_)), "{}", chain.journal_text());
    assert_eq!(chain.task_count(&request), 1);
    // Which of the two depends on when it next saves.
    let ended_itself = ["Immortal.HandedOver", "Immortal.Stopped"];
    let has_ended = chain.emulator.journal().iter().any(
        |entry| matches!(&entry.kind, EntryKind::Failed { error_type, .. } if ended_itself.contains(&error_type.as_str())),
    );
    assert!(has_ended, "{}", chain.journal_text());
    let result = chain.emulator.object("wildlife", "strikes/birdstrikes.risk.json").expect("its result");
    let result: serde_json::Value = serde_json::from_slice(&result).expect("JSON");
    assert!(result.is_object(), "{result}");
}

#[tokio::test]
async fn ingest_resamples_nothing_again_after_an_interruption() {
    let (chain, request) = ingest(|function| with_resamples(function, "10000")).await;
    // Each of the first two tasks is interrupted once it has saved something.
    let mut interrupted = Vec::new();
    for _ in 0..2 {
        let saving = chain.emulator.wait_for(|entry| match (&entry.source, &entry.kind) {
            (EntrySource::Task { arn, .. }, EntryKind::Log { line, .. })
                if line.starts_with("saved ") && !interrupted.contains(arn) =>
            {
                Some(arn.clone())
            }
            _ => None,
        });
        let task = saving.await;
        chain.emulator.interrupt(&task, StopCode::SpotInterruption).expect("it is at work");
        interrupted.push(task);
    }
    assert!(matches!(chain.wait_for_outcome(&request).await, EventOutcome::Task(_)), "{}", chain.journal_text());
    assert_eq!(chain.task_count(&request), 3);
    // Each attempt on Fargate continues after the last save of the previous one.
    let [first, second, third] = [1, 2, 3].map(|nth| said_by_task(&chain, nth));
    assert_eq!((second[0], third[0]), (first[first.len() - 1], second[second.len() - 1]));
    assert!(first[0] < second[0] && second[0] < third[0], "{first:?} {second:?} {third:?}");
}

/// The numbers of resamples that the nth task printed, from its start to its last save.
fn said_by_task(chain: &Chain, nth: usize) -> Vec<u32> {
    let entries = chain.emulator.journal();
    let started = entries.iter().filter(|entry| matches!(entry.kind, EntryKind::TaskStarted { .. }));
    let task = started.map(|entry| &entry.source).nth(nth - 1).expect("it was started");
    let said = entries.iter().filter(|entry| entry.source == *task).filter_map(|entry| match &entry.kind {
        EntryKind::Log { line, .. } => {
            let number = line.strip_prefix("goes on after ").or_else(|| line.strip_prefix("saved "))?;
            number.split(' ').next()?.parse().ok()
        }
        _ => None,
    });
    said.collect()
}

#[tokio::test]
async fn hello_succeeds_in_lambda_or_is_given_up_after_its_attempts() {
    let chain = ChainSetup::new("hello").start().await;
    let ada = chain.invoke(r#"{"name":"Ada"}"#).await;
    assert_eq!(
        chain.wait_for_outcome(&ada).await,
        EventOutcome::Lambda(serde_json::json!({ "message": "Hello, Ada!" }))
    );
    let nobody = chain.invoke(r#"{"name":""}"#).await;
    let record = chain.wait_for_dead_letter(&nobody).await;
    assert!(record.contains("exit code 1"), "{record}");
    assert_eq!(chain.task_count(&nobody), 3);
}
