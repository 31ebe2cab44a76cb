//! The lines about the dispatcher.

use immortal_emulator::EntryKind;

use super::waits::PlannedWaits;
use crate::report::StepKind;

pub(super) fn line(what: &EntryKind, waits: &PlannedWaits) -> Option<(StepKind, String)> {
    Some(match what {
        EntryKind::Started { .. } => (StepKind::Step, "the dispatcher begins".to_owned()),
        EntryKind::Answered { body } => answered(body, waits),
        EntryKind::Failed { error_type, message } => {
            (StepKind::Bad, format!("the dispatcher failed: {error_type}: {message}"))
        }
        EntryKind::TimedOut { after } => {
            (StepKind::Bad, format!("the dispatcher was killed after {} s", after.as_secs()))
        }
        EntryKind::Retrying { after } => {
            (StepKind::Step, format!("Lambda tries again in {:.1} s", after.as_secs_f64()))
        }
        EntryKind::Discarded => (StepKind::Bad, "the event is gone: nothing catches what fails".to_owned()),
        _ => return None,
    })
}

/// Of the records that a partial batch response names, some wait by plan.
fn answered(body: &[u8], waits: &PlannedWaits) -> (StepKind, String) {
    let response: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
    let named = response.get("batchItemFailures").and_then(serde_json::Value::as_array).map_or(&[][..], Vec::as_slice);
    let waits = |item: &&serde_json::Value| item["itemIdentifier"].as_str().is_some_and(|id| waits.hold(id));
    let waiting = named.iter().filter(waits).count();
    match (named.len() - waiting, waiting) {
        (0, 0) => (StepKind::Step, "the dispatcher is done".to_owned()),
        (0, waiting) => (StepKind::Step, format!("the dispatcher lets {waiting} of its records wait")),
        (records, _) => (StepKind::Bad, format!("the dispatcher gives back {records} of its records")),
    }
}
