//! The runner's image on `scratch`: all that its layers hold, unpacked.

use std::{
    ffi::OsStr,
    fs,
    path::Path,
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result, ensure};

use crate::{
    programs::{build, cargo},
    table::{Reach, Row},
};

/// The article's image: a Node.js runtime with its modules, in MB.
const ARTICLE: f64 = 207.0;
/// What is in the context and not in the image.
const RECIPE: [&str; 2] = ["Dockerfile", ".dockerignore"];

pub(crate) fn measure() -> Result<Vec<Row>> {
    // Given a target, cargo builds what runs at build time without these flags.
    let rustc = Command::new("rustc").arg("-vV").output()?;
    let says = String::from_utf8(rustc.stdout)?;
    let host = says.lines().find_map(|line| line.strip_prefix("host: ")).context("rustc names no host")?;
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
    ensure!(written.success(), "there is no context of the runner's image");
    let megabytes = size(&context)? as f64 / 1e6;
    Ok(vec![Row::new(
        "runner image, static on `scratch`, unpacked",
        (megabytes, "MB"),
        (ARTICLE, "MB, the article's Node.js runtime and modules"),
        Reach::AtMost(0.05),
    )])
}

/// All that is copied into the image, in bytes.
fn size(directory: &Path) -> Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            bytes += size(&entry.path())?;
        } else if !RECIPE.map(OsStr::new).contains(&entry.file_name().as_os_str()) {
            bytes += entry.metadata()?.len();
        }
    }
    Ok(bytes)
}
