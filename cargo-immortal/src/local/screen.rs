//! Where lines go: a terminal with colours and a spinner, or plain text.

use std::{
    env,
    io::{IsTerminal, stderr},
    time::Duration,
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::{
    output::eprint_line,
    report::{JobStep, StepKind},
};

/// How long a line gets that may be cut, where there is no terminal to ask for its width.
const WIDTH: usize = 160;

/// Standard error: standard output is the result's.
#[derive(Debug)]
pub(crate) struct TerminalScreen {
    /// Only on a terminal that can move its cursor.
    spinner: Option<ProgressBar>,
    colours: bool,
}

impl TerminalScreen {
    pub(crate) fn new() -> Self {
        let variable = |name: &str| env::var_os(name).map(|value| value.to_string_lossy().into_owned());
        let (moves, colours) = abilities(stderr().is_terminal(), variable);
        let spinner = || {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
            // Until there is something to show, nothing is drawn.
            bar.with_style(ProgressStyle::with_template("").unwrap_or_else(|_| ProgressStyle::default_spinner()))
        };
        Self { spinner: moves.then(spinner), colours }
    }

    pub(crate) fn show(&self, step: &JobStep) {
        let step = fitted(step, width());
        self.line(&if self.colours { coloured(&step) } else { plain(&step) });
    }

    pub(crate) fn line(&self, text: &str) {
        match &self.spinner {
            Some(spinner) => spinner.suspend(|| eprint_line(text)),
            None => eprint_line(text),
        }
    }

    /// Shows what runs now.
    pub(crate) fn status(&self, status: Option<&str>) {
        let Some(spinner) = &self.spinner else { return };
        let status = status.unwrap_or_default();
        if spinner.message() == status {
            return;
        }
        // The style first: each of these draws.
        let template = if status.is_empty() { "" } else { "{spinner} {msg}, {elapsed}" };
        if let Ok(style) = ProgressStyle::with_template(template) {
            spinner.set_style(style);
        }
        spinner.reset_elapsed();
        spinner.set_message(status.to_owned());
        spinner.enable_steady_tick(Duration::from_millis(100));
    }

    pub(crate) fn clear(&self) {
        if let Some(spinner) = &self.spinner {
            spinner.finish_and_clear();
        }
    }
}

/// Whether there may be a spinner, and colours. See <https://no-color.org>.
fn abilities(terminal: bool, variable: impl Fn(&str) -> Option<String>) -> (bool, bool) {
    let moves = terminal && variable("TERM").is_none_or(|kind| kind != "dumb");
    (moves, moves && variable("NO_COLOR").is_none_or(|value| value.is_empty()))
}

fn width() -> usize {
    let size = rustix::termios::tcgetwinsize(stderr()).map(|size| usize::from(size.ws_col));
    size.ok().filter(|columns| *columns > 0).unwrap_or(WIDTH)
}

/// The line, cut where it may be cut and has no room.
fn fitted(line: &JobStep, width: usize) -> JobStep {
    let mut line = line.clone();
    // Time, place and mark come before the text.
    let room = width.saturating_sub(12 + line.place.to_string().chars().count().max(28) + 2).max(20);
    if line.is_brief && line.text.chars().count() > room {
        line.text = line.text.chars().take(room - 1).chain(['…']).collect();
    }
    line
}

fn plain(line: &JobStep) -> String {
    let (at, place) = (line.at.as_secs_f64(), line.place.to_string());
    match line.kind {
        StepKind::Log => format!("{at:>8.3}  {place:<28}  | {}", line.text),
        StepKind::Note => format!("{at:>8.3}  {place:<28}  · {}", line.text),
        StepKind::Step | StepKind::Good | StepKind::Bad => format!("{at:>8.3}  {place:<28}  {}", line.text),
    }
}

/// Times and places are dim, so that what happened stands out; what the handler wrote is cyan.
fn coloured(line: &JobStep) -> String {
    let (at, place) = (line.at.as_secs_f64(), line.place.to_string());
    let (colour, mark) = match line.kind {
        StepKind::Step => ("0", ""),
        StepKind::Good => ("1;32", "✓ "),
        StepKind::Bad => ("31", "✗ "),
        StepKind::Log => ("36", "│ "),
        StepKind::Note => ("2", "· "),
    };
    format!("\x1b[2m{at:>8.3}  {place:<28}\x1b[0m  \x1b[{colour}m{mark}{}\x1b[0m", line.text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{JobPlace, StepSpan};

    fn line(kind: StepKind) -> JobStep {
        JobStep {
            at: Duration::from_millis(12_345),
            place: JobPlace::Primary { function: "ingest".into() },
            text: "hello".into(),
            kind,
            span: StepSpan::Moment,
            is_brief: false,
        }
    }

    #[test]
    fn a_terminal_that_is_dumb_gets_neither_spinner_nor_colours() {
        let table = [
            ((true, "xterm", ""), (true, true)),
            ((true, "xterm", "1"), (true, false)),
            ((true, "dumb", ""), (false, false)),
            ((false, "xterm", ""), (false, false)),
        ];
        for ((terminal, kind, no_color), expected) in table {
            let variable = |name: &str| match name {
                "TERM" => Some(kind.to_owned()),
                _ => Some(no_color.to_owned()).filter(|value| !value.is_empty()),
            };
            assert_eq!(abilities(terminal, variable), expected, "{terminal} {kind} {no_color:?}");
        }
    }

    #[test]
    fn a_brief_line_is_one_line_on_the_screen() {
        let long = JobStep { text: "é".repeat(200), ..line(StepKind::Note) };
        assert_eq!(fitted(&long, 80), long);
        let brief = JobStep { is_brief: true, ..long };
        for width in [80, 120] {
            let shown = plain(&fitted(&brief, width));
            assert!(shown.ends_with("é…") && shown.chars().count() == width, "{}: {shown}", shown.chars().count());
        }
        let short = JobStep { is_brief: true, ..line(StepKind::Note) };
        assert_eq!(fitted(&short, 80), short);
    }

    #[test]
    fn logs_are_told_apart_without_colours() {
        assert_eq!(plain(&line(StepKind::Step)), "  12.345  Lambda ingest                 hello");
        assert_eq!(plain(&line(StepKind::Log)), "  12.345  Lambda ingest                 | hello");
    }

    #[test]
    fn on_a_terminal_each_kind_has_its_colour() {
        let table = [
            (StepKind::Step, "\x1b[0mhello"),
            (StepKind::Good, "\x1b[1;32m✓ hello"),
            (StepKind::Bad, "\x1b[31m✗ hello"),
        ];
        for (kind, expected) in table {
            let text = coloured(&line(kind));
            assert!(text.contains(expected) && text.ends_with("\x1b[0m"), "{text:?}");
        }
    }
}
