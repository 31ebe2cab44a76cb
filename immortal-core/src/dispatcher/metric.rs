//! What the dispatcher tells of itself, as a line in the embedded metric format.
//!
//! Source: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>.

use std::{io::Write as _, time::Duration};

use serde_json::json;

/// Prints the age of the oldest record that went back in an invocation; nothing went back: 0.
///
/// SQS's own metric of age leaves out what was received three times:
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html>.
pub(super) fn print_oldest_returned(function: &str, age: Duration, now: i64) {
    let line = oldest_returned(function, age, now);
    // A closed stdout must not fail the invocation.
    let _ = writeln!(std::io::stdout().lock(), "{line}");
}

fn oldest_returned(function: &str, age: Duration, now: i64) -> String {
    json!({
        "_aws": {
            "Timestamp": now,
            "CloudWatchMetrics": [{
                "Namespace": "Immortal",
                "Dimensions": [["Function"]],
                "Metrics": [{ "Name": "OldestReturnedRecord", "Unit": "Seconds" }],
            }],
        },
        "Function": function,
        "OldestReturnedRecord": age.as_secs(),
    })
    .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_is_one_metric_of_the_function() {
        let line = oldest_returned("ingest", Duration::from_mins(61), 1_700_000_000_000);
        let value: serde_json::Value = serde_json::from_str(&line).expect("JSON");
        assert_eq!((&value["OldestReturnedRecord"], &value["Function"]), (&json!(3660), &json!("ingest")));
        assert_eq!(value["_aws"]["Timestamp"], 1_700_000_000_000_i64);
        assert_eq!(value["_aws"]["CloudWatchMetrics"][0]["Metrics"][0]["Name"], "OldestReturnedRecord");
        assert_eq!(line.lines().count(), 1);
    }
}
