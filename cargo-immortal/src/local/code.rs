//! The function's code: built with all roles, or the packages that were given.

use std::path::PathBuf;

use bytes::Bytes;
use immortal_core::{manifest::Manifest, role::Role};

use super::LocalArgs;
use crate::{
    artifact::{self, BuildArtifact, HERE, UnpackedArtifact},
    binary::{self, LinkedRoles},
    describe::describe,
    failure::CommandError,
    package::PackageCandidate,
    pair,
};

/// What the Lambda functions and the tasks run.
#[derive(Debug)]
pub(super) struct DeployedCode {
    pub(super) manifest: Manifest,
    pub(super) primary: CodeZip,
    dispatcher: Option<CodeZip>,
}

/// A program as one to run here, and as Lambda takes it.
#[derive(Debug)]
pub(super) struct CodeZip {
    pub(super) executable: PathBuf,
    pub(super) zip: Bytes,
    /// Where the executable lies, if it was given.
    _unpacked: Option<UnpackedArtifact>,
}

impl DeployedCode {
    pub(super) async fn get(args: &LocalArgs, candidate: &PackageCandidate) -> Result<Self, CommandError> {
        let Some(path) = given(args, candidate)? else {
            let executable = binary::build(candidate, LinkedRoles::All, args.selection.release).await?;
            let manifest = describe(&executable, &artifact::shown(&executable), &args.env).await?;
            return Ok(Self { manifest, primary: CodeZip::new(executable, None)?, dispatcher: None });
        };
        let primary = BuildArtifact::read(path)?;
        let dispatcher = args.dispatcher_zip.clone().map(BuildArtifact::read).transpose()?;
        let with_roles = dispatcher.as_ref().unwrap_or(&primary);
        pair::require(Role::Dispatcher, with_roles, candidate)?;
        if args.docker.is_none() {
            pair::require(Role::Runner, with_roles, candidate)?;
        }
        let unpacked = primary.unpack()?;
        let Some(dispatcher) = dispatcher else {
            let manifest = describe(&unpacked.executable, &artifact::shown(&primary.path), &args.env).await?;
            return Ok(Self { manifest, primary: CodeZip::given(unpacked)?, dispatcher: None });
        };
        let other = dispatcher.unpack()?;
        let manifest = pair::describe((&primary, &unpacked), (&dispatcher, &other), candidate, &args.env).await?;
        Ok(Self { manifest, primary: CodeZip::given(unpacked)?, dispatcher: Some(CodeZip::given(other)?) })
    }

    /// What dispatcher and runner run.
    pub(super) fn dispatcher_zip(&self) -> &CodeZip {
        self.dispatcher.as_ref().unwrap_or(&self.primary)
    }
}

impl CodeZip {
    fn given(unpacked: UnpackedArtifact) -> Result<Self, CommandError> {
        Self::new(unpacked.executable.clone(), Some(unpacked))
    }

    fn new(executable: PathBuf, unpacked: Option<UnpackedArtifact>) -> Result<Self, CommandError> {
        let zip = binary::package(&executable)?.into();
        Ok(Self { executable, zip, _unpacked: unpacked })
    }
}

/// The program that is there already. What runs in an image must have been built for one: not by this machine's linker.
fn given(args: &LocalArgs, candidate: &PackageCandidate) -> Result<Option<PathBuf>, CommandError> {
    if args.zip.is_some() || args.docker.is_none() {
        return Ok(args.zip.clone());
    }
    let zip = artifact::package_path(&artifact::target_directory()?, candidate);
    if zip.exists() {
        return Ok(Some(zip));
    }
    Err(CommandError::WrongUse(format!(
        "there is no {} for the image to run; build it: {}, or name another program with --zip",
        artifact::shown(&zip),
        artifact::build_command(candidate, HERE)
    )))
}
