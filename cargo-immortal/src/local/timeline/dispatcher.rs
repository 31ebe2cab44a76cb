//! The lines about the dispatcher.

use immortal_emulator::EntryKind;

use super::{Kind, waits::Waits};

/// Whether a line is in the embedded metric format, which is for `CloudWatch` and not for a person:
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>
pub(super) fn is_metric(line: &str) -> bool {
    serde_json::from_str::<serde_json::Value>(line).is_ok_and(|line| line["_aws"]["CloudWatchMetrics"].is_array())
}

pub(super) fn line(what: &EntryKind, waits: &Waits) -> Option<(Kind, String)> {
    Some(match what {
        EntryKind::Started { .. } => (Kind::Step, "the dispatcher begins".to_owned()),
        EntryKind::Answered { body } => answered(body, waits),
        EntryKind::Failed { error_type, message } => {
            (Kind::Bad, format!("the dispatcher failed: {error_type}: {message}"))
        }
        EntryKind::TimedOut { after } => (Kind::Bad, format!("the dispatcher was killed after {} s", after.as_secs())),
        EntryKind::Retrying { after } => (Kind::Step, format!("Lambda tries again in {:.1} s", after.as_secs_f64())),
        EntryKind::Discarded => (Kind::Bad, "the event is gone: nothing catches what fails".to_owned()),
        _ => return None,
    })
}

/// Of the records that a partial batch response names, some wait by plan.
fn answered(body: &[u8], waits: &Waits) -> (Kind, String) {
    let response: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
    let named = response.get("batchItemFailures").and_then(serde_json::Value::as_array).map_or(&[][..], Vec::as_slice);
    let waits = |item: &&serde_json::Value| item["itemIdentifier"].as_str().is_some_and(|id| waits.hold(id));
    let waiting = named.iter().filter(waits).count();
    match (named.len() - waiting, waiting) {
        (0, 0) => (Kind::Step, "the dispatcher is done".to_owned()),
        (0, waiting) => (Kind::Step, format!("the dispatcher lets {waiting} of its records wait")),
        (records, _) => (Kind::Bad, format!("the dispatcher gives back {records} of its records")),
    }
}
