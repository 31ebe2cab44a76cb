//! Moments as AWS writes them, and as Unix milliseconds.

use aws_smithy_types::date_time::{DateTime, Format};

/// Parses a time stamp of AWS's JSON (`2026-11-26T12:00:00.123Z`), in Unix milliseconds.
#[cfg(feature = "dispatcher")]
pub(crate) fn unix_milliseconds(timestamp: &str) -> Option<i64> {
    DateTime::from_str(timestamp, Format::DateTimeWithOffset).ok()?.to_millis().ok()
}

/// The time of day, in Unix milliseconds.
#[cfg(feature = "runner")]
pub(crate) fn unix_now() -> i64 {
    use std::time::{SystemTime, UNIX_EPOCH};

    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(now.as_millis()).unwrap_or(i64::MAX)
}

/// A moment in Unix milliseconds, as AWS writes it in JSON.
pub(crate) fn timestamp(unix_milliseconds: i64) -> String {
    DateTime::from_millis(unix_milliseconds).fmt(Format::DateTime).unwrap_or_default()
}
