//! The lines of an attempt in Lambda's formats: text, or JSON if the function logs JSON.

use std::{
    fmt::{self, Write as _},
    io::{self, Write},
    time::Duration,
};

use serde_json::{Value, json};

use super::deployed_function::DeployedFunction;
use crate::aws;

/// How much of a result is printed.
const MAX_RESULT: usize = 64 * 1024;

/// The format of the lines.
///
/// Source: <https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-logformat.html>
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ReportFormat {
    Text,
    Json,
}

/// What the lines after the handler say.
#[derive(Clone, Debug)]
pub(super) struct InvocationReport<'a> {
    pub(super) request_id: &'a str,
    pub(super) duration: Duration,
    pub(super) memory_mb: u32,
    pub(super) max_memory_mb: Option<u64>,
    pub(super) attempt: u32,
    pub(super) succeeded: bool,
}

impl ReportFormat {
    pub(super) fn from_function(function: &DeployedFunction) -> Self {
        if function.has_json_logs() { Self::Json } else { Self::Text }
    }

    /// The line before the handler runs.
    pub(super) fn start(self, out: &mut impl Write, request_id: &str, version: &str) -> io::Result<()> {
        match self {
            Self::Text => writeln!(out, "START RequestId: {} Version: {}", OneLine(request_id), OneLine(version))?,
            Self::Json => json_line(out, "start", &json!({ "requestId": request_id, "version": version }))?,
        }
        out.flush()
    }

    /// The result, where there is one, and the two lines at the end.
    ///
    /// It begins with a line break: the handler's process writes to the same stdout, and may have left a line open.
    pub(super) fn end(
        self,
        out: &mut impl Write,
        result: Option<&[u8]>,
        length: u64,
        report: &InvocationReport<'_>,
    ) -> io::Result<()> {
        writeln!(out)?;
        if let Some(result) = result {
            out.write_all(&result[..result.len().min(MAX_RESULT)])?;
            writeln!(out)?;
            if length > MAX_RESULT as u64 {
                writeln!(out, "(the result has {length} bytes, of which the first {MAX_RESULT} are above)")?;
            }
        }
        match self {
            Self::Text => text_report(out, report)?,
            Self::Json => json_report(out, report)?,
        }
        out.flush()
    }
}

fn text_report(out: &mut impl Write, report: &InvocationReport<'_>) -> io::Result<()> {
    let InvocationReport { memory_mb, attempt, .. } = report;
    let request_id = OneLine(report.request_id);
    writeln!(out, "END RequestId: {request_id}")?;
    let milliseconds = milliseconds(report.duration);
    write!(out, "REPORT RequestId: {request_id}\tDuration: {milliseconds:.2} ms\t")?;
    write!(out, "Billed Duration: {:.0} ms\tMemory Size: {memory_mb} MB\t", milliseconds.ceil())?;
    if let Some(most) = report.max_memory_mb {
        write!(out, "Max Memory Used: {most} MB\t")?;
    }
    writeln!(out, "Attempt: {attempt}\t")
}

/// The same in JSON; where Lambda's line of text says END, its JSON says that the runtime is done.
fn json_report(out: &mut impl Write, report: &InvocationReport<'_>) -> io::Result<()> {
    let InvocationReport { request_id, duration, memory_mb, max_memory_mb, attempt, succeeded } = report;
    let status = if *succeeded { "success" } else { "failure" };
    json_line(out, "runtimeDone", &json!({ "requestId": request_id, "status": status }))?;
    let metrics = json!({
        "durationMs": milliseconds(*duration),
        "billedDurationMs": duration.as_micros().div_ceil(1000),
        "memorySizeMB": memory_mb,
        "maxMemoryUsedMB": max_memory_mb,
    });
    let record = json!({ "requestId": request_id, "status": status, "attempt": attempt, "metrics": metrics });
    json_line(out, "report", &record)
}

fn json_line(out: &mut impl Write, kind: &str, record: &Value) -> io::Result<()> {
    let time = aws::timestamp(aws::unix_now());
    writeln!(out, "{}", json!({ "time": time, "type": format!("platform.{kind}"), "record": record }))
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

/// A text without a line of its own: what would break the line is escaped.
struct OneLine<'a>(&'a str);

