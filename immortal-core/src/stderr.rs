//! Lines on standard error.

use std::{
    fmt::Arguments,
    io::{self, Write},
};

/// Writes a line like `eprintln!`, but ignores errors: the caller must continue even if standard error is closed.
pub(crate) fn line(text: Arguments<'_>) {
    let mut line = text.to_string();
    line.push('\n');
    let _ = io::stderr().write_all(line.as_bytes());
}
