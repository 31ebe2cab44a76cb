//! What Cargo says of the workspace, as far as a deployment asks.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use cargo_metadata::{Metadata, MetadataCommand, camino::Utf8PathBuf};

use super::runner_version::{RunnerSources, framework_sources};
use crate::{
    artifact::CpuArchitecture,
    failure::CommandError,
    package::{FRAMEWORK, PackageCandidate},
    runner::{BaseImage, files_without_program},
};

/// The files that decide a build beside the sources, and where the framework comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct WorkspaceFiles {
    /// `Cargo.lock`.
    lock: PathBuf,
    /// The lock file, and the manifests of workspace and package.
    pub(super) build_files: Vec<PathBuf>,
    /// The framework's directory, where it comes from one.
    framework: Option<PathBuf>,
}

impl WorkspaceFiles {
    pub(super) fn locate(candidate: &PackageCandidate) -> Result<Self, CommandError> {
        let metadata = MetadataCommand::new().no_deps().exec();
        let unknown = |error| CommandError::WrongUse(format!("cargo can't say what is in this workspace: {error}"));
        Ok(Self::read(&metadata.map_err(unknown)?, candidate))
    }

    fn read(metadata: &Metadata, candidate: &PackageCandidate) -> Self {
        let root = metadata.workspace_root.as_std_path();
        let package = metadata.packages.iter().find(|package| package.id.repr == candidate.id);
        let manifest = package.map(|package| package.manifest_path.clone().into_std_path_buf());
        let dependency =
            package.and_then(|package| package.dependencies.iter().find(|dependency| dependency.name == FRAMEWORK));
        let framework = dependency.and_then(|dependency| dependency.path.clone());
        let lock = root.join("Cargo.lock");
        let build_files = [lock.clone(), root.join("Cargo.toml")].into_iter().chain(manifest).collect();
        Self { lock, build_files, framework: framework.map(Utf8PathBuf::into_std_path_buf) }
    }

    /// The tag of the image of the runner that this workspace builds; `None` where nothing is locked yet.
    pub(super) fn runner_tag(
        &self,
        base: BaseImage,
        architecture: CpuArchitecture,
    ) -> Result<Option<String>, CommandError> {
        let Ok(lock) = fs::read_to_string(&self.lock) else { return Ok(None) };
        let framework = match &self.framework {
            Some(framework) => sources_in(framework)?,
            None => BTreeMap::new(),
        };
        let context = files_without_program(base, architecture);
        Ok(RunnerSources { lock: &lock, framework: &framework, context: &context }.tag())
    }
}

fn sources_in(framework: &Path) -> Result<BTreeMap<PathBuf, Vec<u8>>, CommandError> {
    framework_sources(framework).map_err(|error| {
        CommandError::WrongUse(format!("the sources of {FRAMEWORK} in {} can't be read: {error}", framework.display()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::package::{PackageSelection, find};

    #[test]
    fn a_workspace_with_the_framework_in_it() {
        let selection = PackageSelection { package: Some("hello".into()), ..PackageSelection::default() };
        let hello = find(&selection).expect("an example of this workspace");
        let files = WorkspaceFiles::locate(&hello).expect("this workspace");
        let names: Vec<_> = files.build_files.iter().filter(|path| path.exists()).collect();
        assert_eq!(names.len(), 3, "{names:?}");
        assert!(files.build_files[2].ends_with("examples/hello/Cargo.toml"), "{names:?}");

        let tag = |base, architecture| files.runner_tag(base, architecture).expect("readable").expect("locked");
        let own = tag(BaseImage::Lambda, CpuArchitecture::X86_64);
        assert!(own.starts_with(env!("CARGO_PKG_VERSION")), "{own}");
        assert_eq!(own, tag(BaseImage::Lambda, CpuArchitecture::X86_64), "the same runner has one tag");
        assert_ne!(own, tag(BaseImage::Scratch, CpuArchitecture::X86_64));
        assert_ne!(own, tag(BaseImage::Lambda, CpuArchitecture::Arm64));
    }
}
