//! The handler's process and its descendants: started, terminated and waited for.

use std::{
    collections::{BTreeMap, HashSet},
    fs, io,
    os::unix::process::CommandExt as _,
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use rustix::process::{Pid, Signal, WaitOptions, WaitStatus, getpid, kill_process, kill_process_group, wait, waitpid};
use tokio::{
    signal::unix::{SignalKind, signal},
    time::{sleep, timeout},
};

use super::process_group::{self, SignalRecipients};

/// How often the processes of the group are checked: some install a signal handler only after a while, and the end of
/// processes that aren't this process's children can't be awaited.
pub(super) const CHECK_INTERVAL: Duration = Duration::from_millis(250);

/// The delay between the first and the second check: before the second, no process is known to handle the signal.
pub(super) const SECOND_CHECK_DELAY: Duration = Duration::from_millis(20);

/// A process that leads its own group.
///
/// All waiting happens here: as PID 1 the runner must reap every orphan, and a second waiter could lose a status to
/// that.
#[derive(Debug)]
pub(super) struct ChildProcess {
    pid: Pid,
    changes: tokio::signal::unix::Signal,
    /// The processes of the group that handled SIGTERM at the last check.
    handling: HashSet<Pid>,
    /// The processes of the group that got SIGTERM.
    signalled: HashSet<Pid>,
    /// Those of them that handled it.
    asked: HashSet<Pid>,
    ended: Option<ProcessEnd>,
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ProcessEnd {
    Code(i32),
    Signal(u8),
}

impl ChildProcess {
    /// Starts a program with this environment and no other; stdout and stderr are the runner's own.
    pub(super) fn spawn(program: &Path, directory: &Path, environment: &BTreeMap<String, String>) -> io::Result<Self> {
        let changes = signal(SignalKind::child())?;
        let child = Command::new(program)
            .current_dir(directory)
            .env_clear()
            .envs(environment)
            .stdin(Stdio::null())
            .process_group(0)
            .spawn()?;
        Ok(Self {
            pid: Pid::from_child(&child),
            changes,
            handling: HashSet::new(),
            signalled: HashSet::new(),
            asked: HashSet::new(),
            ended: None,
        })
    }

    /// Waits until the process has ended; can be called repeatedly.
    pub(super) async fn ended(&mut self) -> ProcessEnd {
        loop {
            self.reap();
            if let Some(ended) = self.ended {
                return ended;
            }
            self.changes.recv().await;
        }
    }

    /// Waits until the process has ended, and so have all processes that handle the SIGTERM that they got.
    pub(super) async fn finished(&mut self) -> ProcessEnd {
        let ended = self.ended().await;
        while self.is_stopping() {
            sleep(CHECK_INTERVAL).await;
            self.reap();
        }
        ended
    }

    /// Sends SIGTERM to the processes of its group that handle it, also did at the previous check, and didn't get it
    /// yet.
    pub(super) fn ask_to_stop(&mut self) {
        self.signal(SignalRecipients::Handling);
    }

    /// Sends SIGTERM to all processes of its group that didn't get it yet.
    pub(super) fn terminate(&mut self) {
        self.signal(SignalRecipients::All);
    }

    /// Whether a process that handles the SIGTERM that it got is still running.
    pub(super) fn is_stopping(&self) -> bool {
        !self.asked.is_empty() && process_group::is_any_running(&process_group::members(self.pid), &self.asked)
    }

    fn signal(&mut self, recipients: SignalRecipients) {
        let members = process_group::members(self.pid);
        let mut pids = process_group::to_signal(&members, &self.handling, &self.signalled, recipients);
        self.handling = process_group::pids_handling(&members);
        // Without /proc, the process itself is still known.
        if recipients == SignalRecipients::All && self.ended.is_none() && !self.signalled.contains(&self.pid) {
            pids.push(self.pid);
        }
        for pid in pids {
            if self.signalled.insert(pid) {
                if self.handling.contains(&pid) {
                    self.asked.insert(pid);
                }
                // It may have ended already.
                let _ = kill_process(pid, Signal::TERM);
            }
        }
    }

    /// Kills the process and its group.
    pub(super) fn kill(&self) {
        let _ = kill_process_group(self.pid, Signal::KILL);
    }

    /// Sends SIGTERM to the group, and kills it after the grace period.
    pub(super) async fn end(mut self, grace: Duration) {
        self.terminate();
        let _ = timeout(grace, self.finished()).await;
        self.kill();
        self.ended().await;
        self.reap();
    }

    /// The process's peak memory so far.
    pub(super) fn max_memory_mb(&self) -> Option<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid.as_raw_nonzero())).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
        let kilobytes: u64 = line.trim().trim_end_matches("kB").trim().parse().ok()?;
        Some(kilobytes.div_ceil(1024))
    }

    fn reap(&mut self) {
        while let Ok(Some((pid, status))) = self.next_status() {
            if pid == self.pid {
                self.ended = ended(status).or(self.ended);
            }
        }
    }

    fn next_status(&self) -> rustix::io::Result<Option<(Pid, WaitStatus)>> {
        if getpid().is_init() {
            wait(WaitOptions::NOHANG)
        } else if self.ended.is_none() {
            waitpid(Some(self.pid), WaitOptions::NOHANG)
        } else {
            Ok(None)
        }
    }
}

