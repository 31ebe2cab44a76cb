//! What `cargo lambda build` made: where it lies, for which machine it is, and what that machine must have.

mod program;
mod roles;

use std::{
    fs,
    io::{Cursor, ErrorKind, Read},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use cargo_metadata::MetadataCommand;
use immortal_core::role::Role;
use tempfile::TempDir;

pub(crate) use self::{
    program::{BuiltProgram, CpuArchitecture, HERE},
    roles::is_linked,
};
use crate::{
    failure::CommandError,
    package::{FRAMEWORK, PackageCandidate, role_features},
};

/// Where Cargo, and so `cargo lambda` and we, put what was built.
pub(crate) fn target_directory() -> Result<PathBuf, CommandError> {
    let metadata = MetadataCommand::new().no_deps().exec();
    let unknown = |error| CommandError::WrongUse(format!("cargo can't say where its target directory is: {error}"));
    Ok(metadata.map_err(unknown)?.target_directory.into_std_path_buf())
}

/// A program that was built, and read.
#[derive(Debug)]
pub(crate) struct BuildArtifact {
    pub(crate) path: PathBuf,
    pub(crate) bytes: Vec<u8>,
    pub(crate) program: BuiltProgram,
}

/// A program that came in a zip, where it can be run.
#[derive(Debug)]
pub(crate) struct UnpackedArtifact {
    pub(crate) executable: PathBuf,
    _directory: TempDir,
}

/// Where [`build_command`] puts the package of a binary.
pub(crate) fn package_path(target: &Path, candidate: &PackageCandidate) -> PathBuf {
    let directory = candidate.lambda_dir.as_ref().and_then(|directory| directory.strip_prefix("target/"));
    target.join(directory.unwrap_or("lambda")).join(&candidate.bin).join("bootstrap.zip")
}

impl BuildArtifact {
    /// What `cargo lambda build` made of this binary, zipped or not; `None` if it wasn't asked to yet.
    pub(crate) fn from_lambda(target: &Path, candidate: &PackageCandidate) -> Result<Option<Self>, CommandError> {
        let zip = package_path(target, candidate);
        let plain = zip.with_extension("");
        for path in [zip, plain] {
            if path.exists() {
                return Self::read(path).map(Some);
            }
        }
        Ok(None)
    }

    /// Reads a program, or the `bootstrap` in a zip.
    pub(crate) fn read(path: PathBuf) -> Result<Self, CommandError> {
        let unreadable = |error| CommandError::WrongUse(format!("{} can't be read: {error}", path.display()));
        let mut bytes = fs::read(&path).map_err(unreadable)?;
        if bytes.starts_with(b"PK") {
            bytes = bootstrap(bytes)
                .map_err(|error| CommandError::WrongUse(format!("{} holds no bootstrap: {error}", path.display())))?;
        }
        let unfit = |reason| CommandError::WrongUse(format!("{} {reason}", path.display()));
        let program = BuiltProgram::read(&bytes).map_err(unfit)?;
        Ok(Self { path, bytes, program })
    }

    pub(crate) fn has_role(&self, role: Role) -> bool {
        roles::is_linked(&self.bytes, role)
    }

    pub(crate) fn unpack(&self) -> Result<UnpackedArtifact, CommandError> {
        if !self.program.runs_here() {
            return Err(CommandError::WrongUse(format!(
                "{} is for {}, and can't run on this machine",
                self.path.display(),
                self.program.architecture
            )));
        }
        let unwritable = |error| CommandError::Failed(format!("the program can't be unpacked: {error}"));
        let directory = tempfile::tempdir().map_err(unwritable)?;
        let executable = directory.path().join("bootstrap");
        fs::write(&executable, &self.bytes).map_err(unwritable)?;
        fs::set_permissions(&executable, fs::Permissions::from_mode(0o755)).map_err(unwritable)?;
        Ok(UnpackedArtifact { executable, _directory: directory })
    }
}

fn bootstrap(zip: Vec<u8>) -> Result<Vec<u8>, zip::result::ZipError> {
    let mut archive = zip::ZipArchive::new(Cursor::new(zip))?;
    let mut bytes = Vec::new();
    archive.by_name("bootstrap")?.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The command that builds what is missing.
pub(crate) fn build_command(candidate: &PackageCandidate, architecture: CpuArchitecture) -> String {
    let directory = candidate.lambda_dir.as_ref().map(|directory| format!(" --lambda-dir {directory}"));
    format!("{}{}", build(candidate, architecture), directory.unwrap_or_default())
}

fn build(PackageCandidate { package, .. }: &PackageCandidate, architecture: CpuArchitecture) -> String {
    let architecture = match architecture {
        CpuArchitecture::X86_64 => "",
        CpuArchitecture::Arm64 => " --arm64",
    };
    format!("cargo lambda build --release --output-format zip{architecture} -p {package}")
}

/// The command that builds all roles of a package that leaves them out, beside the primary's program.
pub(crate) fn build_roles_command(candidate: &PackageCandidate, architecture: CpuArchitecture) -> String {
    let features = role_features(FRAMEWORK);
    format!("{} --features {features} --lambda-dir {}", build(candidate, architecture), roles_directory(candidate))
}

/// Where that command puts the zip.
pub(crate) fn roles_path(candidate: &PackageCandidate) -> String {
    format!("{}/{}/bootstrap.zip", roles_directory(candidate), candidate.bin)
}

fn roles_directory(candidate: &PackageCandidate) -> String {
    let own = candidate.lambda_dir.as_ref().map(|_| format!("/{}", candidate.name));
    format!("target/dispatcher{}", own.unwrap_or_default())
}

/// Refuses to replace what a person may have changed.
pub(crate) fn may_write(path: &Path, force: bool) -> Result<(), CommandError> {
    if !force && path.exists() {
        return Err(CommandError::WrongUse(format!(
            "{} exists already, and may hold changes of yours; replace it with --force, or write to another place with \
             --output",
            path.display()
        )));
    }
    Ok(())
}

/// Writes a file, and the directories above it.
pub(crate) fn write(path: &Path, contents: &[u8]) -> Result<(), CommandError> {
    let parent = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(parent).and_then(|()| fs::write(path, contents)).map_err(|error| {
        let message = format!("{} can't be written: {error}", path.display());
        match error.kind() {
            ErrorKind::NotADirectory | ErrorKind::IsADirectory => CommandError::WrongUse(message),
            _ => CommandError::Failed(message),
        }
    })
}

/// A path as the user would write it: relative to the current directory, if it lies in it.
pub(crate) fn shown(path: &Path) -> String {
    let here = std::env::current_dir().unwrap_or_default();
    path.strip_prefix(here).unwrap_or(path).display().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::package::example;

    #[test]
    fn binaries_of_one_name_are_built_into_directories_of_their_own() {
        let shared = PackageCandidate {
            name: "orders".into(),
            lambda_dir: Some("target/lambda/orders".into()),
            ..example("orders", "bootstrap")
        };
        let (command, path) = (build_command(&shared, CpuArchitecture::X86_64), package_path(Path::new("/t"), &shared));
        assert!(command.ends_with(" -p orders --lambda-dir target/lambda/orders"), "{command}");
        assert_eq!(path, Path::new("/t/lambda/orders/bootstrap/bootstrap.zip"));
        let (command, path) = (build_roles_command(&shared, CpuArchitecture::X86_64), roles_path(&shared));
        assert!(command.ends_with(" --lambda-dir target/dispatcher/orders"), "{command}");
        assert_eq!(path, "target/dispatcher/orders/bootstrap/bootstrap.zip");
    }

    #[test]
    fn a_program_is_found_zipped_or_plain() {
        let hello = example("hello", "hello");
        let target = tempfile::tempdir().expect("a temporary directory");
        assert!(BuildArtifact::from_lambda(target.path(), &hello).expect("nothing is no failure").is_none());

        let program = program::tests::elf(62, true, &[]);
        let plain = target.path().join("plain");
        write(&plain, &program).expect("writes");
        let zip = crate::binary::package(&plain).expect("packs");
        write(&package_path(target.path(), &hello), &zip).expect("writes");
        let artifact = BuildArtifact::from_lambda(target.path(), &hello).expect("readable").expect("there");
        assert_eq!((artifact.bytes, artifact.program.architecture), (program, CpuArchitecture::X86_64));
    }

    #[test]
    fn what_is_no_program_is_named() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path().join("bootstrap");
        for (contents, expected) in
            [(b"PK\x03\x04".as_slice(), "holds no bootstrap"), (b"#!/bin/sh\n", "is not a Linux executable")]
        {
            write(&path, contents).expect("writes");
            let failure = BuildArtifact::read(path.clone()).expect_err("no program").to_string();
            assert!(failure.contains(expected) && failure.contains("bootstrap"), "{failure}");
        }
    }

    #[test]
    fn nothing_is_replaced_unasked() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path().join("a/template.yaml");
        may_write(&path, false).expect("there is nothing");
        write(&path, b"mine").expect("writes");
        let failure = may_write(&path, false).expect_err("it exists").to_string();
        assert!(failure.contains("--force") && failure.contains("--output"), "{failure}");
        may_write(&path, true).expect("asked for");
    }
}
