//! `cargo immortal local`: one event through all its lives, on the emulator.

mod args;
mod chain;
mod inputs;
mod outcome;
mod plan;
mod screen;
mod timeline;

use std::{fs, os::unix::fs::PermissionsExt, path::PathBuf, process::ExitCode};

use bytes::Bytes;
use immortal_emulator::{Emulator, EmulatorError};
use tempfile::TempDir;

pub(crate) use self::args::Args;
use self::{inputs::Inputs, outcome::Watch, plan::Plan, screen::Screen, timeline::Timeline};
use crate::{
    artifact::{self, Architecture, Artifact},
    binary, container,
    failure::Failure,
    output::say,
    package::{self, Candidate},
};

pub(crate) async fn run(args: Args) -> Result<ExitCode, Failure> {
    let inputs = Inputs::read(&args)?;
    let candidate = package::find(&args.selection)?;
    if let Some(image) = &args.docker {
        container::ready(image).await?;
    }
    let Package { executable, zip, .. } = &package(&args, &candidate).await?;
    let manifest = binary::describe(executable, &candidate).await?;
    let ourselves = std::env::current_exe().map_err(|error| Failure::Failed(format!("where am I? {error}")))?;
    let plan = Plan::resolve(&args, &candidate, &manifest, executable, &ourselves);

    let screen = Screen::new();
    screen.line(&plan.heading());
    screen.status(Some("deploying to the emulator"));
    let emulator = Emulator::start(plan::options()).await.map_err(refused)?;
    chain::set_up(&emulator, &plan, &inputs, zip.clone()).map_err(refused)?;
    emulator.invoke(&plan.primary, inputs.event).await.map_err(refused)?;

    let mut timeline = Timeline::new(&plan);
    let mut watch = Watch::new(&plan);
    let ended = emulator.until(|entry| {
        if let Some(line) = timeline.line(entry) {
            screen.show(&line);
        }
        screen.status(timeline.status());
        watch.see(entry).map(|outcome| (outcome, entry.at))
    });
    let (outcome, at) = ended.await;
    screen.clear();
    let dead_letters = emulator.messages(&plan.dead_letter_queue);
    say(outcome.last_words(&plan, timeline.since_begin(at), &dead_letters).trim_end());
    emulator.shutdown().await;
    Ok(outcome.exit_code())
}

/// This machine's processor.
const HERE: Architecture = if cfg!(target_arch = "aarch64") { Architecture::Arm64 } else { Architecture::X86_64 };

/// The function's code, as a program here and as Lambda takes it.
struct Package {
    executable: PathBuf,
    zip: Bytes,
    /// Where the executable lies, if it came in a zip.
    _directory: Option<TempDir>,
}

async fn package(args: &Args, candidate: &Candidate) -> Result<Package, Failure> {
    let Some(path) = given(args, candidate)? else {
        let executable = binary::build(candidate, args.selection.release).await?;
        let zip = binary::package(&executable)?.into();
        return Ok(Package { executable, zip, _directory: None });
    };
    let artifact = Artifact::read(path.clone())?;
    if artifact.program.architecture != HERE {
        let there = artifact.program.architecture;
        return Err(Failure::WrongUse(format!("{} is for {there}, and can't run on this machine", path.display())));
    }
    let unwritable = |error| Failure::Failed(format!("the program can't be unpacked: {error}"));
    let directory = tempfile::tempdir().map_err(unwritable)?;
    let executable = directory.path().join("bootstrap");
    fs::write(&executable, &artifact.bytes).map_err(unwritable)?;
    fs::set_permissions(&executable, fs::Permissions::from_mode(0o755)).map_err(unwritable)?;
    let zip = binary::package(&executable)?.into();
    Ok(Package { executable, zip, _directory: Some(directory) })
}

/// The program that is there already. What runs in an image must have been built for one: not by this machine's linker.
fn given(args: &Args, candidate: &Candidate) -> Result<Option<PathBuf>, Failure> {
    if args.zip.is_some() || args.docker.is_none() {
        return Ok(args.zip.clone());
    }
    let zip = artifact::package_path(&artifact::target_directory()?, &candidate.bin);
    if zip.exists() {
        return Ok(Some(zip));
    }
    Err(Failure::WrongUse(format!(
        "there is no {} for the image to run; build it: {}, or name another program with --zip",
        artifact::shown(&zip),
        artifact::build_command(&candidate.package, HERE)
    )))
}

/// What AWS would refuse is a mistake of who asked for it.
fn refused(error: EmulatorError) -> Failure {
    match error {
        EmulatorError::Refused { code, message } => {
            Failure::WrongUse(format!("AWS would refuse this: {code}: {message}"))
        }
        error => Failure::Failed(error.to_string()),
    }
}
