//! Child processes: each in a process group and a directory of its own, its output read line by line, and nothing of
//! it left when it is over.

mod output;

use std::{
    collections::HashSet,
    fs,
    io::{self, ErrorKind},
    os::unix::process::ExitStatusExt as _,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    sync::{Arc, Condvar, Mutex, PoisonError},
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use tempfile::TempDir;
use tokio::{
    process::{Child, Command},
    sync::watch,
};

use crate::{
    Place, Stream,
    cloud::{Cloud, lock},
};
use output::Output;

/// All processes that run, so that none outlives the emulator.
#[derive(Debug, Default)]
pub(crate) struct Processes {
    alive: Mutex<Alive>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Alive {
    closed: bool,
    leaders: HashSet<Pid>,
}

impl Processes {
    /// Kills all that run in or below `root`, lets none be started any more, and waits until all are gone.
    pub(crate) fn end(&self, root: &Path) {
        let mut alive = lock(&self.alive);
        alive.closed = true;
        let strays = strays(root);
        for &leader in &alive.leaders {
            let _ = kill_process_group(leader, Signal::KILL);
        }
        for pid in strays {
            let _ = kill_process(pid, Signal::KILL);
        }
        // A process that can't be reaped (a stuck disk) mustn't hold up the caller for good.
        let wait = Duration::from_secs(5);
        let _ = self
            .changed
            .wait_timeout_while(alive, wait, |alive| !alive.leaders.is_empty())
            .unwrap_or_else(PoisonError::into_inner);
    }
}

/// A child process. Dropping it kills it.
#[derive(Debug)]
pub(crate) struct Process {
    pid: Pid,
    directory: TempDir,
    exit: watch::Receiver<Option<ExitStatus>>,
    output: Arc<[Output; 2]>,
}

/// Where a process's lines belong just now.
pub(crate) type SharedPlace = Arc<Mutex<Place>>;

impl Process {
    /// Starts a program with exactly this environment in `working_directory`; `directory` is its own.
    pub(crate) async fn start(
        cloud: &Arc<Cloud>,
        command: &[String],
        environment: Vec<(String, String)>,
        working_directory: &Path,
        directory: TempDir,
        place: SharedPlace,
    ) -> io::Result<Self> {
        let [program, arguments @ ..] = command else {
            return Err(io::Error::new(ErrorKind::InvalidInput, "there is no command"));
        };
        let mut command = Command::new(program);
        command
            .args(arguments)
            .env_clear()
            .envs(environment)
            .current_dir(working_directory)
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = spawn(cloud, &mut command).await?;
        let pid = pid(&child)?;
        let stdout = child.stdout.take().ok_or(ErrorKind::BrokenPipe)?.into_owned_fd()?;
        let stderr = child.stderr.take().ok_or(ErrorKind::BrokenPipe)?.into_owned_fd()?;
        let output = Arc::new([
            Output::new(stdout, Stream::Stdout, Arc::clone(&place))?,
            Output::new(stderr, Stream::Stderr, place)?,
        ]);
        for index in 0..2 {
            let (cloud, output) = (Arc::clone(cloud), Arc::clone(&output));
            tokio::spawn(async move { output[index].follow(&cloud).await });
        }
        let (sender, exit) = watch::channel(None);
        tokio::spawn(watch_over(Arc::clone(cloud), child, pid, directory.path().into(), Arc::clone(&output), sender));
        Ok(Self { pid, directory, exit, output })
    }

    /// Waits for the end of the process; all its lines have been noted by then.
    pub(crate) async fn exited(&self) -> ExitStatus {
        let mut exit = self.exit.clone();
        // The sender is gone without a status only when the emulator itself ends.
        exit.wait_for(Option::is_some).await.ok().and_then(|status| *status).unwrap_or(ExitStatus::from_raw(9))
    }

    pub(crate) fn has_exited(&self) -> bool {
        self.exit.borrow().is_some()
    }

    /// Notes the lines that it has written so far.
    pub(crate) fn drain(&self, cloud: &Cloud) {
        for output in self.output.iter() {
            output.drain(cloud);
        }
    }

    /// Asks it to end. ECS sends this to a container's first process only.
    pub(crate) fn terminate(&self) {
        // It is gone already: as good.
        let _ = kill_process(self.pid, Signal::TERM);
    }

    pub(crate) fn kill(&self) {
        if !self.has_exited() {
            kill_all(self.pid, self.directory.path());
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Spawns and registers at once, so that the end of the emulator misses none.
async fn spawn(cloud: &Cloud, command: &mut Command) -> io::Result<Child> {
    let mut tries = 0;
    loop {
        let spawned = {
            let mut alive = lock(&cloud.processes.alive);
            if alive.closed {
                return Err(io::Error::new(ErrorKind::Interrupted, "the emulator is ending"));
            }
            let spawned = command.spawn();
            if let Some(pid) = spawned.as_ref().ok().and_then(|child| pid(child).ok()) {
                alive.leaders.insert(pid);
            }
            spawned
        };
        match spawned {
            // A process forked by another thread holds the file, just written by us, open until its own `exec`.
            Err(error) if error.kind() == ErrorKind::ExecutableFileBusy && tries < 50 => {
                tries += 1;
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            other => return other,
        }
    }
}

fn pid(child: &Child) -> io::Result<Pid> {
    let pid = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
    pid.ok_or_else(|| io::Error::other("the process was gone at once"))
}

async fn watch_over(
    cloud: Arc<Cloud>,
    mut child: Child,
    pid: Pid,
    directory: PathBuf,
    output: Arc<[Output; 2]>,
    exit: watch::Sender<Option<ExitStatus>>,
) {
    let status = child.wait().await.unwrap_or_else(|_| ExitStatus::from_raw(9));
    // With its first process a sandbox or container ends as a whole.
    kill_all(pid, &directory);
    for output in output.iter() {
        output.drain(&cloud);
    }
    lock(&cloud.processes.alive).leaders.remove(&pid);
    cloud.processes.changed.notify_all();
    exit.send_replace(Some(status));
}

/// Kills a process group, and what left the group but works in the directory.
fn kill_all(leader: Pid, directory: &Path) {
    let strays = strays(directory);
    let _ = kill_process_group(leader, Signal::KILL);
    for pid in strays {
        let _ = kill_process(pid, Signal::KILL);
    }
}

/// The processes whose program or working directory lies in this directory. There is no `/proc` on other systems than
/// Linux; there the process group has to do.
fn strays(directory: &Path) -> Vec<Pid> {
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
