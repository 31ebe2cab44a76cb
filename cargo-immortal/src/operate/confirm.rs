//! The question before what ends or repeats work.

use std::io::{BufRead as _, IsTerminal as _, Write as _, stderr, stdin};

use crate::failure::CommandError;

/// Whether to ask.
#[derive(Clone, Copy, Debug, Default, clap::Args)]
pub(crate) struct ConfirmArgs {
    /// Do it without asking
    #[arg(short, long)]
    yes: bool,
}

impl ConfirmArgs {
    /// Asks whether to do it. Where nobody can answer, it is not done.
    pub(crate) fn ask(self, question: &str) -> Result<(), CommandError> {
        if self.yes {
            return Ok(());
        }
        if !stdin().is_terminal() {
            return Err(CommandError::WrongUse(format!("{question} There is nobody to ask; say so with --yes")));
        }
        let mut screen = stderr();
        let _ = write!(screen, "{question} [y/N] ");
        let _ = screen.flush();
        let mut answer = String::new();
        let _ = stdin().lock().read_line(&mut answer);
        if is_yes(&answer) { Ok(()) } else { Err(CommandError::Failed("nothing was done".to_owned())) }
    }
}

fn is_yes(answer: &str) -> bool {
    matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_yes_is_one() {
        for (answer, expected) in
            [("y\n", true), ("Yes", true), ("", false), ("\n", false), ("yeah", false), ("n", false)]
        {
            assert_eq!(is_yes(answer), expected, "{answer:?}");
        }
    }
}
