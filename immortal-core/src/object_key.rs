//! Where the objects of a job are: its event, where that is too large for an order, and its progress.

use std::fmt::Write as _;

use sha2::{Digest, Sha256};

/// The request id in a form that `startedBy` and a key take: itself, or its hash where it holds anything unusual.
#[must_use]
pub(crate) fn started_by(request_id: &str) -> String {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    if (1..=128).contains(&request_id.len()) && request_id.bytes().all(fits) {
        request_id.to_owned()
    } else {
        hex_sha256(request_id)
    }
}

/// What the keys of all objects of a job begin with.
#[must_use]
pub(crate) fn job_prefix(function: &str, request_id: &str) -> String {
    format!("immortal/{function}/{}/", started_by(request_id))
}

/// The key of a job's progress.
#[must_use]
pub(crate) fn progress_key(function: &str, request_id: &str) -> String {
    format!("{}progress", job_prefix(function, request_id))
}

pub(crate) fn hex_sha256(text: &str) -> String {
    let mut hex = String::with_capacity(64);
    for byte in Sha256::digest(text.as_bytes()) {
        // Writing into a string can't fail.
        let _ = write!(hex, "{byte:02x}");
    }
    hex
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_has_a_place_of_its_own() {
        assert_eq!(progress_key("ingest", "r-1"), "immortal/ingest/r-1/progress");
        let odd = progress_key("ingest", "../r-2/r-1");
        assert_eq!(odd, format!("immortal/ingest/{}/progress", hex_sha256("../r-2/r-1")));
        assert_ne!(progress_key("ingest", "r-1"), progress_key("ingest2", "r-1"));
    }
}