impl Drop for ChildProcess {
    fn drop(&mut self) {
        self.kill();
    }
}

fn ended(status: WaitStatus) -> Option<ProcessEnd> {
    let signal = status.terminating_signal().and_then(|signal| u8::try_from(signal).ok());
    signal.map(ProcessEnd::Signal).or(status.exit_status().map(ProcessEnd::Code))
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncBufReadExt as _, BufReader};

    use super::*;

    fn script(text: &str) -> (tempfile::TempDir, std::path::PathBuf) {
        use std::os::unix::fs::PermissionsExt as _;

        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("bootstrap");
        fs::write(&path, format!("#!/bin/sh\n{text}\n")).expect("a file");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("ours");
        (directory, path)
    }

    fn spawn(text: &str, variables: &[(&str, &str)]) -> (tempfile::TempDir, ChildProcess) {
        let (directory, path) = script(text);
        let environment = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let child = ChildProcess::spawn(&path, directory.path(), &environment).expect("it starts");
        (directory, child)
    }

    /// Makes a pipe out of a file system name, so that the script can say where it is.
    async fn line_of(path: &Path) -> String {
        let file = tokio::fs::File::open(path).await.expect("a fifo");
        let mut line = String::new();
        BufReader::new(file).read_line(&mut line).await.expect("text");
        line.trim().to_owned()
    }

    fn fifo(directory: &Path) -> std::path::PathBuf {
        let path = directory.join("fifo");
        assert!(Command::new("mkfifo").arg(&path).status().expect("mkfifo").success());
        path
    }

    #[tokio::test]
    async fn its_end_is_seen_once_and_for_all() {
        for (text, expected) in [
            ("exit 0", ProcessEnd::Code(0)),
            ("exit 7", ProcessEnd::Code(7)),
            ("kill -9 $$", ProcessEnd::Signal(9)),
            ("kill -11 $$", ProcessEnd::Signal(11)),
        ] {
            let (_directory, mut child) = spawn(text, &[]);
            assert_eq!(child.ended().await, expected, "{text}");
            assert_eq!(child.ended().await, expected, "{text}");
        }
    }

    #[tokio::test]
    async fn has_the_environment_it_is_given_and_no_other() {
        let (_directory, mut child) =
            spawn("[ \"$GIVEN\" = 1 ] && [ -z \"$HOME\" ] && [ -z \"$CARGO\" ]", &[("GIVEN", "1")]);
        assert_eq!(child.ended().await, ProcessEnd::Code(0));
    }

    #[tokio::test]
    async fn a_deaf_process_and_what_it_started_are_killed() {
        let shared = tempfile::tempdir().expect("a directory");
        let fifo = fifo(shared.path());
        let path = fifo.to_str().expect("text");
        let (_directory, child) = spawn(
            "trap '' TERM; (trap '' TERM; while :; do sleep 60; done) & echo $! > \"$FIFO\"; wait",
            &[("FIFO", path), ("PATH", "/usr/bin:/bin")],
        );
        let grandchild = line_of(&fifo).await;
        child.end(Duration::from_millis(50)).await;
        let stat = format!("/proc/{grandchild}/stat");
        let state = || fs::read_to_string(&stat).ok().and_then(|stat| stat.rsplit(')').next()?.trim().chars().next());
        // It is killed, and whoever inherited it reaps it in its own time: gone, or a zombie until then.
        while !matches!(state(), None | Some('Z' | 'X')) {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn a_polite_process_ends_by_itself() {
        let shared = tempfile::tempdir().expect("a directory");
        let fifo = fifo(shared.path());
        let path = fifo.to_str().expect("text");
        let done = shared.path().join("done");
        let text = "trap 'touch \"$DONE\"; exit 3' TERM; echo ready > \"$FIFO\"; while :; do sleep 0.01; done";
        let variables = [("FIFO", path), ("DONE", done.to_str().expect("text")), ("PATH", "/usr/bin:/bin")];
        let (_directory, child) = spawn(text, &variables);
        line_of(&fifo).await;
        assert!(child.max_memory_mb().is_some());
        child.end(Duration::from_mins(1)).await;
        assert!(done.exists());
    }

    #[test]
    fn what_cant_be_executed_is_an_error() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let _entered = runtime.enter();
        let directory = tempfile::tempdir().expect("a directory");
        let missing = directory.path().join("missing");
        let error = ChildProcess::spawn(&missing, directory.path(), &BTreeMap::new()).expect_err("nothing is there");
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }
}
