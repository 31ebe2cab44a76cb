//! What the lines of a job tell of the whole job: its attempts from their first line to their last, and how each ended.

use std::time::Duration;

use serde_json::Value;

use super::{
    JobLine,
    stream::{InvocationMark, LineAuthor, invocation_mark},
};
use crate::report::{
    HandlerEnd, JobPlace, JobReport, JobStep, ReportedEnding, ReportedLetter, StepKind, StepSpan, TaskAttempt,
    dispatcher_message, early_end, handled_summary, handler_end, is_metric,
};

/// How an attempt ended, as far as its own lines say it.
type AttemptEnd = (StepKind, String);

/// The report of all lines of a job, which are in order.
pub(super) fn log_report(request_id: &str, lines: &[JobLine]) -> JobReport {
    let function = lines.iter().find_map(|line| match &line.place {
        JobPlace::Primary { function } => Some(function.clone()),
        _ => None,
    });
    let mut report = JobReport {
        function: function.unwrap_or_else(|| "A job".to_owned()),
        facts: vec![("Request", request_id.to_owned()), ("Source", "the log groups on AWS".to_owned())],
        ..JobReport::default()
    };
    if let Some(first) = lines.first() {
        report.facts.insert(1, ("Began", first.time.clone()));
    }
    let steps = job_steps(lines);
    for step in &steps {
        report.add(step);
    }
    report.ending = ending(&steps);
    report
}

/// The job's steps. A task's attempt begins with its first line and ends with its last one.
fn job_steps(lines: &[JobLine]) -> Vec<JobStep> {
    let begin = lines.first().map_or(0, |line| line.at);
    let logs = place_logs(lines);
    let is_passed_on = lines.iter().any(|line| !matches!(line.place, JobPlace::Primary { .. }));
    let mut steps = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        let at = Duration::from_millis(u64::try_from(line.at.saturating_sub(begin)).unwrap_or_default());
        let step = |kind, span, text: &str| JobStep {
            at,
            place: line.place.clone(),
            text: text.to_owned(),
            kind,
            span,
            is_brief: false,
        };
        let log = logs.iter().find(|log| *log.place == line.place);
        let is_last = log.is_some_and(|log| log.last == index);
        let (begins, end) = match &line.place {
            JobPlace::Primary { .. } => {
                let mark = invocation_mark(&line.text);
                let is_end = mark == Some(InvocationMark::Report) || (is_last && is_open(&steps, &line.place));
                (mark == Some(InvocationMark::Start), is_end.then(|| lambda_end(&line.text, is_passed_on)))
            }
            JobPlace::Task { .. } => {
                let own = || lines.iter().filter(|own| own.place == line.place).map(|own| own.text.as_str());
                (log.is_some_and(|log| log.first == index), is_last.then(|| task_end(own())))
            }
            _ => (false, None),
        };
        if begins {
            if is_open(&steps, &line.place) {
                let at = steps.iter().rev().find(|step| step.place == line.place).map_or(at, |last| last.at);
                steps.push(JobStep { at, ..step(StepKind::Bad, StepSpan::Ends, "ended without a report") });
            }
            steps.push(step(StepKind::Step, StepSpan::Begins, "its log begins"));
        }
        let text = match line.place {
            JobPlace::Dispatcher { .. } => dispatcher_message(&line.text),
            _ => Some(line.text.clone()).filter(|text| !is_metric(text)),
        };
        let kind = if line.of == LineAuthor::Handler { StepKind::Log } else { StepKind::Note };
        steps.extend(text.map(|text| step(kind, StepSpan::Moment, &text)));
        steps.extend(end.map(|(kind, text)| step(kind, StepSpan::Ends, &text)));
    }
    steps
}

/// Where the lines of a place begin and end.
struct PlaceLog<'a> {
    place: &'a JobPlace,
    first: usize,
    last: usize,
}

fn place_logs(lines: &[JobLine]) -> Vec<PlaceLog<'_>> {
    let mut logs: Vec<PlaceLog<'_>> = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        match logs.iter_mut().find(|log| *log.place == line.place) {
            Some(log) => log.last = index,
            None => logs.push(PlaceLog { place: &line.place, first: index, last: index }),
        }
    }
    logs
}

