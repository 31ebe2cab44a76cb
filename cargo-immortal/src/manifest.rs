//! `cargo immortal manifest`.

use std::process::ExitCode;

use crate::{
    artifact::shown,
    binary::{self, Roles},
    describe::describe,
    failure::Failure,
    output::say,
    package,
    value::Variable,
};

/// Where the handler is.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    selection: package::Selection,
    /// A variable that `main` needs before it calls `run`; may be repeated
    #[arg(long, value_name = "NAME=VALUE")]
    env: Vec<Variable>,
}

pub(crate) async fn run(args: Args) -> Result<ExitCode, Failure> {
    let candidate = package::find(&args.selection)?;
    let executable = binary::build(&candidate, Roles::Declared, args.selection.release).await?;
    let manifest = describe(&executable, &shown(&executable), &args.env).await?;
    let unprintable = |error| Failure::Failed(format!("the manifest can't be printed: {error}"));
    say(serde_json::to_string_pretty(&manifest).map_err(unprintable)?);
    Ok(ExitCode::SUCCESS)
}
