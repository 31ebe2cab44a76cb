//! Which lines of a log stream are one job's, and who wrote them.

use serde::{Deserialize, Serialize};

/// Whose stream it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum StreamKind {
    /// A sandbox of the primary: one invocation after another, of any job.
    Primary,
    /// One of the dispatcher, whose invocations are about several jobs.
    Dispatcher,
    /// A task's, which is one attempt.
    Task,
}

/// Who wrote a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum LineAuthor {
    Handler,
    Platform,
}

/// A stream, as far as it was read.
#[derive(Debug)]
pub(super) struct JobStream {
    pub(super) kind: StreamKind,
    /// Between the lines that say that the job's invocation begins and that it was reported.
    in_invocation: bool,
    /// Between those that say that it begins and ends.
    in_handler: bool,
}

/// What a line of the platform says of an invocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum InvocationMark {
    Start,
    End,
    Report,
}

impl JobStream {
    pub(super) fn new(kind: StreamKind) -> Self {
        Self { kind, in_invocation: false, in_handler: false }
    }

    /// Takes the next line: who wrote it, where it is the job's.
    pub(super) fn take(&mut self, line: &str, request_id: &str) -> Option<LineAuthor> {
        if line.trim().is_empty() {
            return None;
        }
        let is_about = line.contains(request_id);
        match self.kind {
            StreamKind::Dispatcher => is_about.then_some(LineAuthor::Platform),
            StreamKind::Task => Some(self.next(invocation_mark(line), is_about)),
            StreamKind::Primary => {
                let (was_inside, mark) = (self.in_invocation, invocation_mark(line));
                let of = self.next(mark, is_about);
                // What a sandbox writes about a timeout comes behind the report.
                (was_inside || self.in_invocation || is_about).then_some(of)
            }
        }
    }

    fn next(&mut self, mark: Option<InvocationMark>, is_about: bool) -> LineAuthor {
        match mark {
            Some(InvocationMark::Start) => (self.in_invocation, self.in_handler) = (is_about, is_about),
            Some(InvocationMark::End) => self.in_handler = false,
            Some(InvocationMark::Report) => (self.in_invocation, self.in_handler) = (false, false),
            None if self.in_handler => return LineAuthor::Handler,
            None => {}
        }
        LineAuthor::Platform
    }
}

/// Reads a line of the platform, as text or as JSON.
///
/// Source: <https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-logformat.html>.
pub(super) fn invocation_mark(line: &str) -> Option<InvocationMark> {
    #[derive(Deserialize)]
    struct PlatformLine<'a> {
        #[serde(rename = "type")]
        kind: &'a str,
    }
    let texts = [
        ("START RequestId: ", "platform.start", InvocationMark::Start),
        ("END RequestId: ", "platform.runtimeDone", InvocationMark::End),
        ("REPORT RequestId: ", "platform.report", InvocationMark::Report),
    ];
    let of_text = texts.iter().find(|(text, _, _)| line.starts_with(text));
    let of_json = || {
        let record = serde_json::from_str::<PlatformLine<'_>>(line).ok()?;
        texts.iter().find(|(_, kind, _)| *kind == record.kind)
    };
    of_text.or_else(of_json).map(|(_, _, mark)| *mark)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The lines that are taken: `|` for the handler's, `.` for the platform's.
    fn taken(kind: StreamKind, lines: &[&str]) -> Vec<String> {
        let mut stream = JobStream::new(kind);
        let take = |line: &&str| {
            let mark = match stream.take(line, "r-1")? {
                LineAuthor::Handler => '|',
                LineAuthor::Platform => '.',
            };
            Some(format!("{mark} {line}"))
        };
        lines.iter().filter_map(take).collect()
    }

    #[test]
    fn of_a_sandbox_only_the_jobs_invocations() {
        let lines = [
            "INIT_START Runtime Version: provided:al2023",
            "START RequestId: r-0 Version: $LATEST",
            "another's",
            "END RequestId: r-0",
            "REPORT RequestId: r-0\tDuration: 1 ms",
            "START RequestId: r-1 Version: $LATEST",
            "its own",
            "",
            "END RequestId: r-1",
            "REPORT RequestId: r-1\tDuration: 3000 ms",
            "2026-11-26T12:00:00.000Z r-1 Task timed out after 3.00 seconds",
            "INIT_START Runtime Version: provided:al2023",
            "START RequestId: r-2 Version: $LATEST",
            "another's",
        ];
        let expected = [
            ". START RequestId: r-1 Version: $LATEST",
            "| its own",
            ". END RequestId: r-1",
            ". REPORT RequestId: r-1\tDuration: 3000 ms",
            ". 2026-11-26T12:00:00.000Z r-1 Task timed out after 3.00 seconds",
        ];
        assert_eq!(taken(StreamKind::Primary, &lines), expected);
    }

    #[test]
    fn a_sandbox_that_died_ends_with_the_next_start() {
        let lines = ["START RequestId: r-1 Version: 7", "its own", "START RequestId: r-2 Version: 7", "another's"];
        // The line of the other start shows where it ended.
        assert_eq!(taken(StreamKind::Primary, &lines).len(), 3);
    }

    #[test]
    fn of_a_task_all_lines() {
        let lines =
            ["fetching", "START RequestId: r-1 Version: 7", "its own", "END RequestId: r-1", "the handler failed"];
        let expected = [
            ". fetching",
            ". START RequestId: r-1 Version: 7",
            "| its own",
            ". END RequestId: r-1",
            ". the handler failed",
        ];
        assert_eq!(taken(StreamKind::Task, &lines), expected);
    }

    #[test]
    fn of_the_dispatcher_the_lines_about_the_job() {
        let lines = ["START RequestId: d-1", "request r-1: started a task", "request r-2: started a task"];
        assert_eq!(taken(StreamKind::Dispatcher, &lines), [". request r-1: started a task"]);
    }

    #[test]
    fn json_logs_are_read_too() {
        let lines = [
            r#"{"time":"t","type":"platform.start","record":{"requestId":"r-1","version":"7"}}"#,
            r#"{"level":"INFO","message":"its own"}"#,
            r#"{"time":"t","type":"platform.runtimeDone","record":{"requestId":"r-1"}}"#,
            r#"{"time":"t","type":"platform.report","record":{"requestId":"r-1"}}"#,
            r#"{"level":"INFO","message":"another's"}"#,
        ];
        let taken = taken(StreamKind::Primary, &lines);
        assert_eq!(taken.len(), 4);
        assert!(taken[1].starts_with("| {\"level\""), "{taken:?}");
    }
}
