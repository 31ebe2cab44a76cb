//! Spans of time and moments, as people read them.

use std::time::Duration;

use jiff::Timestamp;

/// A span in its two largest units: `3d 4h`, `2h 5m`, `5m 10s`, `10s`.
pub(crate) fn span(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    let units = [(days, "d"), (hours, "h"), (minutes, "m"), (seconds % 60, "s")];
    let Some(first) = units.iter().position(|(number, _)| *number > 0) else { return "0s".to_owned() };
    let shown = units[first..].iter().take(2).filter(|(number, _)| *number > 0);
    shown.map(|(number, unit)| format!("{number}{unit}")).collect::<Vec<_>>().join(" ")
}

/// How long after one moment another is; nothing where it is before it.
pub(crate) fn between(from: Timestamp, to: Timestamp) -> Duration {
    Duration::try_from(to.duration_since(from)).unwrap_or_default()
}

/// A moment to the second, in UTC.
pub(crate) fn moment(at: Timestamp) -> String {
    format!("{at:.0}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_has_two_units_at_most() {
        let table = [
            (0, "0s"),
            (9, "9s"),
            (60, "1m"),
            (310, "5m 10s"),
            (3_600, "1h"),
            (7_507, "2h 5m"),
            (3_605, "1h"),
            (86_400 * 3 + 3_600 * 4 + 59, "3d 4h"),
            (86_400 * 14, "14d"),
        ];
        for (seconds, expected) in table {
            assert_eq!(span(Duration::from_secs(seconds)), expected, "{seconds}");
        }
    }

    #[test]
    fn a_moment_is_to_the_second() {
        let at = Timestamp::from_millisecond(1_764_158_400_999).expect("in range");
        assert_eq!(moment(at), "2025-11-26T12:00:00Z");
        let later = Timestamp::from_millisecond(1_764_158_401_999).expect("in range");
        assert_eq!((between(at, later), between(later, at)), (Duration::from_secs(1), Duration::ZERO));
    }
}
