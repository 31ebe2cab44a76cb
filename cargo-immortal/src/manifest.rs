//! `cargo immortal manifest`.

use std::process::ExitCode;

use crate::{
    binary::{self, Roles},
    failure::Failure,
    output::say,
    package,
};

/// Where the handler is.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    selection: package::Selection,
}

pub(crate) async fn run(args: Args) -> Result<ExitCode, Failure> {
    let candidate = package::find(&args.selection)?;
    let executable = binary::build(&candidate, Roles::Declared, args.selection.release).await?;
    let manifest = binary::describe(&executable, &candidate.bin).await?;
    let unprintable = |error| Failure::Failed(format!("the manifest can't be printed: {error}"));
    say(serde_json::to_string_pretty(&manifest).map_err(unprintable)?);
    Ok(ExitCode::SUCCESS)
}
