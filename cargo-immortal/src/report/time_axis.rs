//! Times as a page shows them, for jobs of a second and of a week.

use std::time::Duration;

/// Between two marks of the axis, in milliseconds.
const STEPS: [u64; 25] = [
    100,
    200,
    500,
    1_000,
    2_000,
    5_000,
    10_000,
    15_000,
    30_000,
    60_000,
    120_000,
    300_000,
    600_000,
    900_000,
    1_800_000,
    3_600_000,
    7_200_000,
    10_800_000,
    21_600_000,
    43_200_000,
    86_400_000,
    172_800_000,
    604_800_000,
    1_209_600_000,
    2_419_200_000,
];
/// The most marks of an axis.
const MOST_MARKS: u64 = 8;

/// Where the axis has its marks, from 0 on.
pub(super) fn marks(length: Duration) -> Vec<Duration> {
    let length = u64::try_from(length.as_millis()).unwrap_or(u64::MAX);
    let step = STEPS.into_iter().find(|step| length / step < MOST_MARKS).unwrap_or(length / MOST_MARKS + 1);
    (0..=length / step).map(|mark| Duration::from_millis(mark * step)).collect()
}

/// A length of time in its two largest units: `1.5 s`, `2 min 5 s`, `3 h 1 min`, `2 d 4 h`.
pub(super) fn elapsed(time: Duration) -> String {
    let seconds = time.as_secs();
    if seconds < 60 {
        return format!("{:.1} s", time.as_secs_f64());
    }
    let units = [(seconds / 86_400, "d"), (seconds / 3_600 % 24, "h"), (seconds / 60 % 60, "min"), (seconds % 60, "s")];
    let first = units.iter().position(|(number, _)| *number > 0).unwrap_or_default();
    let shown = units[first..].iter().take(2).filter(|(number, _)| *number > 0);
    shown.map(|(number, unit)| format!("{number} {unit}")).collect::<Vec<_>>().join(" ")
}

/// A mark's label: as `elapsed`, and whole seconds without a fraction.
pub(super) fn mark_label(time: Duration) -> String {
    let label = elapsed(time);
    label.replace(".0 s", " s")
}

/// The time of a line: seconds within the first hour, then hours, minutes and seconds.
pub(super) fn line_time(time: Duration) -> String {
    let (seconds, milliseconds) = (time.as_secs(), time.subsec_millis());
    if seconds < 3_600 {
        return format!("{seconds}.{milliseconds:03}");
    }
    format!("{}:{:02}:{:02}.{milliseconds:03}", seconds / 3_600, seconds / 60 % 60, seconds % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_axis_has_eight_marks_at_most() {
        let table = [
            (0, vec!["0 s"]),
            (300, vec!["0 s", "0.1 s", "0.2 s", "0.3 s"]),
            (3_100, vec!["0 s", "0.5 s", "1 s", "1.5 s", "2 s", "2.5 s", "3 s"]),
            (21_000, vec!["0 s", "5 s", "10 s", "15 s", "20 s"]),
            (150_000, vec!["0 s", "30 s", "1 min", "1 min 30 s", "2 min", "2 min 30 s"]),
            (6 * 3_600_000, vec!["0 s", "1 h", "2 h", "3 h", "4 h", "5 h", "6 h"]),
        ];
        for (length, expected) in table {
            let labels: Vec<_> = marks(Duration::from_millis(length)).into_iter().map(mark_label).collect();
            assert_eq!(labels, expected, "{length} ms");
        }
        for days in [1, 14, 100, 100_000] {
            let marks = marks(Duration::from_hours(24 * days));
            assert!((2..=9).contains(&marks.len()), "{days} days: {marks:?}");
        }
    }

    #[test]
    fn a_length_of_time_has_two_units_at_most() {
        let table = [
            (0, "0.0 s", "0.000"),
            (1_540, "1.5 s", "1.540"),
            (125_000, "2 min 5 s", "125.000"),
            (7_200_001, "2 h", "2:00:00.001"),
            (10_865_000, "3 h 1 min", "3:01:05.000"),
            (187_200_000, "2 d 4 h", "52:00:00.000"),
        ];
        for (milliseconds, length, line) in table {
            let time = Duration::from_millis(milliseconds);
            assert_eq!((elapsed(time).as_str(), line_time(time).as_str()), (length, line));
        }
    }
}
