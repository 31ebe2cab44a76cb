//! The table of what struck how often.

use std::fmt::Write as _;

/// How often a fault struck.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StrikeCount {
    /// What it struck: an operation of AWS, or who acts.
    pub(crate) operation: &'static str,
    pub(crate) name: &'static str,
    pub(crate) strikes: u64,
}

/// The counts as a table, an operation a row.
pub(crate) fn table(counts: &[StrikeCount]) -> String {
    let mut operations: Vec<&str> = counts.iter().map(|count| count.operation).collect();
    let mut seen = std::collections::HashSet::new();
    operations.retain(|operation| seen.insert(*operation));
    let mut table = "| struck | how, and how often |\n| --- | --- |\n".to_owned();
    for operation in operations {
        let of: Vec<_> = counts
            .iter()
            .filter(|count| count.operation == operation)
            .map(|count| format!("{} {}", count.name, count.strikes))
            .collect();
        // Writing into a string can't fail.
        let _ = writeln!(table, "| {operation} | {} |", of.join(", "));
    }
    table
}

/// How often each fault has to strike in a run of so many jobs.
pub(crate) fn least_strikes(jobs: u64) -> u64 {
    if jobs < 10_000 { 1 } else { 20 }
}

/// The faults that struck less often than they have to.
pub(crate) fn too_rare(counts: &[StrikeCount], least: u64) -> Vec<StrikeCount> {
    counts.iter().filter(|count| count.strikes < least).copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const COUNTS: [StrikeCount; 3] = [
        StrikeCount { operation: "RunTask", name: "throttled", strikes: 12 },
        StrikeCount { operation: "people", name: "stop a task", strikes: 0 },
        StrikeCount { operation: "RunTask", name: "500", strikes: 3 },
    ];

    #[test]
    fn an_operation_is_a_row() {
        let expected = "| struck | how, and how often |\n| --- | --- |\n| RunTask | throttled 12, 500 3 |\n| people | stop a task 0 |\n";
        assert_eq!(table(&COUNTS), expected);
    }

    #[test]
    fn what_struck_too_rarely_is_found() {
        assert_eq!(too_rare(&COUNTS, 1), [COUNTS[1]]);
        assert_eq!(too_rare(&COUNTS, 4), [COUNTS[1], COUNTS[2]]);
        assert!(too_rare(&COUNTS, 0).is_empty());
    }
}
