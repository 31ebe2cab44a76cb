//! The programs that are compared. Each is built separately, because cargo unifies the features of those built
//! together.

use std::{
    cell::OnceCell,
    env, fs,
    io::BufReader,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result, ensure};
use cargo_metadata::Message;

/// Release builds, made when first requested.
#[derive(Debug, Default)]
pub(crate) struct ReleasePrograms {
    all: OnceCell<PathBuf>,
    alone: OnceCell<PathBuf>,
    bare: OnceCell<PathBuf>,
    roles_s3: OnceCell<PathBuf>,
    bare_s3: OnceCell<PathBuf>,
    probe: OnceCell<PathBuf>,
    saver: OnceCell<PathBuf>,
}

impl ReleasePrograms {
    /// `examples/hello` with all roles.
    pub(crate) fn all(&self) -> Result<&Path> {
        build_once(&self.all, "hello", "hello", &[])
    }

    /// `examples/hello` with the handler role alone.
    pub(crate) fn alone(&self) -> Result<&Path> {
        build_once(&self.alone, "alone", "alone", &[])
    }

    /// The same handler on `lambda_runtime` alone.
    pub(crate) fn bare(&self) -> Result<&Path> {
        build_once(&self.bare, "peers", "bare_hello", &[])
    }

    /// A handler that uses the AWS SDK itself, with all roles.
    pub(crate) fn roles_s3(&self) -> Result<&Path> {
        build_once(&self.roles_s3, "s3", "roles_s3", &[])
    }

    /// The same handler on `lambda_runtime`.
    pub(crate) fn bare_s3(&self) -> Result<&Path> {
        build_once(&self.bare_s3, "s3", "bare_s3", &["--no-default-features"])
    }

    /// A function that reports when its handler has the event.
    pub(crate) fn probe(&self) -> Result<&Path> {
        build_once(&self.probe, "peers", "probe", &[])
    }

    /// A function that saves its progress, and says how long it took.
    pub(crate) fn saver(&self) -> Result<&Path> {
        build_once(&self.saver, "saver", "saver", &[])
    }
}

/// Builds a program on first use, and copies it to a unique name: another build of the same binary would overwrite it.
fn build_once<'a>(cell: &'a OnceCell<PathBuf>, package: &str, bin: &str, features: &[&str]) -> Result<&'a Path> {
    if cell.get().is_none() {
        let built = build(package, bin, |cargo| {
            cargo.args(features);
        })?;
        let kept = built.with_file_name(format!("figures-{bin}"));
        fs::copy(&built, &kept)?;
        let _ = cell.set(kept);
    }
    cell.get().map(PathBuf::as_path).context("the build left no program")
}

/// A release build of one binary; `configure` adds arguments and variables to the cargo command.
pub(crate) fn build(package: &str, bin: &str, configure: impl FnOnce(&mut Command)) -> Result<PathBuf> {
    eprintln!("building {bin}");
    let mut command = cargo();
    command
        .args(["rustc", "--quiet", "--release", "--message-format=json-render-diagnostics"])
        .args(["--package", package, "--bin", bin])
        .stdout(Stdio::piped());
    configure(&mut command);
    let mut cargo = command.spawn()?;
    let stdout = BufReader::new(cargo.stdout.take().context("the child has no such pipe")?);
    let mut executable = None;
    for message in Message::parse_stream(stdout) {
        if let Message::CompilerArtifact(artifact) = message?
            && artifact.target.name == bin
            && let Some(path) = artifact.executable
        {
            executable = Some(path.into_std_path_buf());
        }
    }
    ensure!(cargo.wait()?.success(), "{bin} can't be built");
    executable.with_context(|| format!("cargo reported no executable of {bin}"))
}

/// Cargo, in the main workspace.
pub(crate) fn cargo() -> Command {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(root()).stdin(Stdio::null());
    cargo
}

/// The workspace's root.
pub(crate) fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}
