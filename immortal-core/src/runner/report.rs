//! What an attempt leaves behind: on stdout the lines that Lambda writes and the result, in the log why it failed.

use std::{
    fmt::{self, Write as _},
    io::{self, Write, stdout},
    time::Duration,
};

use tokio::time::Instant;

use super::{
    attempt::{AttemptEnd, AttemptOutcome},
    child_process::ProcessEnd,
    identity::FunctionIdentity,
    reported_error::summary,
};
use crate::{
    exit::{RunnerExit, SIGKILL},
    order::Order,
    runtime_api::InvocationAnswer,
};

/// How much of a result is printed.
const MAX_RESULT: usize = 64 * 1024;

/// The report of an attempt that has begun.
#[derive(Debug)]
pub(super) struct AttemptReport<'a> {
    order: &'a Order,
    identity: &'a FunctionIdentity,
    begun: Instant,
}

impl<'a> AttemptReport<'a> {
    /// Writes the line before the handler runs. What stdout does with it doesn't change what the handler does, so its
    /// errors are ignored, here and below.
    pub(super) fn begin(order: &'a Order, identity: &'a FunctionIdentity) -> Self {
        let _ = start(&mut stdout().lock(), &order.context.aws_request_id, &identity.version);
        Self { order, identity, begun: Instant::now() }
    }

    /// Writes the lines of an attempt whose process couldn't be started.
    pub(super) fn end_without_process(&self) {
        let _ = end(&mut stdout().lock(), None, 0, &self.lines(None));
    }

    /// Writes the result and the lines after it, and logs why the attempt failed, where it did.
    pub(super) fn end(&self, outcome: &AttemptOutcome) {
        let (result, length) = match &outcome.end {
            AttemptEnd::Answered(InvocationAnswer::Response(body)) => (Some(&*body.bytes), body.length),
            _ => (None, 0),
        };
        let _ = end(&mut stdout().lock(), result, length, &self.lines(outcome.max_memory_mb));
        let (name, request_id) = (&self.identity.name, &self.order.context.aws_request_id);
        if let (AttemptEnd::Answered(_), RunnerExit::Stopped) = (&outcome.end, outcome.exit) {
            tracing::info!("function {name}, request {request_id}: the handler ended early, as it was told to");
        } else if let Some(failure) = failure(outcome) {
            tracing::error!("function {name}, request {request_id}: the handler {failure}");
        }
    }

    fn lines(&self, max_memory_mb: Option<u64>) -> InvocationReport<'_> {
        InvocationReport {
            request_id: &self.order.context.aws_request_id,
            duration: self.begun.elapsed(),
            memory_mb: self.identity.memory_mb,
            max_memory_mb,
            attempt: self.order.attempt,
        }
    }
}

/// What the handler did instead of succeeding.
fn failure(outcome: &AttemptOutcome) -> Option<String> {
    Some(match &outcome.end {
        AttemptEnd::Answered(InvocationAnswer::Response(_)) => return None,
        AttemptEnd::Answered(InvocationAnswer::Error(error)) => format!("returned {}", summary(error)),
        AttemptEnd::Answered(InvocationAnswer::Missing(_)) => {
            "asked for the next event without a whole answer to this one".to_owned()
        }
        AttemptEnd::Answered(InvocationAnswer::InitError(error)) => format!("couldn't start: {}", summary(error)),
        AttemptEnd::Exited(ProcessEnd::Code(code)) => format!("exited with {code}, without an answer"),
        AttemptEnd::Exited(ProcessEnd::Signal(SIGKILL)) if matches!(outcome.exit, RunnerExit::Killed(_)) => {
            "was killed by SIGKILL, probably because it ran out of memory: give the task more of it".to_owned()
        }
        AttemptEnd::Exited(ProcessEnd::Signal(signal)) => format!("was killed by signal {signal}, without an answer"),
    })
}

/// The line before the handler runs.
fn start(out: &mut impl Write, request_id: &str, version: &str) -> io::Result<()> {
    writeln!(out, "START RequestId: {} Version: {}", OneLine(request_id), OneLine(version))?;
    out.flush()
}

/// What the lines after it say.
#[derive(Clone, Debug)]
struct InvocationReport<'a> {
    request_id: &'a str,
    duration: Duration,
    memory_mb: u32,
    max_memory_mb: Option<u64>,
    attempt: u32,
}

/// The result, where there is one, and the two lines at the end.
///
/// It begins with a line break: the handler's process writes to the same stdout, and may have left a line open.
fn end(out: &mut impl Write, result: Option<&[u8]>, length: u64, report: &InvocationReport<'_>) -> io::Result<()> {
    writeln!(out)?;
    if let Some(result) = result {
        out.write_all(&result[..result.len().min(MAX_RESULT)])?;
        writeln!(out)?;
        if length > MAX_RESULT as u64 {
            writeln!(out, "(the result has {length} bytes, of which the first {MAX_RESULT} are above)")?;
        }
    }
    let InvocationReport { duration, memory_mb, attempt, .. } = report;
    let request_id = OneLine(report.request_id);
    writeln!(out, "END RequestId: {request_id}")?;
    let milliseconds = duration.as_secs_f64() * 1000.0;
    write!(out, "REPORT RequestId: {request_id}\tDuration: {milliseconds:.2} ms\t")?;
    write!(out, "Billed Duration: {:.0} ms\tMemory Size: {memory_mb} MB\t", milliseconds.ceil())?;
    if let Some(most) = report.max_memory_mb {
        write!(out, "Max Memory Used: {most} MB\t")?;
    }
    writeln!(out, "Attempt: {attempt}\t")?;
    out.flush()
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
        };
        let mut out = Vec::new();
        start(&mut out, "r-1", "7").expect("memory");
        end(&mut out, result, length, &report).expect("memory");
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
        };
        let mut out = Vec::new();
        start(&mut out, forged, "7\nEND RequestId: forged").expect("memory");
        end(&mut out, None, 0, &report).expect("memory");
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
}