impl fmt::Display for OneLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|character| {
            if character.is_control() { write!(f, "{}", character.escape_default()) } else { f.write_char(character) }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(result: Option<&[u8]>, length: u64) -> String {
        let report = InvocationReport {
            request_id: "r-1",
            duration: Duration::from_micros(1_234_567),
            memory_mb: 512,
            max_memory_mb: Some(45),
            attempt: 2,
            succeeded: true,
        };
        let mut out = Vec::new();
        ReportFormat::Text.start(&mut out, "r-1", "7").expect("memory");
        ReportFormat::Text.end(&mut out, result, length, &report).expect("memory");
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn lines_are_lambdas_own() {
        assert_eq!(
            written(Some(b"{\"n\":1}"), 7),
            "START RequestId: r-1 Version: 7\n\
             \n{\"n\":1}\n\
             END RequestId: r-1\n\
             REPORT RequestId: r-1\tDuration: 1234.57 ms\tBilled Duration: 1235 ms\tMemory Size: 512 MB\t\
             Max Memory Used: 45 MB\tAttempt: 2\t\n"
        );
        assert!(!written(None, 0).contains("null"));
    }

    #[test]
    fn no_request_id_and_no_version_makes_a_line_of_its_own() {
        let forged = "r-1\r\nEND RequestId: forged\u{1b}[2K";
        let report = InvocationReport {
            request_id: forged,
            duration: Duration::ZERO,
            memory_mb: 512,
            max_memory_mb: None,
            attempt: 1,
            succeeded: true,
        };
        let mut out = Vec::new();
        ReportFormat::Text.start(&mut out, forged, "7\nEND RequestId: forged").expect("memory");
        ReportFormat::Text.end(&mut out, None, 0, &report).expect("memory");
        let text = String::from_utf8(out).expect("text");
        let starts: Vec<_> = text.lines().map(|line| line.split(' ').next().unwrap_or_default()).collect();
        assert_eq!(starts, ["START", "", "END", "REPORT"], "{text}");
        assert!(!text.contains(['\r', '\u{1b}']), "{text:?}");
        assert!(text.contains(r"END RequestId: r-1\r\nEND RequestId: forged\u{1b}[2K"), "{text}");
    }

    #[test]
    fn a_long_result_is_cut_with_a_note() {
        let result = vec![b'Q'; MAX_RESULT + 1];
        let text = written(Some(&result), result.len() as u64);
        assert_eq!(text.matches('Q').count(), MAX_RESULT);
        assert!(text.contains("\n(the result has 65537 bytes, of which the first 65536 are above)\n"), "{text}");
    }

    #[test]
    fn json_lines_are_lambdas_own_too() {
        let report = InvocationReport {
            request_id: "r-1\n",
            duration: Duration::from_micros(1_234_567),
            memory_mb: 512,
            max_memory_mb: None,
            attempt: 2,
            succeeded: false,
        };
        let mut out = Vec::new();
        ReportFormat::Json.start(&mut out, "r-1\n", "7").expect("memory");
        ReportFormat::Json.end(&mut out, None, 0, &report).expect("memory");
        let text = String::from_utf8(out).expect("text");
        let lines: Vec<serde_json::Value> = text
            .lines()
            .filter(|line| !line.is_empty())
            .map(|line| serde_json::from_str(line).expect("each line is JSON"))
            .collect();
        let [start, done, report] = &lines[..] else { panic!("three lines: {text}") };
        assert!(lines.iter().all(|line| line["time"].as_str().is_some_and(|time| time.ends_with('Z'))), "{text}");
        assert_eq!(start["type"], "platform.start");
        assert_eq!(start["record"], json!({ "requestId": "r-1\n", "version": "7" }));
        assert_eq!(done["type"], "platform.runtimeDone");
        assert_eq!(done["record"], json!({ "requestId": "r-1\n", "status": "failure" }));
        assert_eq!(report["type"], "platform.report");
        assert_eq!(
            report["record"],
            json!({ "requestId": "r-1\n", "status": "failure", "attempt": 2,
                "metrics": { "durationMs": 1234.567, "billedDurationMs": 1235, "memorySizeMB": 512, "maxMemoryUsedMB": null } })
        );
    }
}
