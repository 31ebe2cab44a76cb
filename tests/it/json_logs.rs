//! A function that logs JSON in Lambda logs JSON on Fargate, too.

use std::collections::BTreeMap;

use immortal_emulator::{EntryKind, EntrySource};
use serde_json::Value;

use crate::chain::{ChainSetup, EventOutcome};

#[tokio::test]
async fn platform_and_handler_log_json_if_the_function_does() {
    let function = |function: &mut immortal_emulator::Function| function.json_log_level = Some("INFO".into());
    let own = BTreeMap::from([("AWS_LAMBDA_LOG_FORMAT".to_owned(), "JSON".to_owned())]);
    let chain =
        ChainSetup { function, dispatcher: own.clone(), runner: own, ..ChainSetup::new("killed") }.start().await;
    // The runner's and the dispatcher's own lines are by their own variables.
    let request = chain.invoke(r#"{"lambda":"fail","tasks":["fail","succeed"]}"#).await;
    assert!(matches!(chain.wait_for_outcome(&request).await, EventOutcome::Task(_)), "{}", chain.journal_text());
    chain.wait_until_idle().await;
    let lines: Vec<Value> = chain.logs(&request).iter().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let of_type = |kind: &str| lines.iter().filter(|line| line["type"] == kind).collect::<Vec<_>>();
    assert_eq!(of_type("platform.start").len(), 2, "{}", chain.journal_text());
    let reports = of_type("platform.report");
    let ends: Vec<_> =
        reports.iter().map(|report| (&report["record"]["attempt"], &report["record"]["status"])).collect();
    assert_eq!(ends, [(&Value::from(1), &Value::from("failure")), (&Value::from(2), &Value::from("success"))]);
    assert!(reports.iter().all(|report| report["record"]["requestId"] == request.as_str()));
    let errors = lines.iter().filter(|line| line["level"] == "ERROR").count();
    assert!(errors >= 2, "the runtime's own line is JSON in Lambda and on Fargate: {}", chain.journal_text());
    let of_runner: Vec<_> = lines.iter().filter(|line| line["span"]["name"] == "request").collect();
    assert!(!of_runner.is_empty(), "{}", chain.journal_text());
    for line in of_runner {
        let span = &line["span"];
        assert!(span["id"] == request.as_str() && span["attempt"].is_u64() && span["task"].is_string(), "{line}");
    }
    let dispatched = chain.emulator.journal().into_iter().any(|entry| match (entry.source, entry.kind) {
        (EntrySource::Lambda { function, .. }, EntryKind::Log { line, .. }) if function == "killedDlq" => {
            let line: Value = serde_json::from_str(&line).expect("each of the dispatcher's lines is JSON");
            line["fields"]["decision"] == "started" && line["fields"]["request_id"] == request.as_str()
        }
        _ => false,
    });
    assert!(dispatched, "{}", chain.journal_text());
    assert!(!chain.logs(&request).iter().any(|line| line.starts_with("START ") || line.starts_with("REPORT ")));
}
