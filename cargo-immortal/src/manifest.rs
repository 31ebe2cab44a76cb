//! `cargo immortal manifest`.

use std::process::ExitCode;

use crate::{
    artifact::shown,
    binary::{self, LinkedRoles},
    describe::describe,
    failure::CommandError,
    output::print_line,
    package,
    value::EnvVariable,
};

/// Where the handler is.
#[derive(Debug, clap::Args)]
pub(crate) struct ManifestArgs {
    #[command(flatten)]
    selection: package::PackageSelection,
    /// A variable that `main` needs before it calls `run`; may be repeated
    #[arg(long, value_name = "NAME=VALUE")]
    env: Vec<EnvVariable>,
}

pub(crate) async fn run(args: ManifestArgs) -> Result<ExitCode, CommandError> {
    let candidate = package::find(&args.selection)?;
    let executable = binary::build(&candidate, LinkedRoles::Declared, args.selection.release).await?;
    let manifest = describe(&executable, &shown(&executable), &args.env).await?;
    let unprintable = |error| CommandError::Failed(format!("the manifest can't be printed: {error}"));
    print_line(serde_json::to_string_pretty(&manifest).map_err(unprintable)?);
    Ok(ExitCode::SUCCESS)
}
