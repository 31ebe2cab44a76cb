//! The zips that the template names, as far as they are built yet: which processor they are for, and what they describe.

use std::path::Path;

use immortal_core::{manifest::Manifest, role::Role};

use crate::{
    artifact::{BuildArtifact, CpuArchitecture, build_command, build_roles_command, shown},
    binary::{self, LinkedRoles},
    describe::describe,
    failure::CommandError,
    package::PackageCandidate,
    pair,
    value::EnvVariable,
};

/// The packages of a deployment.
#[derive(Debug)]
pub(crate) struct ZipPackages {
    /// The primary's, and the dispatcher's where that one has none of its own.
    pub(crate) primary: Option<BuildArtifact>,
    pub(crate) dispatcher: Option<BuildArtifact>,
}

impl ZipPackages {
    /// Reads those that are there; the dispatcher's own must be, and the primary's beside it.
    pub(crate) fn read(
        zip: &Path,
        dispatcher_zip: Option<&Path>,
        candidate: &PackageCandidate,
    ) -> Result<Self, CommandError> {
        let read = |path: &Path| path.exists().then(|| BuildArtifact::read(path.to_owned())).transpose();
        let packages = Self { primary: read(zip)?, dispatcher: dispatcher_zip.map_or(Ok(None), read)? };
        if let Some(dispatcher_zip) = dispatcher_zip {
            let architecture = packages.dispatcher.as_ref().or(packages.primary.as_ref());
            let architecture = architecture.map_or(CpuArchitecture::X86_64, |built| built.program.architecture);
            let missing =
                |path, build| Err(CommandError::WrongUse(format!("there is no {}; build it: {build}", shown(path))));
            if packages.primary.is_none() {
                return missing(zip, build_command(candidate, architecture));
            }
            if packages.dispatcher.is_none() {
                return missing(dispatcher_zip, build_roles_command(candidate, architecture));
            }
        }
        if let Some(dispatcher) = packages.with_roles() {
            pair::require(Role::Dispatcher, dispatcher, candidate)?;
        }
        Ok(packages)
    }

    /// The processor that was asked for, which must be the one that the packages are for.
    pub(crate) fn architecture(
        &self,
        asked: Option<CpuArchitecture>,
        candidate: &PackageCandidate,
    ) -> Result<CpuArchitecture, String> {
        let of = |built: &Option<BuildArtifact>| built.as_ref().map(|built| built.program.architecture);
        let wanted = asked.or(of(&self.primary)).unwrap_or(CpuArchitecture::X86_64);
        let commands: [fn(&PackageCandidate, CpuArchitecture) -> String; 2] = [build_command, build_roles_command];
        for (built, command) in [&self.primary, &self.dispatcher].into_iter().zip(commands) {
            if let Some(BuildArtifact { path, program, .. }) = built
                && program.architecture != wanted
            {
                return Err(format!(
                    "{} is for {}, and not for {wanted}; build it again: {}",
                    shown(path),
                    program.architecture,
                    command(candidate, wanted)
                ));
            }
        }
        Ok(wanted)
    }

    /// What the packages themselves say, where this machine can run them; else a build of the source.
    #[cfg(feature = "aws")]
    pub(crate) async fn describe_built(
        &self,
        candidate: &PackageCandidate,
        variables: &[EnvVariable],
    ) -> Result<Manifest, CommandError> {
        match (&self.primary, &self.dispatcher) {
            (Some(primary), None) if primary.program.runs_here() => {
                describe(&primary.unpack()?.executable, &shown(&primary.path), variables).await
            }
            _ => self.describe(candidate, false, variables).await,
        }
    }

    /// The one that has the dispatcher's and the runner's roles.
    pub(crate) fn with_roles(&self) -> Option<&BuildArtifact> {
        self.dispatcher.as_ref().or(self.primary.as_ref())
    }

    /// What two packages say of themselves, or else a build of the source for this machine.
    pub(crate) async fn describe(
        &self,
        candidate: &PackageCandidate,
        release: bool,
        variables: &[EnvVariable],
    ) -> Result<Manifest, CommandError> {
        if let (Some(primary), Some(dispatcher)) = (&self.primary, &self.dispatcher) {
            if primary.program.runs_here() {
                let unpacked = (primary.unpack()?, dispatcher.unpack()?);
                let (primary, dispatcher) = ((primary, &unpacked.0), (dispatcher, &unpacked.1));
                return pair::describe(primary, dispatcher, candidate, variables).await;
            }
            eprintln!(
                "note: {} and {} can't run on this machine, which is why nothing was compared; build both from the source \
                 as it is now",
                shown(&primary.path),
                shown(&dispatcher.path)
            );
        }
        let executable = binary::build(candidate, LinkedRoles::Declared, release).await?;
        describe(&executable, &shown(&executable), variables).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::artifact::BuiltProgram;

    #[test]
    fn the_packages_decide_the_processor() {
        use CpuArchitecture::{Arm64, X86_64};
        let built = |path: &str, architecture| BuildArtifact {
            path: path.into(),
            bytes: Vec::new(),
            program: BuiltProgram { architecture, dynamic: true, glibc: Some(34) },
        };
        let primary = |architecture| Some(built("primary.zip", architecture));
        let dispatcher = |architecture| Some(built("dispatcher.zip", architecture));
        let command = "cargo lambda build --release --output-format zip";
        let hello = crate::package::example("hello", "hello");
        let table = [
            (None, None, None, Ok(X86_64)),
            (Some(Arm64), None, None, Ok(Arm64)),
            (None, primary(Arm64), None, Ok(Arm64)),
            (Some(X86_64), primary(X86_64), None, Ok(X86_64)),
            (None, primary(Arm64), dispatcher(Arm64), Ok(Arm64)),
            (
                Some(Arm64),
                primary(X86_64),
                None,
                Err(format!(
                    "primary.zip is for x86_64, and not for arm64; build it again: {command} --arm64 -p hello"
                )),
            ),
            (
                None,
                primary(X86_64),
                dispatcher(Arm64),
                Err(format!(
                    "dispatcher.zip is for arm64, and not for x86_64; build it again: {}",
                    build_roles_command(&hello, X86_64)
                )),
            ),
        ];
        for (asked, primary, dispatcher, expected) in table {
            assert_eq!(ZipPackages { primary, dispatcher }.architecture(asked, &hello), expected);
        }
    }
}
