//! `cargo immortal`: runs an immortal function with all its attempts on this machine, deploys it, and operates it.

mod artifact;
#[cfg(feature = "aws")]
mod aws;
mod binary;
mod child;
mod container;
#[cfg(feature = "aws")]
mod deploy;
#[cfg(feature = "aws")]
mod deployment;
mod describe;
#[cfg(feature = "aws")]
mod doctor;
mod failure;
mod local;
mod manifest;
mod names;
#[cfg(feature = "aws")]
mod operate;
mod output;
mod package;
mod pair;
mod report;
mod runner;
mod session;
mod template;
mod value;
#[cfg(not(feature = "aws"))]
mod without_aws;

use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

/// Cargo calls a subcommand's binary with the subcommand's name as first argument.
#[derive(Debug, Parser)]
#[command(name = "cargo", bin_name = "cargo")]
enum Cargo {
    Immortal(Immortal),
}

/// AWS Lambda functions that outlive their timeout, on Fargate
#[derive(Debug, Args)]
#[command(version, arg_required_else_help = true)]
struct Immortal {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Build the handler and run one event through all its attempts, on an AWS emulated on this machine
    Local(Box<local::LocalArgs>),
    /// Build the handler and print what it says of itself, as JSON
    Manifest(manifest::ManifestArgs),
    /// Write the Docker context of the runner's image
    Runner(runner::RunnerArgs),
    /// Write a `CloudFormation` template of the function and all that its attempts on Fargate need
    Template(template::TemplateArgs),
    /// Build the function and its runner's image, and deploy both as a stack
    #[cfg(feature = "aws")]
    Deploy(Box<deploy::DeployArgs>),
    /// Check a deployment, and say how to fix what is wrong with it
    #[cfg(feature = "aws")]
    Doctor(Box<doctor::DoctorArgs>),
    #[cfg(feature = "aws")]
    #[command(flatten)]
    Aws(operate::AwsCommand),
    #[cfg(not(feature = "aws"))]
    #[command(flatten)]
    Aws(without_aws::AwsCommand),
    /// Be a task of `local --docker`
    #[command(hide = true)]
    Container(container::ContainerArgs),
    /// Wait for the end of the command, and end what it left
    #[command(hide = true)]
    Reap(session::SessionArgs),
}

#[tokio::main]
async fn main() -> ExitCode {
    let Cargo::Immortal(Immortal { command }) = Cargo::parse();
    let result = tokio::select! {
        result = run(command) => result,
        () = child::stopped() => Err(failure::CommandError::Interrupted),
    };
    match result {
        Ok(code) => code,
        Err(failure) => {
            output::eprint_line(format_args!("error: {failure}"));
            failure.exit_code()
        }
    }
}

async fn run(command: Command) -> Result<ExitCode, failure::CommandError> {
    // Only what starts processes needs a session.
    match command {
        Command::Local(args) => supervised(local::run(*args)).await,
        Command::Manifest(args) => supervised(manifest::run(args)).await,
        Command::Runner(args) => runner::run(args).await,
        Command::Template(args) => supervised(template::run(args)).await,
        #[cfg(feature = "aws")]
        Command::Deploy(args) => Box::pin(supervised(deploy::run(*args))).await,
        #[cfg(feature = "aws")]
        Command::Doctor(args) => Box::pin(doctor::run(*args)).await,
        #[cfg(feature = "aws")]
        Command::Aws(command) => operate::run(command).await,
        #[cfg(not(feature = "aws"))]
        Command::Aws(command) => Err(without_aws::refuse(&command)),
        Command::Container(args) => container::run(&args),
        Command::Reap(args) => session::reap(&args),
    }
}

async fn supervised<F>(command: F) -> Result<ExitCode, failure::CommandError>
where
    F: Future<Output = Result<ExitCode, failure::CommandError>>,
{
    let _session = session::Session::begin()?;
    command.await
}
