//! Child processes. Each has its own process group and directory, and its output is read line by line. When it ends,
//! its whole group is killed and its directory is removed.

mod output;

use std::{
    io::{self, ErrorKind},
    os::unix::process::ExitStatusExt as _,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tokio::{
    process::{Child, Command},
    sync::watch,
};

use super::{
    journal::{EntrySource, OutputStream},
    memory::memory_in_use_kib,
    memory_group::MemoryGroup,
    registry::{kill_group, pid_of},
    shared::Platform,
};
use output::ProcessOutput;

/// A child process. Dropping it kills it.
#[derive(Debug)]
pub(crate) struct ChildProcess {
    pid: Pid,
    directory: TempDir,
    exit: watch::Receiver<Option<ExitStatus>>,
    output: Arc<[ProcessOutput; 2]>,
    is_out_of_memory: Arc<AtomicBool>,
    /// The control group that limits its memory, if there is one.
    group: Option<Arc<MemoryGroup>>,
}

/// How often a process's memory is checked.
const MEMORY_CHECK_INTERVAL: Duration = Duration::from_millis(50);

/// The subject that a process's lines currently belong to.
pub(crate) type SharedSource = Arc<Mutex<EntrySource>>;

/// The configuration of a process.
#[derive(Debug)]
pub(crate) struct ProcessSetup {
    /// The function or task that the process belongs to.
    pub(crate) owner: String,
    /// The program and its arguments.
    pub(crate) command: Vec<String>,
    /// The complete environment.
    pub(crate) environment: Vec<(String, String)>,
    pub(crate) working_directory: PathBuf,
    /// The process's own directory, removed with it.
    pub(crate) directory: TempDir,
    pub(crate) source: SharedSource,
    /// In MiB. A process that uses more is killed.
    pub(crate) memory: u32,
}

impl ChildProcess {
    pub(crate) async fn start(
        platform: &Arc<Platform>,
        ProcessSetup { owner, command, environment, working_directory, directory, source, memory }: ProcessSetup,
    ) -> io::Result<Self> {
        let [program, arguments @ ..] = &command[..] else {
            return Err(io::Error::new(ErrorKind::InvalidInput, "the command is empty"));
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
        let mut child = spawn(platform, &mut command, directory.path(), &owner).await?;
        let pid = pid_of(&child)?;
        let group = MemoryGroup::create(&format!("immortal-{pid}"), memory).map(Arc::new);
        if let Some(group) = &group {
            group.add_process(pid.as_raw_nonzero().get());
        }
        let stdout = child.stdout.take().ok_or(ErrorKind::BrokenPipe)?.into_owned_fd()?;
        let stderr = child.stderr.take().ok_or(ErrorKind::BrokenPipe)?.into_owned_fd()?;
        let output = Arc::new([
            ProcessOutput::new(stdout, OutputStream::Stdout, Arc::clone(&source))?,
            ProcessOutput::new(stderr, OutputStream::Stderr, source)?,
        ]);
        for index in 0..2 {
            let (platform, output) = (Arc::clone(platform), Arc::clone(&output));
            tokio::spawn(async move { output[index].follow(&platform).await });
        }
        let (sender, exit) = watch::channel(None);
        tokio::spawn(reap(
            Arc::clone(platform),
            child,
            pid,
            directory.path().into(),
            Arc::clone(&output),
            (sender, group.clone()),
        ));
        let is_out_of_memory = Arc::<AtomicBool>::default();
        let watch = MemoryWatch { pid, memory, directory: directory.path().into(), group: group.clone() };
        tokio::spawn(watch.kill_beyond_limit(exit.clone(), Arc::clone(&is_out_of_memory)));
        Ok(Self { pid, directory, exit, output, is_out_of_memory, group })
    }

    /// Waits for the end of the process. By then the journal has all its lines.
    pub(crate) async fn wait(&self) -> ExitStatus {
        let mut exit = self.exit.clone();
        // The sender is dropped without a status only when the emulator ends.
        exit.wait_for(Option::is_some).await.ok().and_then(|status| *status).unwrap_or(ExitStatus::from_raw(9))
    }

    pub(crate) fn has_exited(&self) -> bool {
        self.exit.borrow().is_some()
    }

    /// Whether it was killed because it exceeded its memory limit.
    pub(crate) fn is_out_of_memory(&self) -> bool {
        self.is_out_of_memory.load(Ordering::Acquire) || self.group.as_ref().is_some_and(|group| group.has_killed())
    }

    /// Records the lines that it has written so far.
    pub(crate) fn drain(&self, platform: &Platform) {
        for output in self.output.iter() {
            output.drain(platform);
        }
    }

    /// Sends SIGTERM. ECS sends it only to the first process of a container.
    pub(crate) fn terminate(&self) {
        // An error means that the process has already ended.
        let _ = kill_process(self.pid, Signal::TERM);
    }

    pub(crate) fn kill(&self) {
        if !self.has_exited() {
            kill_group(self.pid, self.directory.path());
        }
    }
}

impl Drop for ChildProcess {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Enforces the memory limit of a process and its descendants. Without a control group only this check does, and it
/// misses peaks between two checks.
struct MemoryWatch {
    pid: Pid,
    /// In MiB.
    memory: u32,
    directory: PathBuf,
    group: Option<Arc<MemoryGroup>>,
}

impl MemoryWatch {
    async fn kill_beyond_limit(self, mut exit: watch::Receiver<Option<ExitStatus>>, killed: Arc<AtomicBool>) {
        let limit = u64::from(self.memory) * 1024;
        loop {
            tokio::select! {
                _ = exit.wait_for(Option::is_some) => return,
                () = tokio::time::sleep(MEMORY_CHECK_INTERVAL) => {}
            }
            let has_killed = self.group.as_ref().is_some_and(|group| group.has_killed());
            if has_killed || memory_in_use_kib(self.pid.as_raw_nonzero().get()) > limit {
                // Stored before the kill, because whoever waits for the end then asks for the cause.
                killed.store(true, Ordering::Release);
                kill_group(self.pid, &self.directory);
                return;
            }
        }
    }
}

/// Spawns a program, also one whose file was written a moment ago.
async fn spawn(platform: &Platform, command: &mut Command, directory: &Path, owner: &str) -> io::Result<Child> {
    let mut tries = 0;
    loop {
        match platform.processes.spawn(command, directory, owner) {
            // A child that another thread has forked keeps the written file open until its own `exec`.
            Err(error) if error.kind() == ErrorKind::ExecutableFileBusy && tries < 50 => {
                tries += 1;
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            other => return other,
        }
    }
}

async fn reap(
    platform: Arc<Platform>,
    mut child: Child,
    pid: Pid,
    directory: PathBuf,
    output: Arc<[ProcessOutput; 2]>,
    // The group must exist for as long as the process.
    (exit, _group): (watch::Sender<Option<ExitStatus>>, Option<Arc<MemoryGroup>>),
) {
    let status = child.wait().await.unwrap_or_else(|_| ExitStatus::from_raw(9));
    // A sandbox or container ends with its first process.
    kill_group(pid, &directory);
    for output in output.iter() {
        output.drain(&platform);
    }
    platform.processes.remove(pid);
    exit.send_replace(Some(status));
}
