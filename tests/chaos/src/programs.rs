//! The programs that run as functions and tasks, built in the same profile as this program.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, ensure};

/// The programs of the function, its dispatcher and its runner.
#[derive(Debug)]
pub(crate) struct ChaosPrograms {
    pub(crate) handler: PathBuf,
    pub(crate) dispatcher: PathBuf,
    pub(crate) runner: PathBuf,
}

impl ChaosPrograms {
    /// Builds them, without their debug information: each task downloads and unpacks the function's.
    pub(crate) fn build(stripped: &Path) -> Result<Self> {
        let ourselves = env::current_exe()?;
        let directory = ourselves.parent().context("the path of this program has no directory")?;
        let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo.current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")).args(["build", "--quiet"]);
        cargo.args(["--bin", "chaos_handler", "--bin", "chaos_dispatcher", "--bin", "chaos_runner"]);
        // Build scripts that watch what `cargo run` says of this package would run again, and their dependents be rebuilt.
        for (name, _) in env::vars_os() {
            if ["CARGO_PKG_", "CARGO_MANIFEST_"].iter().any(|ours| name.to_string_lossy().starts_with(ours)) {
                cargo.env_remove(name);
            }
        }
        if cfg!(debug_assertions) {
            // With a test among the targets Cargo unifies features as for `cargo test`, and builds no dependency twice.
            cargo.args(["--test", "it"]);
        } else {
            cargo.args(["--profile", "chaos", "--package", "fixtures", "--package", "chaos"]);
        }
        ensure!(cargo.status().context("can't run cargo")?.success(), "cargo can't build the functions");
        let strip = |name: &str| -> Result<PathBuf> {
            let to = stripped.join(name);
            let done = Command::new("strip").arg("-o").arg(&to).arg(directory.join(name)).status();
            ensure!(done.context("can't run strip; install binutils")?.success(), "{name} can't be stripped");
            Ok(to)
        };
        let (handler, dispatcher, runner) =
            (strip("chaos_handler")?, strip("chaos_dispatcher")?, strip("chaos_runner")?);
        Ok(Self { handler, dispatcher, runner })
    }
}
