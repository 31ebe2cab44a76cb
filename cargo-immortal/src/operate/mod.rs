//! What an operator does with a deployed function. Each command is one file: what it decides and shows is a pure model, and
//! the calls are few lines below it.

mod confirm;
mod dead;
mod jobs;
mod letter;
mod letters;
mod logs;
mod pause;
mod redrive;
mod resume;
mod span;
mod stop;

use std::process::ExitCode;

use crate::failure::CommandError;

/// A command that asks AWS.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum AwsCommand {
    /// Show what is at work, what ended within the last hour, and what waits
    Jobs(Box<jobs::JobsArgs>),
    /// Show the lines of all attempts of one job, in order
    Logs(Box<logs::LogsArgs>),
    /// Stop tasks; their events become dead letters
    Stop(Box<stop::StopArgs>),
    /// Let nothing new start: events wait in the failure queue, tasks at work go on
    Pause(Box<pause::PauseArgs>),
    /// Go on after `pause`
    Resume(Box<resume::ResumeArgs>),
    /// Run dead letters again, each from attempt 1 of a new series
    Redrive(Box<redrive::RedriveArgs>),
    /// Show what was given up, and why
    Dead(Box<dead::DeadArgs>),
}

pub(crate) async fn run(command: AwsCommand) -> Result<ExitCode, CommandError> {
    match command {
        AwsCommand::Jobs(args) => jobs::run(*args).await,
        AwsCommand::Logs(args) => logs::run(*args).await,
        AwsCommand::Stop(args) => stop::run(*args).await,
        AwsCommand::Pause(args) => pause::run(*args).await,
        AwsCommand::Resume(args) => resume::run(*args).await,
        AwsCommand::Redrive(args) => redrive::run(*args).await,
        AwsCommand::Dead(args) => dead::run(*args).await,
    }
}
