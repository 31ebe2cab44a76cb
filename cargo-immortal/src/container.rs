//! A task as a container: what `cargo immortal local --docker` has the emulator start in place of a process.
//!
//! The emulator starts, signals and kills processes. This one becomes the Docker client, which passes signals on and ends
//! with the container's exit code. What a client can't do is to end its container when it is killed itself: a second
//! process, out of the emulator's reach, waits for the client's end and removes whatever it left.

use std::{
    convert::Infallible,
    io::{self, Read},
    os::{
        fd::{AsFd, IntoRawFd},
        unix::process::CommandExt,
    },
    process::{Command, ExitCode, Stdio},
};

use immortal_core::names::env;
use rustix::io::{FdFlags, fcntl_setfd};

use crate::failure::CommandError;

/// Which container.
#[derive(Debug, clap::Args)]
pub(crate) struct ContainerArgs {
    /// The image to run
    #[arg(long, conflicts_with = "remove")]
    image: Option<String>,
    /// The container to remove when standard input ends
    #[arg(long)]
    remove: Option<String>,
}

/// What a task's process needs here, and its container has no use for.
const OURS: [&str; 5] = ["PATH", "HOME", "TMPDIR", env::TASK_ROOT, env::LAYER_ROOT];

pub(crate) fn run(args: &ContainerArgs) -> Result<ExitCode, CommandError> {
    match (&args.image, &args.remove) {
        (Some(image), _) => {
            let Err(error) = start(image);
            Err(CommandError::Failed(format!("docker can't be run: {error}")))
        }
        (None, Some(name)) => {
            remove(name).map_err(|error| CommandError::Failed(format!("docker can't be run: {error}")))?;
            Ok(ExitCode::SUCCESS)
        }
        (None, None) => Err(CommandError::WrongUse("either --image or --remove is needed".to_owned())),
    }
}

/// Makes sure that there are an engine and the image, before anything is built.
pub(crate) async fn ready(image: &str) -> Result<(), CommandError> {
    let inspect = tokio::process::Command::new("docker").args(["image", "inspect", image]).output().await;
    let said = match inspect {
        Ok(output) if output.status.success() => return Ok(()),
        Ok(output) => String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(CommandError::WrongUse(
                "there is no docker here; install it, or leave out --docker: tasks are processes then".to_owned(),
            ));
        }
        Err(error) => error.to_string(),
    };
    Err(CommandError::WrongUse(unready(image, &said)))
}

/// What to do about what `docker image inspect` said.
fn unready(image: &str, said: &str) -> String {
    if said.to_ascii_lowercase().contains("no such image") {
        return format!(
            "there is no image {image}; make it: cargo immortal runner, then docker build -t {image} as that command says"
        );
    }
    format!("no Docker engine answers; start it, or leave out --docker: tasks are processes then ({said})")
}

/// Becomes `docker run`.
fn start(image: &str) -> io::Result<Infallible> {
    let name = format!("immortal-{}", std::process::id());
    let mut warden = Command::new(std::env::current_exe()?);
    warden.args(["immortal", "container", "--remove", &name]);
    warden.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).current_dir("/").process_group(0);
    let client = warden.spawn()?.stdin.ok_or(io::ErrorKind::BrokenPipe)?;
    // The client holds the pipe open as long as it lives.
    fcntl_setfd(client.as_fd(), FdFlags::empty())?;
    let _ = std::os::fd::OwnedFd::from(client).into_raw_fd();
    let variables = std::env::vars().map(|(name, _)| name);
    Err(Command::new("docker").args(arguments(&name, image, variables)).exec())
}

fn arguments(name: &str, image: &str, variables: impl IntoIterator<Item = String>) -> Vec<String> {
    let fixed = ["run", "--rm", "--name", name, "--network", "host", "--read-only", "--cap-drop", "ALL"];
    let theirs = |name: &String| !OURS.contains(&name.as_str()) && !name.starts_with("DOCKER_");
    let variables = variables.into_iter().filter(theirs).flat_map(|name| ["--env".to_owned(), name]);
    fixed.map(str::to_owned).into_iter().chain(variables).chain([image.to_owned()]).collect()
}

fn remove(name: &str) -> io::Result<()> {
    io::stdin().read_to_end(&mut Vec::new())?;
    // A container that ended by itself is gone already.
    Command::new("docker").args(["rm", "--force", "--volumes", name]).output().map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_docker_says_becomes_what_to_do() {
        let table = [
            (
                "Error response from daemon: No such image: x:latest",
                "make it: cargo immortal runner, then docker build -t x",
            ),
            ("Error: No such image: x", "there is no image x;"),
            (
                "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?",
                "no Docker engine answers; start it, or leave out --docker",
            ),
            ("permission denied while trying to connect to the Docker daemon socket", "(permission denied while"),
        ];
        for (said, expected) in table {
            let message = unready("x", said);
            assert!(message.contains(expected), "{said}: {message}");
        }
    }

    #[test]
    fn the_container_gets_the_tasks_variables_and_no_others() {
        let variables = ["PATH", "TMPDIR", "DOCKER_HOST", "AWS_REGION", "LAMBDA_TASK_ROOT", "IMMORTAL_ATTEMPT"];
        let arguments = arguments("immortal-7", "hello-runner", variables.map(str::to_owned));
        assert_eq!(
            arguments.join(" "),
            "run --rm --name immortal-7 --network host --read-only --cap-drop ALL --env AWS_REGION \
             --env IMMORTAL_ATTEMPT hello-runner"
        );
    }
}
