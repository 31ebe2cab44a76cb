//! `cargo immortal runner`: the Docker context of the runner's image.

use std::process::ExitCode;

use crate::{failure::Failure, package};

/// What to write a Docker context of.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    selection: package::Selection,
}

pub(crate) async fn run(_args: Args) -> Result<ExitCode, Failure> {
    Ok(ExitCode::SUCCESS)
}
