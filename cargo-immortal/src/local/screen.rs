//! Where lines go: a terminal with colours and a spinner, or plain text.

use std::{
    env,
    io::{IsTerminal, stdout},
    time::Duration,
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::timeline::{Kind, Line};
use crate::output::say;

/// Standard output.
#[derive(Debug)]
pub(crate) struct Screen {
    /// Only on a terminal.
    spinner: Option<ProgressBar>,
    colours: bool,
}

impl Screen {
    pub(crate) fn new() -> Self {
        let terminal = stdout().is_terminal();
        let spinner = || {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stdout());
            // Until there is something to show, nothing is drawn.
            bar.with_style(ProgressStyle::with_template("").unwrap_or_else(|_| ProgressStyle::default_spinner()))
        };
        Self {
            spinner: terminal.then(spinner),
            // https://no-color.org
            colours: terminal && env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()),
        }
    }

    pub(crate) fn show(&self, line: &Line) {
        self.line(&if self.colours { coloured(line) } else { plain(line) });
    }

    pub(crate) fn line(&self, text: &str) {
        match &self.spinner {
            Some(spinner) => spinner.suspend(|| say(text)),
            None => say(text),
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

fn plain(line: &Line) -> String {
    let at = line.at.as_secs_f64();
    match line.kind {
        Kind::Log => format!("{at:>8.3}  {:<28}  | {}", line.place, line.text),
        Kind::Note => format!("{at:>8.3}  {:<28}  · {}", line.place, line.text),
        Kind::Step | Kind::Good | Kind::Bad => format!("{at:>8.3}  {:<28}  {}", line.place, line.text),
    }
}

/// Times and places are dim, so that what happened stands out; what the handler wrote is cyan.
fn coloured(line: &Line) -> String {
    let at = line.at.as_secs_f64();
    let (colour, mark) = match line.kind {
        Kind::Step => ("0", ""),
        Kind::Good => ("1;32", "✓ "),
        Kind::Bad => ("31", "✗ "),
        Kind::Log => ("36", "│ "),
        Kind::Note => ("2", "· "),
    };
    format!("\x1b[2m{at:>8.3}  {:<28}\x1b[0m  \x1b[{colour}m{mark}{}\x1b[0m", line.place, line.text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(kind: Kind) -> Line {
        Line { at: Duration::from_millis(12_345), place: "Lambda ingest".into(), text: "hello".into(), kind }
    }

    #[test]
    fn logs_are_told_apart_without_colours() {
        assert_eq!(plain(&line(Kind::Step)), "  12.345  Lambda ingest                 hello");
        assert_eq!(plain(&line(Kind::Log)), "  12.345  Lambda ingest                 | hello");
    }

    #[test]
    fn on_a_terminal_each_kind_has_its_colour() {
        let table = [(Kind::Step, "\x1b[0mhello"), (Kind::Good, "\x1b[1;32m✓ hello"), (Kind::Bad, "\x1b[31m✗ hello")];
        for (kind, expected) in table {
            let text = coloured(&line(kind));
            assert!(text.contains(expected) && text.ends_with("\x1b[0m"), "{text:?}");
        }
    }
}
