//! The dead letters and the results that are in their queues at the end.

use std::{collections::HashMap, fmt::Write as _};

use immortal_emulator::{Emulator, Message};
use serde::Deserialize;
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use crate::{
    deployment::{BUCKET, DEAD_LETTERS, RESULTS},
    run_problem::RunProblem,
    verdict::RestingLetter,
};

/// The messages by the request that they are about.
#[derive(Debug, Default)]
pub(crate) struct RestingMessages {
    pub(crate) letters: HashMap<String, Vec<RestingLetter>>,
    /// The SHA-256 of the event in each result, in hex.
    pub(crate) results: HashMap<String, Vec<String>>,
    /// One for each message that can't be read.
    pub(crate) problems: Vec<RunProblem>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RecordBody {
    request_context: RecordContext,
    request_payload: Box<RawValue>,
    /// In a dead letter.
    immortal: Option<LetterMark>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RecordContext {
    request_id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LetterMark {
    /// The series that a redrive would begin.
    series: u32,
    event_object: Option<String>,
}

impl RestingMessages {
    pub(crate) fn read(emulator: &Emulator) -> Self {
        let mut messages = Self::default();
        for message in emulator.messages(DEAD_LETTERS) {
            match read_letter(emulator, &message) {
                Some((request, letter)) => messages.letters.entry(request).or_default().push(letter),
                None => messages.problems.push(unreadable(DEAD_LETTERS, &message)),
            }
        }
        for message in emulator.messages(RESULTS) {
            match read_result(&message) {
                Some((request, event)) => messages.results.entry(request).or_default().push(event),
                None => messages.problems.push(unreadable(RESULTS, &message)),
            }
        }
        messages
    }
}

fn read_letter(emulator: &Emulator, message: &Message) -> Option<(String, RestingLetter)> {
    let RecordBody { request_context, request_payload, immortal } = serde_json::from_str(&message.body).ok()?;
    let LetterMark { series, event_object } = immortal?;
    let event = match &event_object {
        None => Some(sha256(request_payload.get())),
        Some(uri) => {
            let key = uri.strip_prefix("s3://")?.strip_prefix(BUCKET)?.strip_prefix('/')?;
            emulator.object(BUCKET, key).map(sha256)
        }
    };
    Some((request_context.request_id, RestingLetter { series: series.checked_sub(1)?, event }))
}

fn read_result(message: &Message) -> Option<(String, String)> {
    let RecordBody { request_context, request_payload, .. } = serde_json::from_str(&message.body).ok()?;
    Some((request_context.request_id, sha256(request_payload.get())))
}

fn unreadable(queue: &'static str, message: &Message) -> RunProblem {
    let attributes =
        message.attributes.iter().map(|(name, attribute)| format!("{name}: {}", attribute.value)).collect();
    RunProblem::UnreadableMessage { queue, id: message.id.clone(), length: message.body.len(), attributes }
}

/// The SHA-256 of an event, in hex.
pub(crate) fn sha256(event: impl AsRef<[u8]>) -> String {
    Sha256::digest(event).iter().fold(String::with_capacity(64), |mut hex, byte| {
        // Writing into a string can't fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn a_result_is_its_request_and_the_bytes_of_its_event() {
        let read = |body: &str| {
            let message = Message {
                id: "m".to_owned(),
                body: body.to_owned(),
                attributes: BTreeMap::new(),
                receive_count: 0,
                sent: 0,
                source: None,
            };
            read_result(&message)
        };
        let body = r#"{"requestContext":{"requestId":"r-1"},"requestPayload":{"n": 1e2},"responsePayload":"done"}"#;
        assert_eq!(read(body), Some(("r-1".to_owned(), sha256(r#"{"n": 1e2}"#))));
        assert_eq!(read("{}"), None);
    }
}
