//! The sizes of deployment packages: zips with a release binary as `bootstrap`.

use std::{
    io::{Cursor, Write as _},
    path::Path,
};

use anyhow::Result;
use zip::{ZipWriter, write::SimpleFileOptions};

use crate::{
    programs::ReleasePrograms,
    table::{FigureRow, RatioBound},
};

pub(crate) fn measure(programs: &ReleasePrograms) -> Result<Vec<FigureRow>> {
    let size = |program: &Path| -> Result<f64> {
        let zip = zip_of(&[("bootstrap", std::fs::read(program)?)])?;
        Ok(zip.len() as f64 / 1e6)
    };
    let (alone, bare) = (size(programs.alone()?)?, size(programs.bare()?)?);
    let (roles_s3, bare_s3) = (size(programs.roles_s3()?)?, size(programs.bare_s3()?)?);
    Ok(vec![
        FigureRow::new(
            "release binary, zipped, slim primary",
            (alone, "MB"),
            (bare, "MB, bare"),
            RatioBound::AtMost(1.1),
        )
        .held_at(1.055),
        FigureRow::new(
            "release binary, zipped, handler with S3, all roles",
            (roles_s3, "MB"),
            (bare_s3, "MB, bare with S3"),
            RatioBound::AtMost(1.5),
        )
        .held_at(1.5),
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
