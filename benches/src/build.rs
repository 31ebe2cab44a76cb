//! Build times: the README's first command, clean release builds with all roles, and rebuilds after an edit of the
//! handler.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Instant,
};

use anyhow::{Context as _, Result, ensure};

use crate::{
    programs::{cargo, root},
    table::{FigureRow, RatioBound, median},
};

const REBUILDS: usize = 7;
/// How long a newcomer may wait for the first result, in seconds.
const FIRST_COMMAND_SECONDS: f64 = 300.0;
const HELLO: &str = "examples/hello/src/main.rs";
const BARE: &str = "benches/peers/src/bin/bare_hello.rs";

pub(crate) fn measure() -> Result<Vec<FigureRow>> {
    let targets = tempfile::tempdir_in(env::temp_dir())?;
    let hello = clean_build(root(), &["--package", "hello"], &targets.path().join("hello"))?;
    let defaults = clean_build(&root().join("benches/defaults"), &[], &targets.path().join("defaults"))?;
    let mut rows = vec![
        FigureRow::new(
            "the README's first command, nothing built before",
            (run_first_command(&targets.path().join("first"))?, "s"),
            (FIRST_COMMAND_SECONDS, "s"),
            RatioBound::AtMost(1.0),
        ),
        FigureRow::new(
            "clean release build of a hello, all roles",
            (hello, "s"),
            (defaults, "s, `lambda_runtime`, `aws-sdk-ecs`, `aws-sdk-lambda` at their defaults"),
            RatioBound::AtMost(0.9),
        ),
    ];
    let target = targets.path().join("debug");
    let of = [(["--package", "hello", "--bin", "hello"], HELLO), (["--package", "peers", "--bin", "bare_hello"], BARE)];
    let mut times = [vec![], vec![]];
    for round in 0..=REBUILDS {
        for ((what, source), times) in of.iter().zip(&mut times) {
            let _edited = EditedSource::new(&root().join(source), round)?;
            let taken = build(root(), what, &target)?;
            // The first round builds the dependencies.
            if round > 0 {
                times.push(taken);
            }
        }
    }
    let [hello, bare] = times.map(median);
    rows.push(FigureRow::new(
        "debug rebuild after an edit of the handler",
        (hello, "s"),
        (bare, "s, bare `lambda_runtime`"),
        RatioBound::AtMost(2.0),
    ));
    Ok(rows)
}

/// Runs the README's first command verbatim.
fn run_first_command(target: &Path) -> Result<f64> {
    let readme = fs::read_to_string(root().join("README.md"))?;
    let line = readme
        .lines()
        .find(|line| line.starts_with("cargo demo "))
        .context("README.md has no line that starts with `cargo demo`")?;
    eprintln!("{line}");
    let begin = Instant::now();
    let mut shell = Command::new("sh");
    shell.args(["-c", line]).current_dir(root()).env("CARGO_TARGET_DIR", target);
    let run = shell.stdin(Stdio::null()).stdout(Stdio::null()).status()?;
    ensure!(run.success(), "the README's first command failed: {run}");
    Ok(begin.elapsed().as_secs_f64())
}

/// A build into an empty directory, with all dependencies already downloaded.
fn clean_build(directory: &Path, what: &[&str], target: &Path) -> Result<f64> {
    let fetched = cargo().current_dir(directory).args(["fetch", "--quiet"]).status()?;
    ensure!(fetched.success(), "cargo can't fetch for {}", directory.display());
    eprintln!("a clean build in {}", directory.display());
    build(directory, &[&["--release"], what].concat(), target)
}

fn build(directory: &Path, what: &[&str], target: &Path) -> Result<f64> {
    let begin = Instant::now();
    let built = cargo()
        .current_dir(directory)
        .args(["build", "--quiet", "--locked", "--target-dir"])
        .arg(target)
        .args(what)
        .status()?;
    ensure!(built.success(), "{what:?} can't be built in {}", directory.display());
    Ok(begin.elapsed().as_secs_f64())
}

/// A source file with an edited greeting. Dropping this restores the file.
struct EditedSource {
    path: PathBuf,
    before: String,
}

impl EditedSource {
    fn new(path: &Path, round: usize) -> Result<Self> {
        let before = fs::read_to_string(path)?;
        let after = before.replacen("Hello, {name}!\") })", &format!("Hello {round}, {{name}}!\") }})"), 1);
        ensure!(after != before, "{} has no greeting to edit", path.display());
        fs::write(path, after)?;
        Ok(Self { path: path.to_owned(), before })
    }
}

impl Drop for EditedSource {
    fn drop(&mut self) {
        if let Err(error) = fs::write(&self.path, &self.before) {
            eprintln!("{} can't be restored: {error}", self.path.display());
        }
    }
}
