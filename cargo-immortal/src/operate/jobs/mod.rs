//! `cargo immortal jobs`: what is at work, what ended within the hour that ECS remembers, and what waits.

mod job;
mod overview;
mod task_cost;

use std::{
    io::{IsTerminal as _, stdout},
    process::ExitCode,
    time::Duration,
};

use jiff::Timestamp;
use tokio::time::sleep;

pub(super) use self::job::{Job, JobState, jobs};
use self::overview::{JobsOverview, QueueDepth};
use crate::{
    aws::{AwsConnection, TaskSelection},
    deployment::{Deployment, DeploymentArgs},
    failure::CommandError,
    output::print_line,
    value,
};

/// What to show.
#[derive(Debug, clap::Args)]
pub(crate) struct JobsArgs {
    #[command(flatten)]
    deployment: DeploymentArgs,
    /// Print JSON; with --watch, a line each time
    #[arg(long)]
    json: bool,
    /// Show it again and again, until Ctrl-C
    #[arg(long, value_name = "EVERY", value_parser = value::duration, num_args = 0..=1, default_missing_value = "5s")]
    watch: Option<Duration>,
}

/// Clears the screen, and goes to its top.
const CLEAR: &str = "\x1b[2J\x1b[H";

pub(crate) async fn run(args: JobsArgs) -> Result<ExitCode, CommandError> {
    let (aws, deployment) = args.deployment.open().await?;
    loop {
        let overview = overview(&aws, &deployment).await?;
        match (args.json, args.watch) {
            (true, None) => print_line(serde_json::to_string_pretty(&overview).unwrap_or_default()),
            (true, Some(_)) => print_line(serde_json::to_string(&overview).unwrap_or_default()),
            (false, watch) => {
                let clear = if watch.is_some() && stdout().is_terminal() { CLEAR } else { "" };
                print_line(format_args!("{clear}{}", overview.lines().join("\n")));
            }
        }
        match args.watch {
            Some(every) => sleep(every.max(Duration::from_secs(1))).await,
            None => return Ok(ExitCode::SUCCESS),
        }
    }
}

async fn overview(aws: &AwsConnection, deployment: &Deployment) -> Result<JobsOverview, CommandError> {
    let family = TaskSelection::Family(deployment.task_family());
    let tasks = aws.tasks(&deployment.cluster, &deployment.container, family).await?;
    let failures = QueueDepth::from_attributes(&aws.queue_attributes(&deployment.failure_queue.url).await?);
    let dead_letters = match &deployment.dead_letter_queue {
        Some(queue) => Some(QueueDepth::from_attributes(&aws.queue_attributes(&queue.url).await?)),
        None => None,
    };
    let mapping = match &deployment.mapping {
        Some(uuid) => Some(aws.mapping_state(uuid).await?.to_string()),
        None => None,
    };
    let now = Timestamp::now();
    Ok(JobsOverview::new(&deployment.function, jobs(&tasks, now), failures, dead_letters, mapping, now))
}
