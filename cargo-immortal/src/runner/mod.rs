//! `cargo immortal runner`: the Docker context of the runner's image.

mod files;
mod plan;

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::ExitCode,
};

use immortal_core::role::Role;

pub(crate) use self::plan::BaseImage;
use self::plan::{ImagePlatforms, RunnerOffer, RunnerPlan};
use crate::{
    artifact::{self, BuildArtifact, CpuArchitecture},
    failure::CommandError,
    names,
    output::print_line,
    package::{self, PackageCandidate},
};

/// What to write a Docker context of.
#[derive(Debug, clap::Args)]
pub(crate) struct RunnerArgs {
    /// The package with the handler, as NAME or NAME@VERSION
    #[arg(short, long)]
    package: Option<String>,
    /// Its binary, where it has more than one
    #[arg(long)]
    bin: Option<String>,
    /// The image to build on; `scratch` for a static program
    #[arg(long, value_name = "IMAGE", default_value_t = BaseImage::Lambda)]
    base: BaseImage,
    /// The processor of the tasks [default: the program's]
    #[arg(long, value_name = "ARCH")]
    arch: Option<CpuArchitecture>,
    /// The program, or a zip that holds it; once for each processor [default: target/lambda/NAME/bootstrap.zip]
    #[arg(long, value_name = "PATH")]
    binary: Vec<PathBuf>,
    /// Where to write the context [default: target/immortal/NAME/runner]
    #[arg(short, long, value_name = "PATH")]
    output: Option<PathBuf>,
    /// Replace the context that is there
    #[arg(long)]
    force: bool,
}

#[allow(clippy::unused_async, reason = "called as every command is")]
pub(crate) async fn run(args: RunnerArgs) -> Result<ExitCode, CommandError> {
    let RunnerArgs { package, bin, base, arch, binary, output, force } = args;
    let candidate = package::find(&package::PackageSelection { package, bin, release: false })?;
    let target = artifact::target_directory()?;
    let output = output.unwrap_or_else(|| target.join("immortal").join(&candidate.name).join("runner"));
    artifact::may_write(&output.join("Dockerfile"), force)?;

    let artifacts = if binary.is_empty() {
        BuildArtifact::from_lambda(&target, &candidate)?.into_iter().collect()
    } else {
        binary.into_iter().map(BuildArtifact::read).collect::<Result<Vec<_>, _>>()?
    };
    let context = RunnerContext::new(&candidate, base, arch, artifacts.iter().collect())?;
    context.write(&output)?;
    let RunnerContext { plan, .. } = context;

    let output = artifact::shown(&output);
    print_line(&output);
    if !is_there("docker") {
        eprintln!("note: there is no docker here; install it, or take podman in its place");
    }
    eprintln!("next: {}", next(&plan, &output));
    Ok(ExitCode::SUCCESS)
}

/// A Docker context of the runner's image.
#[derive(Debug)]
pub(crate) struct RunnerContext<'a> {
    plan: RunnerPlan,
    artifacts: Vec<&'a BuildArtifact>,
}

impl<'a> RunnerContext<'a> {
    /// The context of these programs, if they fit together and to the base.
    pub(crate) fn new(
        candidate: &PackageCandidate,
        base: BaseImage,
        arch: Option<CpuArchitecture>,
        artifacts: Vec<&'a BuildArtifact>,
    ) -> Result<Self, CommandError> {
        let offers: Vec<_> = artifacts.iter().map(|artifact| offer(artifact)).collect();
        let plan = plan::plan(candidate, base, arch, &offers).map_err(CommandError::WrongUse)?;
        Ok(Self { plan, artifacts })
    }

    /// Writes it into a directory.
    pub(crate) fn write(&self, output: &Path) -> Result<(), CommandError> {
        for artifact in &self.artifacts {
            let path = output.join(self.plan.platforms.path(artifact.program.architecture));
            artifact::write(&path, &artifact.bytes)?;
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).map_err(|error| {
                CommandError::Failed(format!("{} can't be made executable: {error}", path.display()))
            })?;
        }
        for (file, contents) in fixed_files(&self.plan) {
            artifact::write(&output.join(file), &contents)?;
        }
        Ok(())
    }
}

/// All files of an image for one processor but its program, which are the same for each function.
#[cfg(feature = "aws")]
pub(crate) fn files_without_program(base: BaseImage, architecture: CpuArchitecture) -> BTreeMap<String, Vec<u8>> {
    fixed_files(&RunnerPlan { name: "a function".to_owned(), base, platforms: ImagePlatforms::One(architecture) })
}

fn fixed_files(plan: &RunnerPlan) -> BTreeMap<String, Vec<u8>> {
    let accounts = files::ACCOUNTS.map(|(file, text)| (file.to_owned(), text.as_bytes().to_vec()));
    let others = [
        ("ca-certificates.crt", files::certificates().into_bytes()),
        ("directories.tar", files::directories()),
        (".dockerignore", files::dockerignore(plan).into_bytes()),
        ("Dockerfile", files::dockerfile(plan).into_bytes()),
    ];
    accounts.into_iter().chain(others.map(|(file, contents)| (file.to_owned(), contents))).collect()
}

fn offer(artifact: &BuildArtifact) -> RunnerOffer<'_> {
    RunnerOffer {
        path: &artifact.path,
        program: artifact.program,
        immortal: artifact.has_role(Role::Handler),
        runner: artifact.has_role(Role::Runner),
    }
}

fn next(plan: &RunnerPlan, output: &str) -> String {
    let image = names::repository(&plan.name);
    match plan.platforms {
        ImagePlatforms::One(architecture) => {
            format!("docker build --platform linux/{} -t {image} {output}", architecture.docker())
        }
        ImagePlatforms::Both => {
            format!("docker buildx build --platform linux/amd64,linux/arm64 -t REGISTRY/{image} --push {output}")
        }
    }
}

fn is_there(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|directory| directory.join(program).is_file())
}
