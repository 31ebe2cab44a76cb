//! The size of the runner's image on `scratch`: the files in its layers, uncompressed.

use std::{
    ffi::OsStr,
    fs,
    path::Path,
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result, ensure};

use crate::{
    programs::{build, cargo},
    table::{FigureRow, RatioBound},
};

/// The article's image: a Node.js runtime with its modules, in MB.
const ARTICLE: f64 = 207.0;
/// Files of the build context that aren't copied into the image.
const NOT_IN_IMAGE: [&str; 2] = ["Dockerfile", ".dockerignore"];

pub(crate) fn measure() -> Result<Vec<FigureRow>> {
    // With an explicit target, cargo builds build scripts and macros without these flags.
    let rustc = Command::new("rustc").arg("-vV").output()?;
    let version = String::from_utf8(rustc.stdout)?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: ")).context("`rustc -vV` names no host")?;
    let program = build("hello", "hello", |cargo| {
        cargo.env("RUSTFLAGS", "-C target-feature=+crt-static").args(["--target", host]);
    })?;

    let directory = tempfile::tempdir()?;
    let context = directory.path().join("context");
    let written = cargo()
        .args(["run", "--quiet", "--package", "cargo-immortal", "--", "immortal", "runner", "--package", "hello"])
        .args(["--base", "scratch", "--binary"])
        .arg(program)
        .arg("--output")
        .arg(&context)
        .stdout(Stdio::null())
        .status()?;
    ensure!(written.success(), "`cargo immortal runner` failed");
    let megabytes = image_size(&context)? as f64 / 1e6;
    Ok(vec![FigureRow::new(
        "runner image, static on `scratch`, unpacked",
        (megabytes, "MB"),
        (ARTICLE, "MB, the article's Node.js runtime and modules"),
        RatioBound::AtMost(0.05),
    )])
}

/// The size of all files that are copied into the image, in bytes.
fn image_size(directory: &Path) -> Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            bytes += image_size(&entry.path())?;
        } else if !NOT_IN_IMAGE.map(OsStr::new).contains(&entry.file_name().as_os_str()) {
            bytes += entry.metadata()?.len();
        }
    }
    Ok(bytes)
}
