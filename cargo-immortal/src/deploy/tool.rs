//! Programs that a deployment is done with: Cargo and Docker. What they say is shown as they say it.

use std::{
    io::{ErrorKind, Write as _},
    path::Path,
    process::Stdio,
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    process::{ChildStdin, Command},
};

use crate::{aws::RegistryLogin, binary, child::ProcessGroup, failure::CommandError};

/// Builds a zip with the words of a command of `cargo lambda`.
pub(super) async fn build(command: &[String]) -> Result<(), CommandError> {
    let [program, arguments @ ..] = command else { return Ok(()) };
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| program.into());
    let mut build = Command::new(cargo);
    build.args(arguments);
    binary::forget_own_variables(&mut build);
    let missing = "cargo can't be run";
    run(build, None, missing).await?.then_some(()).ok_or_else(|| {
        CommandError::Failed(format!(
            "`{}` failed; fix what it says above. Without cargo-lambda: https://www.cargo-lambda.info",
            command.join(" ")
        ))
    })
}

/// Logs Docker in to a registry, with the password on its standard input, where no other process sees it.
pub(super) async fn log_in(registry: &str, login: &RegistryLogin) -> Result<(), CommandError> {
    let arguments = ["login", "--username", &login.user, "--password-stdin", registry];
    docker(&arguments, Some(&login.password)).await
}

/// Builds an image from its context.
pub(super) async fn build_image(image: &str, platform: &str, context: &Path) -> Result<(), CommandError> {
    let context = context.display().to_string();
    docker(&["build", "--platform", platform, "--tag", image, &context], None).await
}

pub(super) async fn push_image(image: &str) -> Result<(), CommandError> {
    docker(&["push", image], None).await
}

async fn docker(arguments: &[&str], input: Option<&str>) -> Result<(), CommandError> {
    let mut command = Command::new("docker");
    command.args(arguments);
    let missing = "docker can't be run; install Docker, or name an image that is in a registry already with \
                   --parameter Image=IMAGE";
    run(command, input, missing)
        .await?
        .then_some(())
        .ok_or_else(|| CommandError::Failed(format!("`docker {}` failed; fix what it says above", arguments.join(" "))))
}

/// Whether it succeeded.
async fn run(command: Command, input: Option<&str>, missing: &str) -> Result<bool, CommandError> {
    let unusable = |error: std::io::Error| match error.kind() {
        ErrorKind::NotFound => CommandError::WrongUse(missing.to_owned()),
        _ => CommandError::Failed(format!("{missing}: {error}")),
    };
    let stdin = if input.is_some() { Stdio::piped() } else { Stdio::null() };
    let mut group = ProcessGroup::spawn_with_input(command, stdin, Stdio::inherit()).map_err(unusable)?;
    let stdin = group.leader.stdin.take();
    let stdout = group.leader.stdout.take();
    // Standard output is this command's own result.
    let shown = async {
        if let Some(mut stdout) = stdout {
            let mut said = [0; 4096];
            loop {
                let length = stdout.read(&mut said).await?;
                if length == 0 {
                    break;
                }
                // Nobody may read it any more.
                let _ = std::io::stderr().write_all(&said[..length]);
            }
        }
        Ok(())
    };
    tokio::try_join!(write(stdin, input), shown).map_err(unusable)?;
    Ok(group.leader.wait().await.map_err(unusable)?.success())
}

async fn write(stdin: Option<ChildStdin>, input: Option<&str>) -> std::io::Result<()> {
    let (Some(mut stdin), Some(input)) = (stdin, input) else { return Ok(()) };
    match stdin.write_all(input.as_bytes()).await {
        // A program that ends before it has read all says itself why.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}
