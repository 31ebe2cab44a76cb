//! The page: what the template shows of a report, in percentages and texts.

mod chart;

use std::time::Duration;

use askama::Template;
use base64::{Engine as _, prelude::BASE64_STANDARD};
use sha2::{Digest as _, Sha256};

use self::chart::{ChartBar, ChartDot, TimeScale};
use super::{
    bounds::{CONTENT_LIMIT, LINES_LIMIT, cut, left_out},
    job_step::{JobPlace, StepKind},
    model::{JobReport, ReportLine, ReportRow},
    time_axis::{elapsed, line_time, mark_label, marks},
    visible_text::visible,
};
use crate::failure::CommandError;

const STYLE: &str = include_str!("page.css");

/// What the template needs. Every text of others in it is visible text, and is escaped there.
#[derive(Debug, Template)]
#[template(path = "page.html")]
struct ReportPage {
    function: String,
    style: &'static str,
    /// Of the style, as a Content-Security-Policy names it.
    style_hash: String,
    version: &'static str,
    ending: PageEnding,
    facts: Vec<(&'static str, String)>,
    event: Option<PageEvent>,
    axis: Vec<AxisMark>,
    attempts: Vec<PageRow>,
    surroundings: Vec<PageRow>,
}

#[derive(Debug)]
struct PageEnding {
    mark: KindMark,
    summary: String,
    detail: Option<String>,
    result: Option<String>,
    letters: Vec<PageLetter>,
}

#[derive(Debug)]
struct PageLetter {
    ids: Vec<(&'static str, String)>,
    reasons: Vec<String>,
}

#[derive(Debug)]
struct PageEvent {
    size: usize,
    sha256: String,
    content: Option<String>,
}

#[derive(Debug)]
struct AxisMark {
    x: String,
    label: String,
}

/// An attempt, or what happened around them.
#[derive(Debug)]
struct PageRow {
    name: String,
    place: String,
    ending: Option<RowEnding>,
    bars: Vec<ChartBar>,
    dots: Vec<ChartDot>,
    count: usize,
    lines: Vec<PageLine>,
}

/// How an attempt ended, and how long it took.
#[derive(Debug)]
struct RowEnding {
    mark: KindMark,
    /// When it began, which others see in the chart.
    from: String,
    text: String,
}

#[derive(Debug)]
struct PageLine {
    time: String,
    mark: KindMark,
    text: String,
}

/// A sign and a class: colours never stand alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct KindMark {
    sign: &'static str,
    class: &'static str,
}

/// The whole page.
pub(super) fn page(report: &JobReport) -> Result<String, CommandError> {
    let scale = TimeScale::new(report.length());
    let share = LINES_LIMIT / report.rows.len().max(1);
    let row = |row: &ReportRow| page_row(row, scale, share);
    let page = ReportPage {
        function: visible(&report.function),
        style: STYLE,
        style_hash: BASE64_STANDARD.encode(Sha256::digest(STYLE)),
        version: env!("CARGO_PKG_VERSION"),
        ending: page_ending(report),
        facts: report.facts.iter().map(|(name, value)| (*name, visible(value))).collect(),
        event: report.event.as_ref().map(|event| PageEvent {
            size: event.size,
            sha256: event.sha256.clone(),
            content: event.content.as_ref().map(|content| visible(&cut(content, CONTENT_LIMIT))),
        }),
        axis: marks(report.length()).into_iter().map(|at| AxisMark { x: scale.x(at), label: mark_label(at) }).collect(),
        attempts: report.attempts().map(row).collect(),
        surroundings: report.surroundings().into_iter().map(row).collect(),
    };
    page.render().map_err(|error| CommandError::Failed(format!("the report can't be rendered: {error}")))
}

fn page_ending(report: &JobReport) -> PageEnding {
    let Some(ending) = &report.ending else {
        let summary = format!("not over: this is what happened within {}", elapsed(report.length()));
        return PageEnding { mark: mark(StepKind::Step), summary, detail: None, result: None, letters: Vec::new() };
    };
    let letters = ending.dead_letters.iter().map(|letter| PageLetter {
        ids: letter.ids.iter().map(|(name, value)| (*name, visible(value))).collect(),
        reasons: letter.reason.split("; ").map(visible).collect(),
    });
    PageEnding {
        mark: mark(if ending.is_success { StepKind::Good } else { StepKind::Bad }),
        summary: visible(&ending.summary),
        detail: ending.detail.as_deref().map(visible),
        result: ending.result.as_ref().map(|result| visible(&cut(result, CONTENT_LIMIT))),
        letters: letters.collect(),
    }
}

fn page_row(row: &ReportRow, scale: TimeScale, share: usize) -> PageRow {
    let (name, place) = names(&row.place);
    PageRow {
        name: visible(&name),
        place: visible(&place),
        ending: row.is_attempt().then(|| row_ending(row)),
        bars: scale.bars(row),
        dots: if row.is_attempt() { Vec::new() } else { scale.dots(row) },
        count: row.lines.len(),
        lines: page_lines(&row.lines, share),
    }
}

/// As many as fit, with how much is left out.
fn page_lines(lines: &[ReportLine], limit: usize) -> Vec<PageLine> {
    let lengths: Vec<_> = lines.iter().map(|line| line.text.len()).collect();
    let hidden = left_out(&lengths, limit);
    let note = lines.get(hidden.start).filter(|_| !hidden.is_empty()).map(|first| PageLine {
        time: line_time(first.at),
        mark: KindMark { sign: "…", class: "cut" },
        text: format!(
            "{} lines with {} bytes are left out",
            hidden.len(),
            lengths[hidden.clone()].iter().sum::<usize>()
        ),
    });
    let first = lines[..hidden.start].iter().map(page_line);
    first.chain(note).chain(lines[hidden.end..].iter().map(page_line)).collect()
}

/// What a row is, and where.
fn names(place: &JobPlace) -> (String, String) {
    match place {
        JobPlace::Primary { function } => ("Attempt 0".to_owned(), format!("Lambda {function}")),
        JobPlace::Task { id, attempt, is_spot } => {
            let name = attempt.map_or_else(|| format!("task {id:.8}"), |attempt| attempt.to_string());
            let place = if *is_spot { "Fargate, on Spot" } else { "Fargate" };
            (capitalized(&name), place.to_owned())
        }
        JobPlace::Dispatcher { function } => ("Dispatcher".to_owned(), format!("Lambda {function}")),
        JobPlace::Queue { name } => ("Queue".to_owned(), format!("SQS {name}")),
        JobPlace::Api { .. } => ("AWS calls".to_owned(), String::new()),
    }
}

fn capitalized(text: &str) -> String {
    let mut characters = text.chars();
    characters.next().map(|first| first.to_uppercase().chain(characters).collect()).unwrap_or_default()
}

fn row_ending(row: &ReportRow) -> RowEnding {
    let ran: Duration = row.bars.iter().filter_map(|bar| bar.to?.checked_sub(bar.from)).sum();
    let from = elapsed(row.bars.first().map(|bar| bar.from).unwrap_or_default());
    match row.end() {
        Some((kind, text)) => {
            RowEnding { mark: mark(kind), from, text: format!("{} · {}", elapsed(ran), visible(&text)) }
        }
        None => RowEnding { mark: mark(StepKind::Step), from, text: "no end is known".to_owned() },
    }
}

fn page_line(line: &ReportLine) -> PageLine {
    PageLine { time: line_time(line.at), mark: mark(line.kind), text: visible(&line.text) }
}

fn mark(kind: StepKind) -> KindMark {
    let (sign, class) = match kind {
        StepKind::Step => ("›", "step"),
        StepKind::Good => ("✓", "good"),
        StepKind::Bad => ("✗", "bad"),
        StepKind::Log => ("│", "log"),
        StepKind::Note => ("·", "note"),
    };
    KindMark { sign, class }
}

#[cfg(test)]
#[path = "page_tests.rs"]
mod tests;
