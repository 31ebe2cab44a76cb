//! A user's own `main`: it runs in the handler role only, and passes its service to [`run`](super::run).

use std::{
    process::{ExitCode, Termination},
    sync::{
        OnceLock,
        atomic::{AtomicBool, Ordering},
    },
};

use lambda_runtime::Error;

use super::{new_runtime, other_role, pick};
use crate::{manifest::Manifest, role::Role, stderr};

/// The manifest of `#[immortal::main]`; set in the handler role, before any code of the user runs.
static MANIFEST: OnceLock<&'static Manifest> = OnceLock::new();

/// Whether `run` was called in this process.
static IS_SERVED: AtomicBool = AtomicBool::new(false);

/// What `#[immortal::main]` on an `async fn` expands to: runs it on tokio's multi-thread runtime, or another
/// role.
pub fn async_main<O, M, F>(main: M, manifest: &'static Manifest) -> ExitCode
where
    O: Termination,
    M: FnOnce() -> F,
    F: Future<Output = O>,
{
    let runtime = match new_runtime() {
        Ok(runtime) => runtime,
        Err(code) => return code,
    };
    match pick() {
        Ok(Role::Handler) => run_main(|| runtime.block_on(main()), manifest),
        other => ExitCode::from(runtime.block_on(other_role(other, manifest))),
    }
}

/// What `#[immortal::main]` on a plain `fn` expands to: runs it without a runtime, or another role.
pub fn plain_main<O, M>(main: M, manifest: &'static Manifest) -> ExitCode
where
    O: Termination,
    M: FnOnce() -> O,
{
    match pick() {
        Ok(Role::Handler) => run_main(main, manifest),
        other => match new_runtime() {
            Ok(runtime) => ExitCode::from(runtime.block_on(other_role(other, manifest))),
            Err(code) => code,
        },
    }
}

/// Runs the user's `main` in the handler role. The process ends as it would without immortal.
fn run_main<O: Termination>(main: impl FnOnce() -> O, manifest: &'static Manifest) -> ExitCode {
    MANIFEST.get_or_init(|| manifest);
    let code = main().report();
    if code == ExitCode::SUCCESS && !IS_SERVED.load(Ordering::Relaxed) {
        stderr::line(format_args!("`main` returned without a call of `immortal::run`, so no event was served"));
    }
    code
}

/// The manifest of `#[immortal::main]`; `None` without it.
pub(super) fn manifest() -> Option<&'static Manifest> {
    MANIFEST.get().copied()
}

/// Reserves the process for one service.
pub(super) fn take_process() -> Result<(), Error> {
    if IS_SERVED.swap(true, Ordering::Relaxed) {
        return Err(
            "`immortal::run` was called a second time: a process serves one function, and so one service".into()
        );
    }
    Ok(())
}

/// Whether a `module_path!()` is a crate's root: only there `main` is the entry point.
#[must_use]
pub const fn is_crate_root(module_path: &str) -> bool {
    let path = module_path.as_bytes();
    let mut at = 0;
    while at < path.len() {
        if path[at] == b':' {
            return false;
        }
        at += 1;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_first_service_gets_the_process() {
        assert!(take_process().is_ok());
        let error = take_process().expect_err("the second").to_string();
        assert!(error.contains("`immortal::run` was called a second time"), "{error}");
    }

    #[test]
    fn a_module_is_not_the_crates_root() {
        for (path, is_root) in [("ingest", true), ("r#async", true), ("ingest::handler", false), ("a::b::c", false)] {
            assert_eq!(is_crate_root(path), is_root, "{path}");
        }
    }
}
