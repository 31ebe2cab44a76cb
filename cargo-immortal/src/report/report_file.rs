//! Where the page is written.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::{model::JobReport, page::page};
use crate::failure::CommandError;

/// The flag of the commands that write a page.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct ReportArgs {
    /// Write a page that shows the whole job: one HTML file that needs no network and no script
    #[arg(long, value_name = "FILE")]
    pub(crate) report: Option<PathBuf>,
}

/// A page to be written, where one is asked for.
#[derive(Clone, Debug)]
pub(crate) struct ReportFile {
    path: PathBuf,
}

impl ReportFile {
    /// The file that the flag names. What can't be a file there is refused before anything runs.
    pub(crate) fn find(args: &ReportArgs) -> Result<Option<Self>, CommandError> {
        let Some(path) = &args.report else { return Ok(None) };
        match problem(path) {
            Some(problem) => {
                Err(CommandError::WrongUse(format!("the report can't be written to {}: {problem}", path.display())))
            }
            None => Ok(Some(Self { path: path.clone() })),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn write(&self, report: &JobReport) -> Result<(), CommandError> {
        fs::write(&self.path, page(report)?).map_err(|error| {
            CommandError::Failed(format!("the report can't be written to {}: {error}", self.path.display()))
        })
    }
}

fn problem(path: &Path) -> Option<String> {
    if path.is_dir() {
        return Some("it is a directory".to_owned());
    }
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty())?;
    (!directory.is_dir()).then(|| format!("there is no directory {}", directory.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_without_a_directory_is_refused_at_once() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let missing = directory.path().join("missing");
        let table = [
            (directory.path().to_owned(), Some("it is a directory".to_owned())),
            (missing.join("out.html"), Some(format!("there is no directory {}", missing.display()))),
            (directory.path().join("out.html"), None),
            ("out.html".into(), None),
        ];
        for (path, expected) in table {
            assert_eq!(problem(&path), expected, "{}", path.display());
        }
    }
}
