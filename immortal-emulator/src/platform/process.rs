//! Child processes: each in a process group and a directory of its own, its output read line by line, and nothing of
//! it left when it is over.

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
    memory::kib_in_use,
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
    /// Where the kernel holds it to its memory, if it does.
    group: Option<Arc<MemoryGroup>>,
}

/// How often a process's memory is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Where a process's lines belong just now.
pub(crate) type SharedSource = Arc<Mutex<EntrySource>>;

/// How a process is started.
#[derive(Debug)]
pub(crate) struct ProcessSetup {
    /// The function or task that it belongs to.
    pub(crate) owner: String,
    /// The program and its arguments.
    pub(crate) command: Vec<String>,
    /// All of its variables.
    pub(crate) environment: Vec<(String, String)>,
    pub(crate) working_directory: PathBuf,
    /// A directory of its own, which is gone with it.
    pub(crate) directory: TempDir,
    pub(crate) source: SharedSource,
    /// With more memory in use than so many MiB it is killed.
    pub(crate) memory: u32,
}

impl ChildProcess {
    pub(crate) async fn start(
        platform: &Arc<Platform>,
        ProcessSetup { owner, command, environment, working_directory, directory, source, memory }: ProcessSetup,
    ) -> io::Result<Self> {
        let [program, arguments @ ..] = &command[..] else {
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
        let mut child = spawn(platform, &mut command, directory.path(), &owner).await?;
        let pid = pid_of(&child)?;
        let group = MemoryGroup::create(&format!("immortal-{pid}"), memory).map(Arc::new);
        if let Some(group) = &group {
            group.take(pid.as_raw_nonzero().get());
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
        tokio::spawn(watch_over(
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

    /// Waits for the end of the process; all its lines are noted before it returns.
    pub(crate) async fn exited(&self) -> ExitStatus {
        let mut exit = self.exit.clone();
        // The sender is gone without a status only when the emulator itself ends.
        exit.wait_for(Option::is_some).await.ok().and_then(|status| *status).unwrap_or(ExitStatus::from_raw(9))
    }

    pub(crate) fn has_exited(&self) -> bool {
        self.exit.borrow().is_some()
    }

    /// Whether it was killed because it had more memory in use than it may.
    pub(crate) fn is_out_of_memory(&self) -> bool {
        self.is_out_of_memory.load(Ordering::Acquire) || self.group.as_ref().is_some_and(|group| group.has_killed())
    }

    /// Notes the lines that it has written so far.
    pub(crate) fn drain(&self, platform: &Platform) {
        for output in self.output.iter() {
            output.drain(platform);
        }
    }

    /// Asks it to end. ECS sends this to a container's first process only.
    pub(crate) fn terminate(&self) {
        // It is gone already: as good.
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

/// The limit of a process and all that it starts. Where there is no group for it, only this holds them to it: what grows
/// and shrinks between two looks isn't seen.
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
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
            let has_killed = self.group.as_ref().is_some_and(|group| group.has_killed());
            if has_killed || kib_in_use(self.pid.as_raw_nonzero().get()) > limit {
                // Before the kill: whoever learns of the end asks why.
                killed.store(true, Ordering::Release);
                kill_group(self.pid, &self.directory);
                return;
            }
        }
    }
}

/// Spawns, also a program that was written just now.
async fn spawn(platform: &Platform, command: &mut Command, directory: &Path, owner: &str) -> io::Result<Child> {
    let mut tries = 0;
    loop {
        match platform.processes.spawn(command, directory, owner) {
            // A process forked by another thread holds the file, just written by us, open until its own `exec`.
            Err(error) if error.kind() == ErrorKind::ExecutableFileBusy && tries < 50 => {
                tries += 1;
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            other => return other,
        }
    }
}

async fn watch_over(
    platform: Arc<Platform>,
    mut child: Child,
    pid: Pid,
    directory: PathBuf,
    output: Arc<[ProcessOutput; 2]>,
    // The group is there for as long as the process is.
    (exit, _group): (watch::Sender<Option<ExitStatus>>, Option<Arc<MemoryGroup>>),
) {
    let status = child.wait().await.unwrap_or_else(|_| ExitStatus::from_raw(9));
    // With its first process a sandbox or container ends as a whole.
    kill_group(pid, &directory);
    for output in output.iter() {
        output.drain(&platform);
    }
    platform.processes.remove(pid);
    exit.send_replace(Some(status));
}
