//! The metrics of dispatcher and runner, and the variable that switches them off.

use std::collections::BTreeMap;

use immortal_emulator::{EntryKind, EntrySource};
use serde_json::{Value, json};

use crate::chain::{Chain, ChainSetup, EventOutcome};

/// The lines in the embedded metric format.
fn metric_lines(chain: &Chain) -> Vec<Value> {
    let lines = chain.emulator.journal().into_iter().filter_map(|entry| match entry.kind {
        EntryKind::Log { line, .. } => serde_json::from_str::<Value>(&line).ok(),
        _ => None,
    });
    lines.filter(|line| line["_aws"].is_object()).collect()
}

/// How often each metric was written, without the age, which every invocation of the dispatcher writes.
fn count_by_metric(lines: &[Value]) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    for line in lines {
        let metrics = line["_aws"]["CloudWatchMetrics"][0]["Metrics"].as_array().expect("each line has metrics");
        for metric in metrics {
            let name = metric["Name"].as_str().expect("a name");
            assert!(line[name].is_u64(), "each metric has a value: {line}");
            *counts.entry(name.to_owned()).or_default() += 1;
        }
    }
    counts.remove("OldestReturnedRecord");
    counts
}

#[tokio::test]
async fn each_decision_and_each_attempt_is_logged_as_a_metric() {
    let chain = ChainSetup::new("killed").start().await;
    let succeeds = chain.invoke(r#"{"lambda":"hang","tasks":["exit","succeed"],"secret":"sesame"}"#).await;
    assert!(matches!(chain.wait_for_outcome(&succeeds).await, EventOutcome::Task(_)), "{}", chain.journal_text());
    let fails = chain.invoke(r#"{"lambda":"fail","tasks":["fail"]}"#).await;
    assert_eq!(chain.wait_for_outcome(&fails).await, EventOutcome::DeadLetter, "{}", chain.journal_text());
    chain.wait_until_idle().await;
    let lines = metric_lines(&chain);
    let expected = [
        ("Attempts", 5),
        ("GivenUp", 1),
        ("HandlerErrors", 1),
        ("Succeeded", 1),
        ("TaskSeconds", 5),
        ("TasksEnded", 5),
        ("TasksStarted", 5),
        ("TimeFailures", 1),
        ("TimeToSuccess", 1),
        ("TimeToTask", 5),
    ];
    let expected: BTreeMap<_, _> = expected.into_iter().map(|(name, count)| (name.to_owned(), count)).collect();
    assert_eq!(count_by_metric(&lines), expected, "{}", chain.journal_text());
    for line in &lines {
        assert_eq!(line["Function"], "killed", "{line}");
        assert_eq!(line["_aws"]["CloudWatchMetrics"][0]["Namespace"], "Immortal", "{line}");
        assert_eq!(line["_aws"]["CloudWatchMetrics"][0]["Dimensions"], json!([["Function"]]), "{line}");
        assert!(!line.to_string().contains("sesame"), "{line}");
    }
    let sources = chain.emulator.journal().into_iter().filter_map(|entry| match (entry.source, entry.kind) {
        (EntrySource::Lambda { function, .. }, EntryKind::Log { line, .. }) if line.contains("\"_aws\"") => {
            Some(function)
        }
        _ => None,
    });
    assert!(sources.into_iter().all(|function| function == "killedDlq"), "the primary prints none");
}

#[tokio::test]
async fn metrics_can_be_switched_off() {
    let off = BTreeMap::from([("IMMORTAL_METRICS".to_owned(), "off".to_owned())]);
    let chain = ChainSetup { dispatcher: off.clone(), runner: off, ..ChainSetup::new("killed") }.start().await;
    let request = chain.invoke(r#"{"lambda":"fail"}"#).await;
    assert!(matches!(chain.wait_for_outcome(&request).await, EventOutcome::Task(_)), "{}", chain.journal_text());
    chain.wait_until_idle().await;
    assert_eq!(metric_lines(&chain), Vec::<Value>::new());
}
