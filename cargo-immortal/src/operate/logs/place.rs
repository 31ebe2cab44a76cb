//! Which attempt a task is, long after ECS forgot it, too.

use std::collections::BTreeMap;

use crate::report::{JobPlace, TaskAttempt};

/// What is known of the tasks, by their ids.
#[derive(Debug, Default)]
pub(super) struct TaskAttempts {
    known: BTreeMap<String, TaskAttempt>,
    /// By their own reports, which name no series.
    reported: BTreeMap<String, u32>,
}

/// What the runner's report ends in.
const REPORTED: &str = "\tAttempt: ";

impl TaskAttempts {
    /// Notes what ECS said of a task.
    pub(super) fn know(&mut self, task: String, attempt: TaskAttempt) {
        self.known.insert(task, attempt);
    }

    /// Reads a line of a task, which may be its report.
    pub(super) fn record_line(&mut self, stream: &str, line: &str) {
        if let Some(attempt) = reported(line) {
            self.reported.insert(task_of(stream).to_owned(), attempt);
        }
    }

    /// The task of a stream.
    pub(super) fn place(&self, stream: &str) -> JobPlace {
        let task = task_of(stream);
        let reported = || self.reported.get(task).map(|attempt| TaskAttempt { series: 0, attempt: *attempt });
        JobPlace::Task {
            id: task.to_owned(),
            attempt: self.known.get(task).copied().or_else(reported),
            // Its lines don't say.
            is_spot: false,
        }
    }
}

/// Streams are called PREFIX/CONTAINER/TASK:
/// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/using_awslogs.html>.
fn task_of(stream: &str) -> &str {
    stream.rsplit('/').next().unwrap_or(stream)
}

fn reported(line: &str) -> Option<u32> {
    if let Some((_, rest)) = line.split_once(REPORTED).filter(|_| line.starts_with("REPORT RequestId: ")) {
        return rest.trim().parse().ok();
    }
    let report: serde_json::Value = serde_json::from_str(line).ok()?;
    let attempt = report["record"]["attempt"].as_u64().filter(|_| report["type"] == "platform.report")?;
    u32::try_from(attempt).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_is_known_by_ecs_then_by_its_report_then_by_its_id() {
        let mut attempts = TaskAttempts::default();
        attempts.know("aaaa".to_owned(), TaskAttempt { series: 0, attempt: 2 });
        attempts.know("bbbb".to_owned(), TaskAttempt { series: 1, attempt: 1 });
        let report = "REPORT RequestId: r-1\tDuration: 1.00 ms\tMemory Size: 512 MB\tAttempt: 3\t";
        attempts.record_line("task/runner/cccc", report);
        attempts
            .record_line("task/runner/dddd", r#"{"type":"platform.report","record":{"requestId":"r-1","attempt":4}}"#);
        attempts.record_line("task/runner/eeee0123456789", "the handler wrote: \tAttempt: 9\t");
        let table = [
            ("task/runner/aaaa", "Fargate, attempt 2"),
            ("task/runner/bbbb", "Fargate, series 1, attempt 1"),
            ("task/runner/cccc", "Fargate, attempt 3"),
            ("task/runner/dddd", "Fargate, attempt 4"),
            ("task/runner/eeee0123456789", "Fargate, task eeee0123"),
        ];
        for (stream, expected) in table {
            assert_eq!(attempts.place(stream).to_string(), expected, "{stream}");
        }
    }
}
