//! The zips of a deployment: where they lie, and which command builds them where they have to be built.

use std::path::{Path, PathBuf};

use super::{
    args::DeployArgs,
    freshness::{StaleZip, dep_infos, stale},
    packaged_template::code_paths,
    workspace::WorkspaceFiles,
};
use crate::{
    artifact::{self, BuildArtifact, CpuArchitecture, build_command, build_roles_command, roles_path, shown},
    failure::CommandError,
    package::PackageCandidate,
};

/// A zip of the deployment.
#[derive(Clone, Debug)]
pub(super) struct ZipFile {
    pub(super) path: PathBuf,
    pub(super) stale: Option<StaleZip>,
    /// The words of the command that builds it; none where the user named the zip.
    pub(super) command: Vec<String>,
    /// As the template names it; `None` where a parameter does.
    pub(super) in_template: Option<String>,
}

/// The primary's zip, and the dispatcher's where it has one of its own.
pub(super) fn zips(
    args: &DeployArgs,
    candidate: &PackageCandidate,
    target: &Path,
    workspace: &WorkspaceFiles,
    template: Option<&(PathBuf, String)>,
) -> Result<Vec<ZipFile>, CommandError> {
    let own = artifact::package_path(target, candidate);
    let own_roles = in_target(target, &roles_path(candidate));
    let architecture = processor(args, Some(&own));
    let zip = |path: PathBuf, in_template: Option<String>| {
        let command = if is_same(&path, &own) {
            build_command(candidate, architecture)
        } else if is_same(&path, &own_roles) {
            build_roles_command(candidate, architecture)
        } else {
            if !path.exists() {
                return Err(CommandError::WrongUse(format!("there is no {}", shown(&path))));
            }
            // The user's own build: it is taken as it is.
            return Ok(ZipFile { path, stale: None, command: Vec::new(), in_template });
        };
        let command = command.split(' ').map(|word| in_target(target, word).display().to_string()).collect();
        let stale = other_processor(&path, architecture)
            .or_else(|| stale(&path, &dep_infos(target, &candidate.bin, architecture), &workspace.build_files));
        Ok(ZipFile { path, stale, command, in_template })
    };
    let named_in_template = template.map(|(path, text)| (path.parent().unwrap_or(Path::new(".")), code_paths(text)));
    if let Some((directory, paths)) = named_in_template.filter(|(_, paths)| !paths.is_empty()) {
        return paths.into_iter().map(|path| zip(directory.join(&path), Some(path))).collect();
    }
    let slim = candidate.role_features.is_some();
    let dispatcher = args.options.dispatcher_zip.clone().or_else(|| slim.then(|| own_roles.clone()));
    let paths = [Some(args.options.zip.clone().unwrap_or_else(|| own.clone())), dispatcher];
    let absolute = |path: PathBuf| std::path::absolute(&path).unwrap_or(path);
    let named = |path: PathBuf| zip(path.clone(), Some(absolute(path).display().to_string()));
    paths.into_iter().flatten().map(named).collect()
}

/// A path or a word of a command, of which what begins with `target/` lies in Cargo's target directory.
fn in_target(target: &Path, word: &str) -> PathBuf {
    word.strip_prefix("target/").map_or_else(|| word.into(), |rest| target.join(rest))
}

fn is_same(path: &Path, other: &Path) -> bool {
    let real = |path: &Path| path.canonicalize().or_else(|_| std::path::absolute(path)).ok();
    real(path) == real(other)
}

/// The processor that was asked for, else the one of the zip that is there.
pub(super) fn processor(args: &DeployArgs, zip: Option<&Path>) -> CpuArchitecture {
    let built = zip.and_then(|zip| BuildArtifact::read(zip.to_owned()).ok());
    args.options.arch.or(built.map(|built| built.program.architecture)).unwrap_or(CpuArchitecture::X86_64)
}

fn other_processor(zip: &Path, wanted: CpuArchitecture) -> Option<StaleZip> {
    let built = BuildArtifact::read(zip.to_owned()).ok()?.program.architecture;
    (built != wanted).then_some(StaleZip::OtherProcessor(built))
}
