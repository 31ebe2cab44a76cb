//! Bars and dots on the time axis. They are attributes of SVG, which are printed as they are and need no style of their own.

use std::time::Duration;

use super::{KindMark, mark};
use crate::report::{
    JobPlace, StepKind,
    model::{ReportBar, ReportRow},
};

/// In percent: what is shorter could not be seen.
const LEAST_WIDTH: f64 = 0.6;

/// From times to percentages of the axis.
#[derive(Clone, Copy, Debug)]
pub(super) struct TimeScale {
    length: f64,
}

/// A bar, in percent of the axis.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ChartBar {
    pub(super) x: String,
    pub(super) width: String,
    pub(super) class: &'static str,
    /// What stands behind it, and where.
    pub(super) end: Option<(KindMark, String)>,
}

/// Something that took no time, in percent of the axis.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ChartDot {
    pub(super) x: String,
    pub(super) is_bad: bool,
}

impl TimeScale {
    pub(super) fn new(length: Duration) -> Self {
        // Of a job without any length, all is at the beginning.
        Self { length: length.as_secs_f64().max(0.001) }
    }

    pub(super) fn x(self, at: Duration) -> String {
        percent(self.share(at))
    }

    fn share(self, at: Duration) -> f64 {
        (at.as_secs_f64() / self.length * 100.0).min(100.0)
    }

    /// Of those that look the same, one.
    pub(super) fn bars(self, row: &ReportRow) -> Vec<ChartBar> {
        let mut bars: Vec<_> = row.bars.iter().map(|bar| self.bar(row, bar)).collect();
        bars.dedup();
        bars
    }

    fn bar(self, row: &ReportRow, bar: &ReportBar) -> ChartBar {
        // What has no end goes on.
        let (from, to) = (self.share(bar.from), bar.to.map_or(100.0, |to| self.share(to)));
        let end = bar.end.as_ref().filter(|_| row.is_attempt());
        let from = from.min(100.0 - LEAST_WIDTH);
        let width = (to - from).max(LEAST_WIDTH);
        ChartBar {
            x: percent(from),
            width: percent(width),
            class: class(&row.place, bar),
            end: end.map(|(kind, _)| (mark(*kind), percent(from + width))),
        }
    }

    /// The steps that no bar shows. Of those that look the same, one.
    pub(super) fn dots(self, row: &ReportRow) -> Vec<ChartDot> {
        let is_dispatcher = matches!(row.place, JobPlace::Dispatcher { .. });
        let is_shown = |kind| match kind {
            StepKind::Bad => true,
            StepKind::Step | StepKind::Good => !is_dispatcher,
            // Log lines don't say when the dispatcher began and ended.
            StepKind::Note => is_dispatcher && row.bars.is_empty(),
            StepKind::Log => false,
        };
        let lines = row.lines.iter().filter(|line| is_shown(line.kind));
        let mut dots: Vec<_> =
            lines.map(|line| ChartDot { x: self.x(line.at), is_bad: line.kind == StepKind::Bad }).collect();
        dots.dedup();
        dots
    }
}

fn percent(share: f64) -> String {
    format!("{share:.1}%")
}

fn class(place: &JobPlace, bar: &ReportBar) -> &'static str {
    match place {
        _ if bar.is_wait => "wait",
        JobPlace::Primary { .. } => "lambda",
        JobPlace::Task { .. } => "fargate",
        _ => "around",
    }
}
