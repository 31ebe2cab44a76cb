//! The commands that ask AWS, in a build without its SDK: each says how to get one that has it.

use std::ffi::OsString;

use crate::failure::CommandError;

/// A command of the feature `aws`, with whatever it was given.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum AwsCommand {
    /// Deploy the function (this build lacks the feature `aws`)
    #[command(disable_help_flag = true)]
    Deploy(GivenArgs),
    /// Check a deployment (this build lacks the feature `aws`)
    #[command(disable_help_flag = true)]
    Doctor(GivenArgs),
    /// Show what is at work (this build lacks the feature `aws`)
    #[command(disable_help_flag = true)]
    Jobs(GivenArgs),
    /// Show the logs of one job (this build lacks the feature `aws`)
    #[command(disable_help_flag = true)]
    Logs(GivenArgs),
    /// Stop tasks (this build lacks the feature `aws`)
    #[command(disable_help_flag = true)]
    Stop(GivenArgs),
    /// Let nothing new start (this build lacks the feature `aws`)
    #[command(disable_help_flag = true)]
    Pause(GivenArgs),
    /// Go on after `pause` (this build lacks the feature `aws`)
    #[command(disable_help_flag = true)]
    Resume(GivenArgs),
    /// Run dead letters again (this build lacks the feature `aws`)
    #[command(disable_help_flag = true)]
    Redrive(GivenArgs),
    /// Show what was given up (this build lacks the feature `aws`)
    #[command(disable_help_flag = true)]
    Dead(GivenArgs),
}

/// Anything.
#[derive(Debug, clap::Args)]
pub(crate) struct GivenArgs {
    #[arg(hide = true, trailing_var_arg = true, allow_hyphen_values = true)]
    given: Vec<OsString>,
}

/// Why none of them runs.
pub(crate) fn refuse(command: &AwsCommand) -> CommandError {
    let name = match command {
        AwsCommand::Deploy(_) => "deploy",
        AwsCommand::Doctor(_) => "doctor",
        AwsCommand::Jobs(_) => "jobs",
        AwsCommand::Logs(_) => "logs",
        AwsCommand::Stop(_) => "stop",
        AwsCommand::Pause(_) => "pause",
        AwsCommand::Resume(_) => "resume",
        AwsCommand::Redrive(_) => "redrive",
        AwsCommand::Dead(_) => "dead",
    };
    CommandError::WrongUse(format!(
        "`{name}` asks AWS, and this cargo-immortal was compiled without the feature `aws`; install it with its default \
         features (`cargo install --path cargo-immortal`), or run `cargo run -p cargo-immortal -- immortal {name} …` in a \
         checkout of it"
    ))
}
