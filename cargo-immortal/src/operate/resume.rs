//! `cargo immortal resume`: the event source mapping on again.

use std::{process::ExitCode, time::Duration};

use serde_json::json;
use tokio::time::{Instant, sleep};

use super::pause::mapping;
use crate::{
    aws::{AwsConnection, MappingState},
    deployment::DeploymentArgs,
    failure::CommandError,
    output::print_line,
};

/// How long Lambda may take to switch a mapping, and how often it is asked.
const LONGEST_SWITCH: Duration = Duration::from_mins(3);
const POLL_INTERVAL: Duration = Duration::from_secs(1);

/// What to go on with.
#[derive(Debug, clap::Args)]
pub(crate) struct ResumeArgs {
    #[command(flatten)]
    deployment: DeploymentArgs,
    /// Print what is known as JSON
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(args: ResumeArgs) -> Result<ExitCode, CommandError> {
    let (aws, deployment) = args.deployment.open().await?;
    let uuid = mapping(&deployment)?;
    let was_paused = !aws.mapping_state(uuid).await?.is_on();
    // Before the dispatcher begins to take it away.
    let queue = aws.queue_attributes(&deployment.failure_queue.url).await?;
    if was_paused {
        aws.switch_mapping(uuid, true).await?;
        wait_for(&aws, uuid, MappingState::is_on).await?;
    }
    let (function, waiting) = (&deployment.function, queue.waiting + queue.in_flight);
    if args.json {
        let report = json!({ "function": function, "paused": false, "wasPaused": was_paused, "waiting": waiting });
        print_line(format_args!("{report:#}"));
    } else {
        print_line(line(function, was_paused, waiting));
    }
    Ok(ExitCode::SUCCESS)
}

fn line(function: &str, was_paused: bool, waiting: u64) -> String {
    let begun = if was_paused { "goes on" } else { "was not paused" };
    let waiting = match waiting {
        0 => "nothing waits in the failure queue".to_owned(),
        some => format!("{some} in the failure queue go to the dispatcher now"),
    };
    format!("{function} {begun}: {waiting}")
}

/// Waits until Lambda has switched a mapping: until then the pollers go on as before.
pub(super) async fn wait_for(
    aws: &AwsConnection,
    uuid: &str,
    is_switched: fn(&MappingState) -> bool,
) -> Result<(), CommandError> {
    let end = Instant::now() + LONGEST_SWITCH;
    loop {
        let state = aws.mapping_state(uuid).await?;
        if is_switched(&state) {
            return Ok(());
        }
        if Instant::now() >= end {
            return Err(CommandError::Failed(format!(
                "the mapping {uuid} is still {state} after {} s; look at it with \
                 `aws lambda get-event-source-mapping --uuid {uuid}`",
                LONGEST_SWITCH.as_secs()
            )));
        }
        sleep(POLL_INTERVAL).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_says_what_starts_now() {
        let table = [
            ((true, 0), "hello goes on: nothing waits in the failure queue"),
            ((true, 7), "hello goes on: 7 in the failure queue go to the dispatcher now"),
            ((false, 0), "hello was not paused: nothing waits in the failure queue"),
        ];
        for ((was_paused, waiting), expected) in table {
            assert_eq!(line("hello", was_paused, waiting), expected);
        }
    }
}
