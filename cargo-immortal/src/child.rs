//! Processes that this one starts, each with its whole group, and the signals that end it all.

use std::{io, process::Stdio};

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::{
    process::{Child, Command},
    signal::unix::{SignalKind, signal},
};

use crate::session;

/// A process in a group of its own, which is killed when this is dropped.
///
/// Cargo starts compilers: killing Cargo alone would leave them behind.
#[derive(Debug)]
pub(crate) struct ProcessGroup {
    pub(crate) leader: Child,
    id: Option<Pid>,
}

impl ProcessGroup {
    /// Starts it without input, with its output for us and its errors as asked.
    pub(crate) fn spawn(command: Command, errors: Stdio) -> io::Result<Self> {
        Self::spawn_with_input(command, Stdio::null(), errors)
    }

    /// Starts it with an input, with its output for us and its errors as asked.
    pub(crate) fn spawn_with_input(mut command: Command, input: Stdio, errors: Stdio) -> io::Result<Self> {
        let (name, session) = session::variable();
        let leader = command
            .env(name, session)
            .stdin(input)
            .stdout(Stdio::piped())
            .stderr(errors)
            .process_group(0)
            .kill_on_drop(true)
            .spawn()?;
        let id = leader.id().and_then(|id| Pid::from_raw(id.cast_signed()));
        Ok(Self { leader, id })
    }
}

impl Drop for ProcessGroup {
    fn drop(&mut self) {
        if let Some(id) = self.id {
            // No such group: all of it is over, which is what was wanted.
            let _ = kill_process_group(id, Signal::KILL);
        }
    }
}

/// Waits for Ctrl-C, or for another signal that asks this process to end.
pub(crate) async fn stopped() {
    let kinds = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()];
    let [Ok(mut interrupt), Ok(mut terminate), Ok(mut hangup)] = kinds.map(signal) else {
        // Without handlers the signals end the process as they always do.
        return std::future::pending().await;
    };
    tokio::select! {
        _ = interrupt.recv() => (),
        _ = terminate.recv() => (),
        _ = hangup.recv() => (),
    }
}
