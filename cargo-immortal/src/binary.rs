//! The handler's binary: built by Cargo, packed as Lambda takes it.

use std::{
    ffi::OsString,
    io::{Cursor, Write},
    path::{Path, PathBuf},
    process::Stdio,
};

use cargo_metadata::{Message, TargetKind};
use tokio::{io::AsyncReadExt, process::Command};
use zip::{ZipWriter, write::SimpleFileOptions};

use crate::{child::ProcessGroup, failure::CommandError, package::PackageCandidate};

/// Which roles a binary is built with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LinkedRoles {
    /// Those that its package declares.
    Declared,
    All,
}

/// Builds it; what Cargo has to say goes to standard error as Cargo writes it.
pub(crate) async fn build(
    candidate: &PackageCandidate,
    roles: LinkedRoles,
    release: bool,
) -> Result<PathBuf, CommandError> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(["rustc", "--message-format=json-render-diagnostics"]);
    command.args(["--package", &candidate.id, "--bin", &candidate.bin]);
    if let (LinkedRoles::All, Some(features)) = (roles, &candidate.role_features) {
        command.args(["--features", features]);
    }
    if release {
        command.arg("--release");
    } else {
        // With the debug information of an AWS client, a program is larger than Lambda takes. Left out when it is linked,
        // so that nothing else is built again.
        command.args(["--", "-C", "strip=debuginfo"]);
    }
    forget_own_variables(&mut command);
    let unusable = |error: std::io::Error| CommandError::WrongUse(format!("cargo can't be run: {error}"));
    let (succeeded, output) = output(command).await.map_err(unusable)?;
    if !succeeded {
        return Err(CommandError::WrongUse(format!("{} doesn't build; fix what cargo says above", candidate.package)));
    }
    executable(&output, &candidate.bin)
        .ok_or_else(|| CommandError::Failed(format!("cargo built {}, but names no executable", candidate.bin)))
}

/// Where `cargo run` started this command: build scripts that watch what Cargo says of a package would run again.
pub(crate) fn forget_own_variables(command: &mut Command) {
    let ours = |name: &OsString| {
        ["CARGO_PKG_", "CARGO_MANIFEST_"].iter().any(|prefix| name.to_string_lossy().starts_with(prefix))
    };
    for (name, _) in std::env::vars_os().filter(|(name, _)| ours(name)) {
        command.env_remove(name);
    }
}

fn executable(messages: &[u8], bin: &str) -> Option<PathBuf> {
    let artifact = |message| match message {
        Ok(Message::CompilerArtifact(artifact)) => Some(artifact),
        _ => None,
    };
    let artifacts = Message::parse_stream(Cursor::new(messages)).filter_map(artifact);
    let mut ours = artifacts.filter(|artifact| {
        artifact.target.name == bin && artifact.target.kind.contains(&TargetKind::Bin) && !artifact.profile.test
    });
    Some(ours.find_map(|artifact| artifact.executable)?.into_std_path_buf())
}

async fn output(command: Command) -> std::io::Result<(bool, Vec<u8>)> {
    let mut group = ProcessGroup::spawn(command, Stdio::inherit())?;
    let mut output = Vec::new();
    if let Some(mut stdout) = group.leader.stdout.take() {
        stdout.read_to_end(&mut output).await?;
    }
    Ok((group.leader.wait().await?.success(), output))
}

/// Packs it as Lambda takes it: one executable `bootstrap`.
///
/// Stored, not deflated: nothing is sent anywhere, and the package is read once per life.
pub(crate) fn package(executable: &Path) -> Result<Vec<u8>, CommandError> {
    let unreadable = |error| CommandError::Failed(format!("{} can't be read: {error}", executable.display()));
    let bytes = std::fs::read(executable).map_err(unreadable)?;
    let options =
        SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored).unix_permissions(0o755);
    let mut writer = ZipWriter::new(Cursor::new(Vec::with_capacity(bytes.len() + 512)));
    let packed = writer
        .start_file("bootstrap", options)
        .and_then(|()| Ok(writer.write_all(&bytes)?))
        .and_then(|()| writer.finish());
    let unpacked = |error| CommandError::Failed(format!("{} can't be zipped: {error}", executable.display()));
    Ok(packed.map_err(unpacked)?.into_inner())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_package_holds_one_executable_bootstrap() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path().join("ingest");
        std::fs::write(&path, b"\x7fELF").expect("a small file");
        let zip = package(&path).expect("packs");
        let mut archive = zip::ZipArchive::new(Cursor::new(zip)).expect("a zip");
        assert_eq!(archive.len(), 1);
        let mut file = archive.by_name("bootstrap").expect("the bootstrap");
        assert_eq!(file.unix_mode().map(|mode| mode & 0o777), Some(0o755));
        let mut bytes = Vec::new();
        std::io::Read::read_to_end(&mut file, &mut bytes).expect("reads");
        assert_eq!(bytes, b"\x7fELF");
    }

    #[test]
    fn the_executable_is_the_binarys_own() {
        let artifact = |name: &str, kind: &str, executable: &str| {
            format!(
                r#"{{"reason":"compiler-artifact","package_id":"p","manifest_path":"/p/Cargo.toml","target":{{"kind":["{kind}"],"crate_types":["bin"],"name":"{name}","src_path":"/p/main.rs","edition":"2024","doc":true,"doctest":false,"test":true}},"profile":{{"opt_level":"0","debuginfo":2,"debug_assertions":true,"overflow_checks":true,"test":false}},"features":[],"filenames":[],"executable":{executable},"fresh":true}}"#
            )
        };
        let messages = [
            artifact("ingest", "lib", "null"),
            artifact("other", "bin", r#""/t/other""#),
            r#"{"reason":"something-new"}"#.to_owned(),
            artifact("ingest", "bin", r#""/t/ingest""#),
        ];
        assert_eq!(executable(messages.join("\n").as_bytes(), "ingest"), Some("/t/ingest".into()));
        assert_eq!(executable(b"", "ingest"), None);
    }
}
