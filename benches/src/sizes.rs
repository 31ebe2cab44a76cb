//! Release binaries as Lambda takes them: zipped, one `bootstrap`.

use std::{
    io::{Cursor, Write as _},
    path::Path,
};

use anyhow::Result;
use zip::{ZipWriter, write::SimpleFileOptions};

use crate::{
    programs::Programs,
    table::{Reach, Row},
};

pub(crate) fn measure(programs: &Programs) -> Result<Vec<Row>> {
    let size = |program: &Path| -> Result<f64> {
        let zip = zip_of(&[("bootstrap", std::fs::read(program)?)])?;
        Ok(zip.len() as f64 / 1e6)
    };
    let (all, alone, bare) = (size(programs.all()?)?, size(programs.alone()?)?, size(programs.bare()?)?);
    Ok(vec![
        Row::new("release binary, zipped, handler role alone", (alone, "MB"), (bare, "MB, bare"), Reach::AtMost(1.1))
            .held(1.055),
        Row::new("release binary, zipped, all roles", (all, "MB"), (bare, "MB, bare"), Reach::AtMost(4.5)).held(2.73),
    ])
}

/// A zip of executable files, deflated as `zip` does by default.
pub(crate) fn zip_of(files: &[(&str, Vec<u8>)]) -> Result<Vec<u8>> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in files {
        zip.start_file(*name, SimpleFileOptions::default().unix_permissions(0o755))?;
        zip.write_all(bytes)?;
    }
    Ok(zip.finish()?.into_inner())
}
