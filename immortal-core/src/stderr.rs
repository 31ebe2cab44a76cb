//! What a process has to say on standard error.

use std::{
    fmt::Arguments,
    io::{self, Write},
};

/// Writes a line as `eprintln!` does, which panics where nobody reads: who calls this has more to do than to say so.
pub(crate) fn line(text: Arguments<'_>) {
    let mut line = text.to_string();
    line.push('\n');
    let _ = io::stderr().write_all(line.as_bytes());
}
