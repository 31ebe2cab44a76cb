//! `cargo immortal runner`: the Docker context of the runner's image.

mod files;
mod plan;

use std::{fs, os::unix::fs::PermissionsExt, path::PathBuf, process::ExitCode};

use immortal_core::role::Role;

use self::plan::{BaseImage, ImagePlatforms, RunnerOffer, RunnerPlan};
use crate::{
    artifact::{self, BuildArtifact, CpuArchitecture},
    failure::CommandError,
    names,
    output::say,
    package,
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
        BuildArtifact::of_lambda(&target, &candidate)?.into_iter().collect()
    } else {
        binary.into_iter().map(BuildArtifact::read).collect::<Result<Vec<_>, _>>()?
    };
    let offers: Vec<_> = artifacts.iter().map(offer).collect();
    let plan = plan::plan(&candidate, base, arch, &offers).map_err(CommandError::WrongUse)?;

    for artifact in &artifacts {
        let path = output.join(plan.platforms.path(artifact.program.architecture));
        artifact::write(&path, &artifact.bytes)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755))
            .map_err(|error| CommandError::Failed(format!("{} can't be made executable: {error}", path.display())))?;
    }
    artifact::write(&output.join("ca-certificates.crt"), files::certificates().as_bytes())?;
    artifact::write(&output.join("directories.tar"), &files::directories())?;
    for (file, text) in files::ACCOUNTS {
        artifact::write(&output.join(file), text.as_bytes())?;
    }
    artifact::write(&output.join(".dockerignore"), files::dockerignore(&plan).as_bytes())?;
    artifact::write(&output.join("Dockerfile"), files::dockerfile(&plan).as_bytes())?;

    let output = artifact::shown(&output);
    say(&output);
    if !is_there("docker") {
        eprintln!("note: there is no docker here; install it, or take podman in its place");
    }
    eprintln!("next: {}", next(&plan, &output));
    Ok(ExitCode::SUCCESS)
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
