//! The report of an attempt: Lambda's lines and the result on stdout, and the reason of a failure in the log.

use std::io::stdout;

use tokio::time::Instant;

pub(super) use super::report_format::ReportFormat;

use super::{
    attempt::{AttemptEnd, AttemptOutcome},
    child_process::ProcessEnd,
    identity::FunctionIdentity,
    report_format::InvocationReport,
    reported_error::summary,
};
use crate::{
    batch_failures::BatchFailures,
    exit::{RunnerExit, SIGKILL},
    order::Order,
    runtime_api::InvocationAnswer,
};

/// The report of an attempt that has begun.
#[derive(Debug)]
pub(super) struct AttemptReport<'a> {
    order: &'a Order,
    identity: &'a FunctionIdentity,
    format: ReportFormat,
    begun: Instant,
}

impl<'a> AttemptReport<'a> {
    /// Writes the line before the handler runs. What stdout does with it doesn't change what the handler does, so its
    /// errors are ignored, here and below.
    pub(super) fn begin(order: &'a Order, identity: &'a FunctionIdentity, format: ReportFormat) -> Self {
        let _ = format.start(&mut stdout().lock(), &order.context.aws_request_id, &identity.version);
        Self { order, identity, format, begun: Instant::now() }
    }

    /// Writes the lines of an attempt whose process couldn't be started.
    pub(super) fn end_without_process(&self) {
        let _ = self.format.end(&mut stdout().lock(), None, 0, &self.invocation(None, false));
    }

    /// Writes the result and the lines after it, and logs why the attempt failed, where it did.
    pub(super) fn end(&self, outcome: &AttemptOutcome) {
        let (result, length) = match &outcome.end {
            AttemptEnd::Answered(InvocationAnswer::Response(body))
            | AttemptEnd::MessageFailed { response: body, .. } => (Some(&*body.bytes), body.length),
            _ => (None, 0),
        };
        let succeeded = outcome.exit == RunnerExit::Succeeded;
        let invocation = self.invocation(outcome.max_memory_mb, succeeded);
        let _ = self.format.end(&mut stdout().lock(), result, length, &invocation);
        let (name, request_id) = (&self.identity.name, &self.order.context.aws_request_id);
        if let (AttemptEnd::Answered(_), RunnerExit::Stopped) = (&outcome.end, outcome.exit) {
            tracing::info!("function {name}, request {request_id}: the handler ended early, as it was told to");
        } else if let Some(failure) = failure(outcome) {
            tracing::error!("function {name}, request {request_id}: the handler {failure}");
        }
    }

    fn invocation(&self, max_memory_mb: Option<u64>, succeeded: bool) -> InvocationReport<'_> {
        InvocationReport {
            request_id: &self.order.context.aws_request_id,
            duration: self.begun.elapsed(),
            memory_mb: self.identity.memory_mb,
            max_memory_mb,
            attempt: self.order.attempt,
            succeeded,
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
        AttemptEnd::MessageFailed { failures: BatchFailures::Named(_), .. } => {
            "named the message in the batchItemFailures of its response".to_owned()
        }
        AttemptEnd::MessageFailed { failures: BatchFailures::All, .. } => {
            "gave a response that Lambda takes as the failure of a whole batch: it is not valid JSON, or batchItemFailures \
             names something else than the message's id; fix what the handler returns"
                .to_owned()
        }
        AttemptEnd::Exited(ProcessEnd::Code(code)) => format!("exited with {code}, without an answer"),
        AttemptEnd::Exited(ProcessEnd::Signal(SIGKILL)) if matches!(outcome.exit, RunnerExit::Killed(_)) => {
            "was killed by SIGKILL, probably because it ran out of memory: give the task more of it".to_owned()
        }
        AttemptEnd::Exited(ProcessEnd::Signal(signal)) => format!("was killed by signal {signal}, without an answer"),
    })
}
