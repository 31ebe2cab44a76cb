//! Standard output, which nobody may read any more.

use std::{
    fmt::Display,
    io::{Write, stdout},
};

/// Writes a line. Where the other end is closed, as in `… | head`, what was to be done is done all the same.
pub(crate) fn say(line: impl Display) {
    let _ = writeln!(stdout(), "{line}");
}
