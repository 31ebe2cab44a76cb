//! What must end with this command, however it ends.
//!
//! After Ctrl-C the command ends its processes itself. SIGKILL leaves no time for that, so a second process waits for the
//! end of this one, and kills whatever still belongs to it.

use std::{
    env,
    ffi::OsStr,
    fs, io,
    os::unix::{ffi::OsStrExt, process::CommandExt},
    path::{Path, PathBuf},
    process::{Child, Command, ExitCode, Stdio},
    time::Duration,
};

use rustix::process::{Pid, Signal, getpgid, kill_process, kill_process_group};
use tempfile::TempDir;

use crate::failure::CommandError;

/// Names the session's directory to the processes that work elsewhere, as Cargo does.
const VARIABLE: &str = "IMMORTAL_SESSION";

/// How often nothing must be found before all is over: a process that is about to replace itself shows neither its own
/// environment nor that of the program to come.
const LOOKS: u32 = 3;
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// A directory that holds all temporary files, and the process that outlives this one if it is killed.
#[derive(Debug)]
pub(crate) struct Session {
    reaper: Child,
    _directory: TempDir,
}

/// What to clean up.
#[derive(Debug, clap::Args)]
pub(crate) struct SessionArgs {
    /// The session's directory
    #[arg(long)]
    directory: PathBuf,
}

impl Session {
    /// Begins it; from now on every temporary file of this process lies in its directory.
    pub(crate) fn begin() -> Result<Self, CommandError> {
        let failed =
            |error: io::Error| CommandError::Failed(format!("the processes to come can't be supervised: {error}"));
        let directory = tempfile::Builder::new().prefix("immortal-").tempdir().map_err(failed)?;
        let path = fs::canonicalize(directory.path()).map_err(failed)?;
        let _ = tempfile::env::override_temp_dir(&path);
        let mut reaper = Command::new(env::current_exe().map_err(failed)?);
        reaper.args(["immortal", "reap", "--directory"]).arg(&path);
        // Out of reach of what the terminal sends to this process's group, and of the search for what is to be killed.
        reaper.env_clear().current_dir("/").process_group(0);
        let reaper = reaper.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        Ok(Self { reaper: reaper.map_err(failed)?, _directory: directory })
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let _ = self.reaper.kill();
        let _ = self.reaper.wait();
    }
}

/// The variable that makes a process part of the session.
pub(crate) fn variable() -> (&'static str, PathBuf) {
    (VARIABLE, tempfile::env::temp_dir())
}

/// The second process: returns when the first one has ended, and nothing of it is left.
pub(crate) fn reap(args: &SessionArgs) -> Result<ExitCode, CommandError> {
    let failed = |error: io::Error| CommandError::Failed(format!("the session can't be cleaned up: {error}"));
    // Only the first process has the other end, and writes nothing.
    io::copy(&mut io::stdin().lock(), &mut io::sink()).map_err(failed)?;
    let mut looks = 0;
    while looks < LOOKS {
        let members = members(&args.directory);
        looks = if members.is_empty() { looks + 1 } else { 0 };
        for pid in members {
            // Each of them is in a group that this command or its emulator made, with what it started itself.
            if let Ok(group) = getpgid(Some(pid)) {
                let _ = kill_process_group(group, Signal::KILL);
            }
            let _ = kill_process(pid, Signal::KILL);
        }
        std::thread::sleep(POLL_INTERVAL);
    }
    fs::remove_dir_all(&args.directory).map_err(failed)?;
    Ok(ExitCode::SUCCESS)
}

/// The processes that work in the directory, are programs of it, or have the session's variable.
fn members(directory: &Path) -> Vec<Pid> {
    let Ok(processes) = fs::read_dir("/proc") else { return Vec::new() };
    let is_member = |process: &Path| {
        let inside = |link| fs::read_link(process.join(link)).is_ok_and(|target| target.starts_with(directory));
        let environment = fs::read(process.join("environ")).unwrap_or_default();
        inside("cwd") || inside("exe") || has_variable(&environment, directory)
    };
    processes
        .flatten()
        .filter(|entry| is_member(&entry.path()))
        .filter_map(|entry| Pid::from_raw(entry.file_name().to_str()?.parse().ok()?))
        .collect()
}

/// Whether an environment, as `/proc/PID/environ` has it, names this session.
fn has_variable(environment: &[u8], directory: &Path) -> bool {
    let expected = [VARIABLE.as_bytes(), b"=", OsStr::as_bytes(directory.as_os_str())].concat();
    environment.split(|byte| *byte == 0).any(|variable| variable == expected)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_known_by_its_whole_directory() {
        let directory = Path::new("/tmp/immortal-a");
        let table: [(&[u8], bool); 5] = [
            (b"", false),
            (b"A=b\0IMMORTAL_SESSION=/tmp/immortal-a\0C=d\0", true),
            (b"IMMORTAL_SESSION=/tmp/immortal-ab\0", false),
            (b"X_IMMORTAL_SESSION=/tmp/immortal-a\0", false),
            (b"TMPDIR=/tmp/immortal-a\0", false),
        ];
        for (environment, expected) in table {
            assert_eq!(has_variable(environment, directory), expected, "{}", environment.escape_ascii());
        }
    }

    #[test]
    fn a_process_belongs_to_the_directory_that_it_works_in() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = fs::canonicalize(directory.path()).expect("it is there");
        assert!(members(&path).is_empty());
        let spawn = |command: &mut Command| {
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("there is a cat")
        };
        let mut inside = spawn(Command::new("cat").current_dir(&path));
        let mut marked = spawn(Command::new("cat").env(VARIABLE, &path));
        // Once it has answered, it is the program and no copy of this one.
        for child in [&mut inside, &mut marked] {
            let mut byte = [0];
            io::Write::write_all(child.stdin.as_mut().expect("piped"), b"x").expect("it reads");
            io::Read::read_exact(child.stdout.as_mut().expect("piped"), &mut byte).expect("it writes");
        }
        let mut found: Vec<_> = members(&path).into_iter().map(|pid| pid.as_raw_nonzero().get()).collect();
        let mut expected = [inside.id(), marked.id()].map(u32::cast_signed);
        found.sort_unstable();
        expected.sort_unstable();
        assert_eq!(found, expected);
        for mut child in [inside, marked] {
            child.kill().and_then(|()| child.wait()).expect("ours");
        }
        assert!(members(&path).is_empty());
    }
}
