//! The identifiers of a job in other services: `startedBy` of its tasks, and the keys of its objects in S3.

use sha2::{Digest, Sha256};

/// The request id in a form that is valid in `startedBy` and in a key: itself, or its hash if it has unusual
/// characters.
#[must_use]
pub fn started_by(request_id: &str) -> String {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    if (1..=128).contains(&request_id.len()) && request_id.bytes().all(fits) {
        request_id.to_owned()
    } else {
        hex_sha256(request_id)
    }
}

/// The prefix of the keys of a job's objects.
#[must_use]
pub fn job_prefix(function: &str, request_id: &str) -> String {
    format!("immortal/{function}/{}/", started_by(request_id))
}

/// The key of a job's progress.
#[must_use]
pub fn progress_key(function: &str, request_id: &str) -> String {
    format!("{}progress", job_prefix(function, request_id))
}

/// The key of the record of a result that no destination accepted.
#[must_use]
pub fn result_key(function: &str, request_id: &str) -> String {
    format!("{}result", job_prefix(function, request_id))
}

/// The key of the object that holds an event. Another event is another object: none replaces that of a task which still
/// has attempts to come.
#[cfg(feature = "dispatcher")]
#[must_use]
pub(crate) fn event_key(function: &str, request_id: &str, event: &str) -> String {
    format!("{}{}", job_prefix(function, request_id), hex_sha256(event))
}

/// Whether an object is the event of this request, put there by a dispatcher of this function: nothing else ends in a
/// hash at this place.
#[cfg(feature = "dispatcher")]
#[must_use]
pub(crate) fn is_event_object(uri: &str, bucket: &str, function: &str, request_id: &str) -> bool {
    let is_hash = |hash: &str| hash.len() == 64 && hash.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    uri.strip_prefix(&format!("s3://{bucket}/{}", job_prefix(function, request_id))).is_some_and(is_hash)
}

pub(crate) fn hex_sha256(text: &str) -> String {
    use std::fmt::Write as _;
    let mut hex = String::with_capacity(64);
    for byte in Sha256::digest(text.as_bytes()) {
        // Writing into a string can't fail.
        let _ = write!(hex, "{byte:02x}");
    }
    hex
}

#[cfg(all(test, feature = "dispatcher"))]
mod tests {
    use super::*;

    #[test]
    fn an_unusual_request_id_is_hashed() {
        let uuid = "e4b46cbf-b738-xmpl-8880-a18cdf61200e";
        assert_eq!(started_by(uuid), uuid);
        assert_eq!(started_by(&"a".repeat(128)), "a".repeat(128));
        for unusual in ["", "a/b", "a_b", "ä", "../x", &"a".repeat(129)] {
            assert_eq!(started_by(unusual), hex_sha256(unusual), "{unusual:?}");
        }
        assert_eq!(progress_key("ingest", "r-1"), "immortal/ingest/r-1/progress");
        assert_eq!(progress_key("ingest", "../r"), format!("immortal/ingest/{}/progress", hex_sha256("../r")));
        let hash = hex_sha256("{}");
        assert_eq!(event_key("ingest", "r-1", "{}"), format!("immortal/ingest/r-1/{hash}"));
        assert_eq!(event_key("ingest", "../x", "{}"), format!("immortal/ingest/{}/{hash}", hex_sha256("../x")));
    }

    #[test]
    fn only_the_requests_own_object_is_its_event() {
        let hash = hex_sha256("{}");
        let own = format!("s3://events/immortal/ingest/r-1/{hash}");
        let table = [
            (own.clone(), true),
            (format!("s3://payroll/immortal/ingest/r-1/{hash}"), false),
            (format!("s3://events/immortal/other/r-1/{hash}"), false),
            (format!("s3://events/immortal/ingest/r-2/{hash}"), false),
            (format!("s3://events/immortal/ingest/r-1/x/{hash}"), false),
            (format!("s3://events/immortal/ingest/r-1/../r-2/{hash}"), false),
            (format!("s3://events//immortal/ingest/r-1/{hash}"), false),
            (format!("s3://events/immortal/ingest/r-1/{}", hash.to_uppercase()), false),
            (format!("s3://events/immortal/ingest/r-1/{}", &hash[1..]), false),
            (format!("{own}?versionId=1"), false),
            ("s3://events/immortal/ingest/r-1/progress".to_owned(), false),
            ("s3://events/immortal/ingest/r-1".to_owned(), false),
            (String::new(), false),
        ];
        for (uri, expected) in table {
            assert_eq!(is_event_object(&uri, "events", "ingest", "r-1"), expected, "{uri}");
        }
        let hashed = format!("s3://events/immortal/ingest/{}/{hash}", hex_sha256("../r"));
        assert!(is_event_object(&hashed, "events", "ingest", "../r"));
    }
}
