//! Sandboxes: processes of a function's `bootstrap`, each with its own Runtime API and one invocation at a time.

use std::{process::ExitStatus, sync::Mutex};

use immortal_core::runtime_api::{RuntimeApi, RuntimeStart};
use tempfile::TempDir;
use tokio::{
    sync::{OnceCell, Semaphore},
    time::{Instant, sleep_until},
};

use super::invocation::InvocationFailure;
use crate::platform::{ChildProcess, SharedSource, lock};

/// The sandboxes of one version.
#[derive(Debug)]
pub(crate) struct SandboxPool {
    pub(super) idle: Mutex<Vec<Sandbox>>,
    pub(super) slots: Semaphore,
    pub(super) code: OnceCell<TempDir>,
}

#[derive(Debug)]
pub(super) struct Sandbox {
    pub(super) process: ChildProcess,
    pub(super) api: RuntimeApi,
    pub(super) source: SharedSource,
}

impl SandboxPool {
    pub(crate) fn new(concurrency: usize) -> Self {
        Self { idle: Mutex::default(), slots: Semaphore::new(concurrency.max(1)), code: OnceCell::new() }
    }

    pub(crate) fn end_idle(&self) {
        lock(&self.idle).clear();
    }
}

/// The end of an invocation without a response.
#[derive(Debug)]
pub(super) enum SandboxEnd {
    TimedOut,
    Exited(ExitStatus),
    OutOfMemory,
    Failed(InvocationFailure),
}

impl Sandbox {
    /// The end that the exit of the process means.
    pub(super) fn end(&self, status: ExitStatus) -> SandboxEnd {
        if self.process.is_out_of_memory() { SandboxEnd::OutOfMemory } else { SandboxEnd::Exited(status) }
    }

    pub(super) async fn wait_until_ready(&self, deadline: Instant) -> Result<(), SandboxEnd> {
        tokio::select! {
            biased;
            ready = self.api.ready() => match ready {
                RuntimeStart::Waiting => Ok(()),
                RuntimeStart::InitError(failure) => Err(SandboxEnd::Failed(InvocationFailure::from_report(failure))),
            },
            status = self.process.wait() => Err(self.end(status)),
            () = sleep_until(deadline) => Err(SandboxEnd::TimedOut),
        }
    }
}
