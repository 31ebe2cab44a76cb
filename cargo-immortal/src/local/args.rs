//! The flags, as typed.

use std::{path::PathBuf, time::Duration};

use crate::{
    package::PackageSelection,
    report::ReportArgs,
    value::{self, EnvVariable, ObjectPut},
};

/// Where a result can go; a function as a destination is left out, since it would need code of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum DestinationKind {
    Queue,
    Topic,
    Bus,
}

/// One event, and what it meets on its way.
#[derive(Debug, clap::Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag")]
pub(crate) struct LocalArgs {
    #[command(flatten)]
    pub(crate) selection: PackageSelection,
    /// Run this program, or the zip that holds it, instead of building
    #[arg(long, value_name = "PATH", conflicts_with = "release")]
    pub(crate) zip: Option<PathBuf>,
    /// The same for dispatcher and runner, where that program was built without their roles
    #[arg(long, value_name = "PATH", requires = "zip")]
    pub(crate) dispatcher_zip: Option<PathBuf>,
    /// Run tasks as containers of this image, which `cargo immortal runner` wrote the context of
    #[arg(long, value_name = "IMAGE")]
    pub(crate) docker: Option<String>,
    /// The event: a file with JSON, or - for standard input
    #[arg(long, value_name = "FILE")]
    pub(crate) event: PathBuf,
    /// The Lambda function's timeout: 1s to 15m
    #[arg(long, default_value = "3s", value_parser = value::timeout)]
    pub(crate) timeout: Duration,
    /// The Lambda function's memory in MB: with more it is killed. A task has twice as much, unless the attribute says what
    #[arg(long, value_name = "MB", default_value_t = 512, value_parser = clap::value_parser!(u32).range(128..=10_240))]
    pub(crate) memory: u32,
    /// How often Lambda tries again before it gives the event up
    #[arg(long, value_name = "0..2", default_value_t = 0, value_parser = clap::value_parser!(u8).range(0..=2))]
    pub(crate) retries: u8,
    /// Put a file into the emulated S3 first; may be repeated
    #[arg(long, value_name = "s3://BUCKET/KEY=FILE")]
    pub(crate) put: Vec<ObjectPut>,
    /// A variable of the function; may be repeated
    #[arg(long, value_name = "NAME=VALUE")]
    pub(crate) env: Vec<EnvVariable>,
    /// Send the event as the message of a queue that triggers the function, instead of invoking it
    #[arg(long, conflicts_with_all = ["retries", "dead_letter_config"])]
    pub(crate) sqs: bool,
    /// Send results to an `OnSuccess` destination of this kind
    #[arg(long, value_name = "KIND", conflicts_with = "sqs")]
    pub(crate) on_success: Option<DestinationKind>,
    /// Fail into a `DeadLetterConfig` instead of an `OnFailure` destination
    #[arg(long)]
    pub(crate) dead_letter_config: bool,
    /// Let Lambda kill the function at its timeout, instead of handing the event over before
    #[arg(long)]
    pub(crate) no_hand_over: bool,
    /// Interrupt tasks, as Spot does, when they have run so long
    #[arg(long, value_name = "DURATION", value_parser = value::duration)]
    pub(crate) interrupt_after: Option<Duration>,
    /// How many tasks are interrupted
    #[arg(long, value_name = "N", default_value_t = 1, requires = "interrupt_after")]
    pub(crate) interruptions: u32,
    /// Kill the first N tasks, as if they ran out of memory
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) kill_attempts: u32,
    /// Redrive the dead-letter queue once if the event is given up, as `aws sqs start-message-move-task` does
    #[arg(long)]
    pub(crate) redrive: bool,
    /// Show every call of an AWS API
    #[arg(short, long)]
    pub(crate) verbose: bool,
    #[command(flatten)]
    pub(crate) report: ReportArgs,
    /// Show the event in the report; without this, its size and hash
    #[arg(long, requires = "report")]
    pub(crate) report_event: bool,
}
