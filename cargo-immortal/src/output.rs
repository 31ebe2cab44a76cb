//! Standard output and standard error, which nobody may read any more.

use std::{
    fmt::Display,
    io::{Write, stderr, stdout},
};

/// Writes a line. Where the other end is closed, as in `… | head`, what was to be done is done all the same.
pub(crate) fn print_line(line: impl Display) {
    let _ = writeln!(stdout(), "{line}");
}

/// Writes a line to standard error, likewise.
pub(crate) fn eprint_line(line: impl Display) {
    let _ = writeln!(stderr(), "{line}");
}