/// Whether an attempt began there that didn't end.
fn is_open(steps: &[JobStep], place: &JobPlace) -> bool {
    let mut own = steps.iter().rev().filter(|step| step.place == *place && step.span != StepSpan::Moment);
    own.next().is_some_and(|step| step.span == StepSpan::Begins)
}

/// How Lambda reports an invocation, as text or as JSON. The text has a status only where Lambda itself ended it.
///
/// Source: <https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-logformat.html>.
fn lambda_end(report: &str, is_passed_on: bool) -> AttemptEnd {
    let json: Value = serde_json::from_str(report).unwrap_or_default();
    let field = |name: &str, key: &str| {
        let text = report.split("  ").find_map(|field| field.strip_prefix(name));
        json["record"][key].as_str().or(text).unwrap_or_default().trim().to_owned()
    };
    let (status, error_type) = (field("Status: ", "status"), field("Error Type: ", "errorType"));
    if let Some(end) = early_end(&error_type) {
        return (StepKind::Step, end.to_owned());
    }
    match status.as_str() {
        "success" => (StepKind::Good, "the handler succeeded".to_owned()),
        "timeout" => (StepKind::Bad, "killed at its timeout".to_owned()),
        "" if is_passed_on => (StepKind::Step, "ended without success: the event was passed on".to_owned()),
        "" => (StepKind::Step, "ended; its log doesn't say how".to_owned()),
        status if error_type.is_empty() => (StepKind::Bad, format!("failed: {status}")),
        _ => (StepKind::Bad, format!("failed: {error_type}")),
    }
}

/// How a task ended: the runner says in its log how the handler failed, and in its report, where that is JSON, that it did.
fn task_end<'a>(lines: impl Iterator<Item = &'a str>) -> AttemptEnd {
    let (mut report, mut end) = (None, None);
    for line in lines {
        report = Some(line).filter(|line| invocation_mark(line) == Some(InvocationMark::Report)).or(report);
        end = handler_end(line).or(end);
    }
    let has_failed = |report: &str| {
        serde_json::from_str::<Value>(report).is_ok_and(|report| report["record"]["status"] == "failure")
    };
    match (end, report) {
        (Some(HandlerEnd::Early), _) => (StepKind::Step, "was stopped".to_owned()),
        (Some(HandlerEnd::Failed(_)), _) => (StepKind::Bad, "ended without success".to_owned()),
        (None, Some(report)) if has_failed(report) => (StepKind::Bad, "ended without success".to_owned()),
        (None, Some(_)) => (StepKind::Good, "the handler succeeded".to_owned()),
        (None, None) => (StepKind::Bad, "its log ends without a report: it was killed, or is at work".to_owned()),
    }
}

/// How the job ended, if its lines say that it did; what came last counts.
fn ending(steps: &[JobStep]) -> Option<ReportedEnding> {
    steps.iter().rev().find_map(|step| match &step.place {
        JobPlace::Dispatcher { .. } => {
            let reason = given_up_reason(&step.text)?;
            let letter = ReportedLetter { ids: Vec::new(), reason };
            let summary = "given up: the event is a dead letter".to_owned();
            Some(ReportedEnding { summary, dead_letters: vec![letter], ..ReportedEnding::default() })
        }
        place if step.kind == StepKind::Good => {
            let attempt = match place {
                JobPlace::Task { attempt, .. } => attempt.unwrap_or(TaskAttempt { series: 0, attempt: 1 }),
                _ => TaskAttempt { series: 0, attempt: 0 },
            };
            let summary = handled_summary(attempt, step.at);
            Some(ReportedEnding { is_success: true, summary, ..ReportedEnding::default() })
        }
        _ => None,
    })
}

/// Why the dispatcher gave the event up, where its line says that it did.
fn given_up_reason(line: &str) -> Option<String> {
    let json: Value = serde_json::from_str(line).unwrap_or_default();
    let message = json["fields"]["message"].as_str().or_else(|| json["message"].as_str()).unwrap_or(line);
    let reason = &message[message.find("gave up on request ")?..];
    // Its fields stand behind the message.
    let end = [" request_id=\"", " attempt="].iter().filter_map(|field| reason.find(field)).min();
    Some(reason[..end.unwrap_or(reason.len())].to_owned())
}

#[cfg(test)]
#[path = "log_report_tests.rs"]
mod tests;
