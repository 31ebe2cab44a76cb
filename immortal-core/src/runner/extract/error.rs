//! Why a zip can't be unpacked, and what to do about it.

use std::{io, path::PathBuf};

use zip::result::ZipError;

/// Why a zip can't be unpacked.
#[derive(Debug, thiserror::Error)]
pub enum ExtractError {
    /// It is not a zip, or its directory is damaged.
    #[error(
        "it is not a readable zip ({0}); build it again, for example with `cargo lambda build --output-format zip`"
    )]
    Unreadable(ZipError),
    /// An entry's content isn't what its header says.
    #[error("its entry {entry:?} is damaged ({reason}); build the zip again")]
    Damaged {
        /// The entry's name.
        entry: String,
        /// What is wrong with it.
        reason: String,
    },
    /// An entry is compressed with an unsupported method.
    #[error(
        "its entry {entry:?} is compressed with the method {method}, which isn't supported; use deflate, the default \
         of `zip` and of `cargo lambda build --output-format zip`"
    )]
    Method {
        /// The entry's name.
        entry: String,
        /// The method's name.
        method: String,
    },
    /// An entry is encrypted.
    #[error("its entry {0:?} is encrypted; build the zip without a password")]
    Encrypted(String),
    /// An entry is neither a file nor a directory nor a link.
    #[error("its entry {0:?} is a device, a pipe or a socket; leave it out of the zip")]
    Special(String),
    /// The target of a link is not a valid path.
    #[error("its entry {0:?} is a symbolic link whose target is empty or not a path; leave it out of the zip")]
    LinkTarget(String),
    /// An entry's name leads out of the directory.
    #[error("its entry {0:?} leads out of the directory that it is unpacked into; {hint}", hint = inside(.0))]
    Outside(String),
    /// An entry's name is longer than any path may be.
    #[error("its entry {0:?}… has a longer name than Linux takes; shorten it")]
    Name(String),
    /// Two entries of one zip exclude each other.
    #[error(
        "its entry {0:?} is a file or a link, and other entries need a directory there or the reverse; \
         leave one of them out of the zip"
    )]
    Conflict(String),
    /// An existing file or directory can't be replaced by the entry.
    #[error(
        "its entry needs a {needed} at {path:?}, where an earlier layer or the image has a {found}, and nothing is \
         written through links; rename one of the two"
    )]
    InTheWay {
        /// The path.
        path: PathBuf,
        /// The kind that exists there.
        found: &'static str,
        /// The kind of the entry.
        needed: &'static str,
    },
    /// Entries share bytes.
    #[error("its entries overlap; build the zip again")]
    Overlapping,
    /// More bytes than a function may have.
    #[error("unpacked, it and what was unpacked before it are larger than 250 MB, which Lambda doesn't run either")]
    TooLarge,
    /// More entries than a function may have.
    #[error(
        "it and what was unpacked before it have more than 100,000 entries, or its directory more than 32 MB; \
         leave out files that aren't needed"
    )]
    TooMany,
    /// Unpacking was cancelled.
    #[error("unpacking was called off")]
    CalledOff,
    /// The disk.
    #[error("{path:?} can't be written; check the task's ephemeral storage and the image's permissions")]
    Disk {
        /// What was being written or read.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

impl ExtractError {
    /// Whether every attempt would fail in the same way: the error is the zip's, not this task's.
    #[must_use]
    pub fn is_permanent(&self) -> bool {
        !matches!(self, Self::Disk { .. } | Self::CalledOff)
    }
}

/// How to name an entry so that it stays inside.
///
/// Source: <https://github.com/cargo-lambda/cargo-lambda/pull/696>, `--include DESTINATION:SOURCE`.
fn inside(name: &str) -> String {
    let below = name.trim_start_matches("../");
    let first = below.split('/').next().unwrap_or_default();
    match &name[..name.len() - below.len()] {
        up if !up.is_empty() && !matches!(first, "" | "..") => format!(
            "build it with `--include {first}:{up}{first}`, which in cargo-lambda puts {up}{first} at {first} in the zip"
        ),
        _ => "name it by its place in the zip, without `..` and a leading `/`".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_that_leads_out_is_answered_with_the_way_to_include_it() {
        for (name, hint) in [
            ("../config/app.toml", "`--include config:../config`"),
            ("../../shared/a/b", "`--include shared:../../shared`"),
            ("../app.toml", "`--include app.toml:../app.toml`"),
            ("../", "without `..`"),
            ("../..", "without `..`"),
            ("a/../../b", "without `..`"),
            ("/etc/passwd", "a leading `/`"),
        ] {
            let said = ExtractError::Outside(name.into()).to_string();
            assert!(said.contains(hint) && said.contains(&format!("{name:?}")), "{said}");
        }
    }
}
