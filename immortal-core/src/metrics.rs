//! The metrics of dispatcher and runner, as lines in `CloudWatch`'s embedded metric format.
//!
//! Lambda and the `awslogs` driver of ECS both send them to `CloudWatch` Logs, which extracts the metrics without a
//! header or an agent.
//!
//! Sources:
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>,
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Generation_PutLogEvents.html>

use std::io::Write;

use serde_json::{Map, Value, json};

use crate::names::env;

/// The one dimension: the primary's name.
const DIMENSION: &str = "Function";

/// A value of a metric; the name says what it measures, and the variant its unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Metric {
    Count(&'static str),
    Milliseconds(&'static str, u64),
    Seconds(&'static str, u64),
}

impl Metric {
    fn parts(self) -> (&'static str, &'static str, u64) {
        match self {
            Self::Count(name) => (name, "Count", 1),
            Self::Milliseconds(name, value) => (name, "Milliseconds", value),
            Self::Seconds(name, value) => (name, "Seconds", value),
        }
    }
}

/// Prints these metrics of a function as one line, measured at this time of day, in Unix milliseconds.
pub(crate) fn print(mut out: impl Write, function: &str, now: i64, metrics: &[Metric]) {
    if metrics.is_empty() {
        return;
    }
    // A closed output changes nothing for the event.
    let _ = writeln!(out, "{}", line(function, now, metrics));
}

fn line(function: &str, now: i64, metrics: &[Metric]) -> String {
    let parts = || metrics.iter().map(|metric| metric.parts());
    let definitions: Vec<_> = parts().map(|(name, unit, _)| json!({ "Name": name, "Unit": unit })).collect();
    let directive = json!({ "Namespace": "Immortal", "Dimensions": [[DIMENSION]], "Metrics": definitions });
    let mut line = Map::from_iter([
        ("_aws".to_owned(), json!({ "Timestamp": now, "CloudWatchMetrics": [directive] })),
        (DIMENSION.to_owned(), Value::from(function)),
    ]);
    line.extend(parts().map(|(name, _, value)| (name.to_owned(), Value::from(value))));
    Value::from(line).to_string()
}

/// Reads `IMMORTAL_METRICS`: whether metrics are printed, or what is wrong with the value.
pub(crate) fn are_on(switch: Option<&str>) -> Result<bool, String> {
    match switch {
        None | Some("on") => Ok(true),
        Some("off") => Ok(false),
        Some(other) => Err(format!("{} is {other:?}, and must be on or off", env::METRICS)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_holds_each_metric_with_its_unit() {
        let metrics = [
            Metric::Count("TasksStarted"),
            Metric::Milliseconds("TimeToTask", 1234),
            Metric::Seconds("TaskSeconds", 7),
        ];
        let line = line("ingest", 1_700_000_000_000, &metrics);
        assert_eq!(line.lines().count(), 1);
        assert_eq!(
            serde_json::from_str::<Value>(&line).expect("JSON"),
            json!({
                "_aws": {
                    "Timestamp": 1_700_000_000_000_i64,
                    "CloudWatchMetrics": [{
                        "Namespace": "Immortal",
                        "Dimensions": [["Function"]],
                        "Metrics": [
                            { "Name": "TasksStarted", "Unit": "Count" },
                            { "Name": "TimeToTask", "Unit": "Milliseconds" },
                            { "Name": "TaskSeconds", "Unit": "Seconds" },
                        ],
                    }],
                },
                "Function": "ingest",
                "TasksStarted": 1,
                "TimeToTask": 1234,
                "TaskSeconds": 7,
            })
        );
    }

    #[test]
    fn the_switch_is_on_or_off() {
        assert_eq!(are_on(None), Ok(true));
        assert_eq!(are_on(Some("on")), Ok(true));
        assert_eq!(are_on(Some("off")), Ok(false));
        assert!(are_on(Some("false")).is_err_and(|problem| problem.contains("IMMORTAL_METRICS is \"false\"")));
    }
}
