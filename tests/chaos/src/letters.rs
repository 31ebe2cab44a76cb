//! The dead letters that are there at the end.

use std::{collections::HashMap, fmt::Write as _};

use immortal_emulator::{Emulator, Message};
use serde::Deserialize;
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use crate::{
    deployment::{BUCKET, DEAD_LETTERS},
    verdict::RestingLetter,
};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LetterBody {
    request_context: LetterContext,
    request_payload: Box<RawValue>,
    immortal: LetterSeries,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LetterContext {
    request_id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LetterSeries {
    /// The series that a redrive would begin.
    series: u32,
    event_object: Option<String>,
}

/// The dead letters by the request that they are about. One that can't be read is nobody's, so that its job is lost.
pub(crate) fn by_request(emulator: &Emulator) -> HashMap<String, Vec<RestingLetter>> {
    let mut letters: HashMap<String, Vec<RestingLetter>> = HashMap::new();
    for message in emulator.messages(DEAD_LETTERS) {
        if let Some((request, letter)) = read(emulator, &message) {
            letters.entry(request).or_default().push(letter);
        } else {
            eprintln!("a dead letter is none: {} bytes, attributes {:?}", message.body.len(), message.attributes);
        }
    }
    letters
}

fn read(emulator: &Emulator, message: &Message) -> Option<(String, RestingLetter)> {
    let body: LetterBody = serde_json::from_str(&message.body).ok()?;
    let event = match &body.immortal.event_object {
        None => Some(sha256(body.request_payload.get())),
        Some(uri) => {
            let key = uri.strip_prefix("s3://")?.strip_prefix(BUCKET)?.strip_prefix('/')?;
            emulator.object(BUCKET, key).map(sha256)
        }
    };
    let series = body.immortal.series.checked_sub(1)?;
    Some((body.request_context.request_id, RestingLetter { series, event }))
}

/// The SHA-256 of an event, in hex.
pub(crate) fn sha256(event: impl AsRef<[u8]>) -> String {
    Sha256::digest(event).iter().fold(String::with_capacity(64), |mut hex, byte| {
        // Writing into a string can't fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}
