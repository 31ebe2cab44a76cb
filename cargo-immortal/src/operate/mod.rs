//! What an operator does with a deployed function. Each command is one file: what it decides and shows is a pure model, and
//! the calls are few lines below it.

mod confirm;
mod pause;
mod resume;
mod span;

use std::process::ExitCode;

use crate::failure::CommandError;

/// A command that asks AWS.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum AwsCommand {
    /// Let nothing new start: events wait in the failure queue, tasks at work go on
    Pause(Box<pause::PauseArgs>),
    /// Go on after `pause`
    Resume(Box<resume::ResumeArgs>),
}

pub(crate) async fn run(command: AwsCommand) -> Result<ExitCode, CommandError> {
    match command {
        AwsCommand::Pause(args) => pause::run(*args).await,
        AwsCommand::Resume(args) => resume::run(*args).await,
    }
}
