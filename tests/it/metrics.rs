//! What dispatcher and runner count, and that they can be told not to.

use std::collections::BTreeMap;

use immortal_emulator::{EntryKind, EntrySource};
use serde_json::{Value, json};

use crate::chain::{Chain, Fate, Setup};

/// The lines of a chain in the embedded metric format.
fn lines(chain: &Chain) -> Vec<Value> {
    let lines = chain.emulator.journal().into_iter().filter_map(|entry| match entry.kind {
        EntryKind::Log { line, .. } => serde_json::from_str::<Value>(&line).ok(),
        _ => None,
    });
    lines.filter(|line| line["_aws"].is_object()).collect()
}

/// How often each metric was written, but for the age that each invocation of the dispatcher writes.
fn counts(lines: &[Value]) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    for line in lines {
        let metrics = line["_aws"]["CloudWatchMetrics"][0]["Metrics"].as_array().expect("each line has metrics");
        for metric in metrics {
            let name = metric["Name"].as_str().expect("a name");
            assert!(line[name].is_u64(), "each has its value: {line}");
            *counts.entry(name.to_owned()).or_default() += 1;
        }
    }
    counts.remove("OldestReturnedRecord");
    counts
}

#[tokio::test]
async fn each_decision_and_each_attempt_is_a_line() {
    let chain = Setup::of("killed").start().await;
    let succeeds = chain.invoke(r#"{"lambda":"hang","tasks":["exit","succeed"],"secret":"sesame"}"#).await;
    assert!(matches!(chain.fate(&succeeds).await, Fate::Task(_)), "{}", chain.story());
    let fails = chain.invoke(r#"{"lambda":"fail","tasks":["fail"]}"#).await;
    assert_eq!(chain.fate(&fails).await, Fate::DeadLetter, "{}", chain.story());
    chain.wait_until_idle().await;
    let lines = lines(&chain);
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
    assert_eq!(counts(&lines), expected, "{}", chain.story());
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
async fn nothing_is_counted_where_that_is_switched_off() {
    let off = BTreeMap::from([("IMMORTAL_METRICS".to_owned(), "off".to_owned())]);
    let chain = Setup { dispatcher: off.clone(), runner: off, ..Setup::of("killed") }.start().await;
    let request = chain.invoke(r#"{"lambda":"fail"}"#).await;
    assert!(matches!(chain.fate(&request).await, Fate::Task(_)), "{}", chain.story());
    chain.wait_until_idle().await;
    assert_eq!(lines(&chain), Vec::<Value>::new());
}
