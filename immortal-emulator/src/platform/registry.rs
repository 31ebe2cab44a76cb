//! All running processes, so that none outlives the emulator.

use std::{
    collections::HashMap,
    fs,
    io::{self, ErrorKind},
    path::{Path, PathBuf},
    sync::{Condvar, Mutex, PoisonError},
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use tokio::process::{Child, Command};

use super::locking::lock;

#[derive(Debug, Default)]
pub(crate) struct ProcessRegistry {
    running: Mutex<RunningProcesses>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct RunningProcesses {
    closed: bool,
    /// The leader of each process group, with its directory and owner.
    leaders: HashMap<Pid, (PathBuf, String)>,
}

impl ProcessRegistry {
    /// Spawns and registers under one lock, so that no process is missed at the end of the emulator.
    pub(super) fn spawn(&self, command: &mut Command, directory: &Path, owner: &str) -> io::Result<Child> {
        let mut running = lock(&self.running);
        if running.closed {
            return Err(io::Error::new(ErrorKind::Interrupted, "the emulator is ending"));
        }
        let child = command.spawn()?;
        if let Ok(pid) = pid_of(&child) {
            running.leaders.insert(pid, (directory.to_owned(), owner.to_owned()));
        }
        Ok(child)
    }

    pub(super) fn remove(&self, leader: Pid) {
        lock(&self.running).leaders.remove(&leader);
        self.changed.notify_all();
    }

    /// Kills all processes of one owner, as if their host had failed.
    pub(crate) fn kill_all_of(&self, owner: &str) {
        let running = lock(&self.running);
        for (&leader, (directory, _)) in running.leaders.iter().filter(|(_, (_, other))| other == owner) {
            kill_group(leader, directory);
        }
    }

    /// Kills all processes that run in or below `root`, refuses to start others, and waits until all have ended.
    pub(crate) fn end(&self, root: &Path) {
        let mut running = lock(&self.running);
        running.closed = true;
        let strays = processes_in(root);
        for &leader in running.leaders.keys() {
            let _ = kill_process_group(leader, Signal::KILL);
        }
        for pid in strays {
            let _ = kill_process(pid, Signal::KILL);
        }
        // A process that can't be reaped, as when a disk hangs, must not block the caller forever.
        let wait = Duration::from_secs(5);
        let _ = self
            .changed
            .wait_timeout_while(running, wait, |running| !running.leaders.is_empty())
            .unwrap_or_else(PoisonError::into_inner);
    }
}

pub(super) fn pid_of(child: &Child) -> io::Result<Pid> {
    let pid = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
    pid.ok_or_else(|| io::Error::other("the process ended immediately"))
}

/// Kills a process group, and processes that have left the group but run in the directory.
pub(super) fn kill_group(leader: Pid, directory: &Path) {
    let strays = processes_in(directory);
    let _ = kill_process_group(leader, Signal::KILL);
    for pid in strays {
        let _ = kill_process(pid, Signal::KILL);
    }
}

/// The processes whose program or working directory is in this directory. Systems other than Linux have no `/proc`;
/// there only the process group is killed.
fn processes_in(directory: &Path) -> Vec<Pid> {
    let Ok(processes) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    let inside = |link: PathBuf| fs::read_link(link).is_ok_and(|target| target.starts_with(directory));
    processes
        .flatten()
        .filter(|entry| inside(entry.path().join("cwd")) || inside(entry.path().join("exe")))
        .filter_map(|entry| Pid::from_raw(entry.file_name().to_str()?.parse().ok()?))
        .collect()
}
