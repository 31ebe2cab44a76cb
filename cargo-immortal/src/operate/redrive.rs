//! `cargo immortal redrive`: dead letters back into the failure queue, where each begins a new series of attempts.

use std::{process::ExitCode, time::Duration};

use serde_json::json;
use tokio::time::{Instant, sleep};

use super::{confirm::ConfirmArgs, dead, letters};
use crate::{
    aws::{AwsConnection, MoveProgress},
    deployment::{Deployment, DeploymentArgs, QueueAddress},
    failure::CommandError,
    output::{eprint_line, print_line},
};

/// How often SQS is asked how far it is, and for how long at most: it goes on without this command.
const POLL_INTERVAL: Duration = Duration::from_secs(1);
const LONGEST_LOOK: Duration = Duration::from_mins(5);

/// What to run again.
#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("which").required(true).args(["request_id", "all"]))]
pub(crate) struct RedriveArgs {
    /// The request whose event is to run again
    request_id: Option<String>,
    /// All dead letters
    #[arg(long)]
    all: bool,
    /// Print what was done as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    confirm: ConfirmArgs,
    #[command(flatten)]
    deployment: DeploymentArgs,
}

pub(crate) async fn run(args: RedriveArgs) -> Result<ExitCode, CommandError> {
    let (aws, deployment) = args.deployment.open().await?;
    let queue = letters::queue(&deployment)?;
    let function = &deployment.function;
    let redriven = if let Some(request_id) = &args.request_id {
        args.confirm.ask(&format!("Run the event of {request_id} again, from attempt 1 of a new series?"))?;
        eprint_line("(while it is looked for, others cannot receive the dead letters)");
        one(&aws, &deployment, queue, request_id).await?
    } else {
        match aws.queue_attributes(&queue.url).await?.waiting {
            0 => 0,
            count => {
                args.confirm.ask(&format!("Run all {count} dead letters of {function} again?"))?;
                all(&aws, &deployment, queue).await?
            }
        }
    };
    let is_paused = match &deployment.mapping {
        Some(uuid) => aws.mapping_state(uuid).await?.is_off(),
        None => false,
    };
    if args.json {
        print_line(format_args!("{:#}", json!({ "function": function, "redriven": redriven, "paused": is_paused })));
    } else {
        print_line(line(function, redriven, is_paused));
    }
    Ok(ExitCode::SUCCESS)
}

/// Sent first, and deleted then: in between it is in both queues, and each copy asks for the same task.
async fn one(
    aws: &AwsConnection,
    deployment: &Deployment,
    queue: &QueueAddress,
    request_id: &str,
) -> Result<u64, CommandError> {
    let to = &deployment.failure_queue.url;
    let taken = letters::take(aws, queue, request_id, |message| async move {
        aws.send_copy(to, &message).await?;
        aws.delete(&queue.url, &message).await
    });
    match taken.await?.len() {
        0 => Err(CommandError::Failed(dead::missing(request_id, queue.name()))),
        some => Ok(u64::try_from(some).unwrap_or(u64::MAX)),
    }
}

async fn all(aws: &AwsConnection, deployment: &Deployment, queue: &QueueAddress) -> Result<u64, CommandError> {
    aws.start_move(&queue.arn, &deployment.failure_queue.arn).await?;
    let end = Instant::now() + LONGEST_LOOK;
    loop {
        match move_state(&aws.move_progress(&queue.arn).await?, queue.name())? {
            MoveState::Done(moved) => return Ok(moved),
            MoveState::UnderWay(moved) if Instant::now() >= end => {
                eprint_line(format_args!("{moved} are moved, and SQS goes on with the others by itself"));
                return Ok(moved);
            }
            MoveState::UnderWay(_) => sleep(POLL_INTERVAL).await,
        }
    }
}

/// How far SQS is.
#[derive(Debug, PartialEq, Eq)]
enum MoveState {
    UnderWay(u64),
    Done(u64),
}

fn move_state(progress: &MoveProgress, queue: &str) -> Result<MoveState, CommandError> {
    let MoveProgress { status, moved, failure } = progress;
    match status.as_str() {
        "COMPLETED" => Ok(MoveState::Done(*moved)),
        "FAILED" | "CANCELLED" | "CANCELLING" => Err(CommandError::Failed(format!(
            "SQS moved {moved} dead letters of the queue {queue}, and then the move was {status}: {}; what is left is still \
             there",
            failure.as_deref().unwrap_or("no reason given")
        ))),
        // Also before the task is listed.
        _ => Ok(MoveState::UnderWay(*moved)),
    }
}

fn line(function: &str, redriven: u64, is_paused: bool) -> String {
    match (redriven, is_paused) {
        (0, _) => format!("{function} has no dead letters: nothing to run again"),
        (1, false) => "1 dead letter runs again: see `cargo immortal jobs`".to_owned(),
        (some, false) => format!("{some} dead letters run again: see `cargo immortal jobs`"),
        (1, true) => {
            format!("1 dead letter is in the failure queue again; {function} is paused: cargo immortal resume")
        }
        (some, true) => {
            format!("{some} dead letters are in the failure queue again; {function} is paused: cargo immortal resume")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_move_that_fails_says_how_far_it_came() {
        let progress = |status: &str, failure: Option<&str>| MoveProgress {
            status: status.to_owned(),
            moved: 7,
            failure: failure.map(str::to_owned),
        };
        assert_eq!(move_state(&MoveProgress::default(), "dead").expect("it begins"), MoveState::UnderWay(0));
        assert_eq!(move_state(&progress("RUNNING", None), "dead").expect("it goes on"), MoveState::UnderWay(7));
        assert_eq!(move_state(&progress("COMPLETED", None), "dead").expect("it is over"), MoveState::Done(7));
        let failed =
            move_state(&progress("FAILED", Some("KMS.AccessDenied")), "dead").expect_err("it failed").to_string();
        assert!(failed.contains("moved 7 ") && failed.contains("FAILED: KMS.AccessDenied"), "{failed}");
    }

    #[test]
    fn what_is_paused_does_not_run_yet() {
        let table = [
            ((0, true), "hello has no dead letters: nothing to run again"),
            ((1, false), "1 dead letter runs again: see `cargo immortal jobs`"),
            ((3, true), "3 dead letters are in the failure queue again; hello is paused: cargo immortal resume"),
        ];
        for ((redriven, is_paused), expected) in table {
            assert_eq!(line("hello", redriven, is_paused), expected);
        }
    }
}
