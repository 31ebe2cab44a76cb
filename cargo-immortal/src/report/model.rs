//! A whole job, built from its steps: its attempts, and what happened around them.

use std::time::Duration;

use super::{
    HandlerEnd, JobPlace, JobStep, StepKind, StepSpan, TaskAttempt,
    bounds::{LINE_LIMIT, cut},
    handler_end,
    time_axis::elapsed,
};

/// A job, as far as its steps are known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct JobReport {
    pub(crate) function: String,
    /// What is known of it besides its steps: names and values.
    pub(crate) facts: Vec<(&'static str, String)>,
    pub(crate) event: Option<ReportedEvent>,
    /// `None` as long as the job goes on.
    pub(crate) ending: Option<ReportedEnding>,
    /// In the order in which each began.
    pub(crate) rows: Vec<ReportRow>,
}

/// The event, which is in the page only where that was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ReportedEvent {
    pub(crate) size: usize,
    /// In hexadecimal.
    pub(crate) sha256: String,
    pub(crate) content: Option<String>,
}

/// How the job ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ReportedEnding {
    pub(crate) is_success: bool,
    pub(crate) summary: String,
    pub(crate) detail: Option<String>,
    pub(crate) result: Option<String>,
    pub(crate) dead_letters: Vec<ReportedLetter>,
}

/// A dead letter, without its event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ReportedLetter {
    /// The ids that it is found by: names and values.
    pub(crate) ids: Vec<(&'static str, String)>,
    pub(crate) reason: String,
}

/// An attempt, or a queue, the dispatcher, or all calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ReportRow {
    pub(crate) place: JobPlace,
    pub(crate) bars: Vec<ReportBar>,
    pub(crate) lines: Vec<ReportLine>,
    /// How the handler ended, as the runner says it.
    handler_end: Option<(StepKind, String)>,
}

/// A stretch of time in which something ran or waited.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ReportBar {
    pub(crate) from: Duration,
    /// `None` as long as it goes on.
    pub(crate) to: Option<Duration>,
    /// How it ended, and why.
    pub(crate) end: Option<(StepKind, String)>,
    pub(crate) is_wait: bool,
}

/// A line of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ReportLine {
    pub(crate) at: Duration,
    pub(crate) kind: StepKind,
    pub(crate) text: String,
}

impl JobReport {
    /// Takes the next step.
    pub(crate) fn add(&mut self, step: &JobStep) {
        let known = self.rows.iter().position(|row| is_same(&row.place, &step.place));
        let at = known.unwrap_or(self.rows.len());
        if known.is_none() {
            self.rows.push(ReportRow {
                place: step.place.clone(),
                bars: Vec::new(),
                lines: Vec::new(),
                handler_end: None,
            });
        }
        self.rows[at].add(step);
    }

    /// Attempts, in the order in which they began.
    pub(crate) fn attempts(&self) -> impl Iterator<Item = &ReportRow> {
        self.rows.iter().filter(|row| row.is_attempt())
    }

    /// Queues, then the dispatcher, then the calls.
    pub(crate) fn surroundings(&self) -> Vec<&ReportRow> {
        let mut rows: Vec<_> = self.rows.iter().filter(|row| !row.is_attempt()).collect();
        rows.sort_by_key(|row| match row.place {
            JobPlace::Queue { .. } => 0,
            JobPlace::Dispatcher { .. } => 1,
            _ => 2,
        });
        rows
    }

    /// How long it took, as far as that is known.
    pub(crate) fn length(&self) -> Duration {
        let ends = self.rows.iter().flat_map(|row| {
            let lines = row.lines.iter().map(|line| line.at);
            // A planned wait may have been cut short.
            lines.chain(row.bars.iter().filter(|bar| !bar.is_wait).filter_map(|bar| bar.to))
        });
        ends.max().unwrap_or_default()
    }
}

/// Whether two places are one row.
fn is_same(one: &JobPlace, other: &JobPlace) -> bool {
    match (one, other) {
        (JobPlace::Task { id, .. }, JobPlace::Task { id: other, .. }) => id == other,
        (JobPlace::Api { .. }, JobPlace::Api { .. }) => true,
        (one, other) => one == other,
    }
}

impl ReportRow {
    pub(crate) fn is_attempt(&self) -> bool {
        matches!(self.place, JobPlace::Primary { .. } | JobPlace::Task { .. })
    }

    /// How it ended, and why: the runner says more of the handler than ECS says of the task.
    pub(crate) fn end(&self) -> Option<(StepKind, String)> {
        let (kind, text) = self.bars.last()?.end.clone()?;
        Some(match &self.handler_end {
            Some((_, said)) if kind != StepKind::Good => {
                (kind, format!("{}; the handler {said}", text.trim_end_matches('.')))
            }
            _ => (kind, text),
        })
    }

    fn add(&mut self, step: &JobStep) {
        let text = match &step.place {
            JobPlace::Api { service } if !service.is_empty() => format!("{service} {}", step.text),
            _ => step.text.clone(),
        };
        match step.span {
            StepSpan::Moment => {}
            StepSpan::Begins => self.bars.push(ReportBar { from: step.at, to: None, end: None, is_wait: false }),
            StepSpan::Lasts(length) => {
                let to = Some(step.at.saturating_add(length));
                self.bars.push(ReportBar { from: step.at, to, end: None, is_wait: true });
            }
            StepSpan::Ends => {
                let end = Some((step.kind, cut(&text, LINE_LIMIT)));
                match self.bars.iter_mut().rev().find(|bar| bar.to.is_none()) {
                    Some(bar) => (bar.to, bar.end) = (Some(step.at), end),
                    // What never began has a bar too, so that it is seen that it ended.
                    None => self.bars.push(ReportBar { from: step.at, to: Some(step.at), end, is_wait: false }),
                }
            }
        }
        if matches!(step.place, JobPlace::Task { .. }) {
            // Only now it is known which attempt it is.
            self.place = step.place.clone();
            if step.kind == StepKind::Note {
                self.handler_end = said_end(&step.text).or(self.handler_end.take());
            }
        }
        self.lines.push(ReportLine { at: step.at, kind: step.kind, text: cut(&text, LINE_LIMIT) });
    }
}

/// That an attempt handled the event; attempt 0 is in Lambda.
pub(crate) fn handled_summary(TaskAttempt { series, attempt }: TaskAttempt, at: Duration) -> String {
    let place = if attempt == 0 { "in Lambda" } else { "on Fargate" };
    let series = if series == 0 { String::new() } else { format!(" of series {series}") };
    format!("handled {place}, by attempt {attempt}{series}, after {}", elapsed(at))
}

fn said_end(line: &str) -> Option<(StepKind, String)> {
    Some(match handler_end(line)? {
        HandlerEnd::Failed(error) => (StepKind::Bad, format!("failed: {}", cut(error, LINE_LIMIT))),
        HandlerEnd::Early => (StepKind::Step, "ended early, as it was told to".to_owned()),
    })
}

#[cfg(test)]
#[path = "model_tests.rs"]
mod tests;
