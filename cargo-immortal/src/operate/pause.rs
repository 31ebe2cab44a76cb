//! `cargo immortal pause`: the event source mapping off, and how long that may last.

use std::{process::ExitCode, time::Duration};

use jiff::Timestamp;
use serde::Serialize;

use super::{
    resume::wait_for,
    span::{moment, span},
};
use crate::{
    aws::{MappingState, QueueAttributes},
    deployment::{Deployment, DeploymentArgs},
    failure::CommandError,
    output::{eprint_line, print_line},
};

/// What to pause.
#[derive(Debug, clap::Args)]
pub(crate) struct PauseArgs {
    #[command(flatten)]
    deployment: DeploymentArgs,
    /// Print what is known as JSON
    #[arg(long)]
    json: bool,
}

/// What waits while nothing starts.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct PauseReport {
    function: String,
    paused: bool,
    /// Whether it was before.
    was_paused: bool,
    /// Events and stopped tasks in the failure queue.
    waiting: u64,
    /// Those that the dispatcher had received already.
    in_flight: u64,
    /// How long the queue keeps a message, in seconds.
    retention_seconds: u64,
    /// How old the oldest is, as `CloudWatch` says, in seconds.
    oldest_seconds: Option<u64>,
    /// When the oldest would be lost.
    oldest_expires: Option<String>,
}

pub(crate) async fn run(args: PauseArgs) -> Result<ExitCode, CommandError> {
    let (aws, deployment) = args.deployment.open().await?;
    let uuid = mapping(&deployment)?;
    let was_paused = aws.mapping_state(uuid).await?.is_off();
    if !was_paused {
        aws.switch_mapping(uuid, false).await?;
        wait_for(&aws, uuid, MappingState::is_off).await?;
    }
    let queue = aws.queue_attributes(&deployment.failure_queue.url).await?;
    let now = Timestamp::now();
    // What matters is done; who may not ask CloudWatch is told the rest.
    let oldest = aws.oldest_message_age(deployment.failure_queue.name(), &deployment.function, now).await;
    let oldest = oldest.unwrap_or_else(|error| {
        eprint_line(format_args!(
            "warning: how old the oldest message is can't be said: {}",
            CommandError::from(error)
        ));
        None
    });
    let report = PauseReport::new(&deployment.function, was_paused, &queue, oldest, now);
    if args.json {
        print_line(serde_json::to_string_pretty(&report).unwrap_or_default());
    } else {
        report.lines().iter().for_each(print_line);
    }
    Ok(ExitCode::SUCCESS)
}

/// The mapping of a deployment that has one.
pub(super) fn mapping(deployment: &Deployment) -> Result<&str, CommandError> {
    let Deployment { dispatcher, failure_queue, mapping, .. } = deployment;
    mapping.as_deref().ok_or_else(|| {
        CommandError::WrongUse(format!(
            "no event source mapping leads from the queue {} to the dispatcher {dispatcher}, so there is nothing to switch; \
             name it with --mapping",
            failure_queue.name()
        ))
    })
}

impl PauseReport {
    fn new(
        function: &str,
        was_paused: bool,
        queue: &QueueAttributes,
        oldest: Option<Duration>,
        now: Timestamp,
    ) -> Self {
        // A queue that is empty has no oldest message, whatever the metric's last figure was.
        let oldest = oldest.filter(|_| queue.waiting + queue.in_flight > 0);
        let left = |age: Duration| Duration::from_secs(queue.retention).saturating_sub(age);
        Self {
            function: function.to_owned(),
            paused: true,
            was_paused,
            waiting: queue.waiting,
            in_flight: queue.in_flight,
            retention_seconds: queue.retention,
            oldest_seconds: oldest.map(|age| age.as_secs()),
            oldest_expires: oldest.and_then(|age| now.checked_add(left(age)).ok()).map(moment),
        }
    }

    fn lines(&self) -> Vec<String> {
        let Self { function, waiting, in_flight, .. } = self;
        let kept = span(Duration::from_secs(self.retention_seconds));
        let already = if self.was_paused { "already " } else { "" };
        let mut lines = vec![format!("{function} is {already}paused: nothing new starts, tasks at work go on")];
        lines.push(match (waiting + in_flight, in_flight) {
            (0, _) => format!("nothing waits in the failure queue, which keeps a message for {kept}"),
            (all, 0) => format!("{all} in the failure queue, which keeps a message for {kept}"),
            (all, some) => {
                format!("{all} in the failure queue, {some} of them received already; it keeps a message for {kept}")
            }
        });
        match (self.oldest_seconds, &self.oldest_expires) {
            (Some(age), Some(expires)) => {
                let age = span(Duration::from_secs(age));
                lines.push(format!("the oldest is {age} old and would be lost at {expires}: resume before"));
            }
            _ if waiting + in_flight > 0 => lines.push(
                "CloudWatch does not say yet how old the oldest is; ask again with `cargo immortal pause`".to_owned(),
            ),
            _ => {}
        }
        lines.push("go on with: cargo immortal resume".to_owned());
        lines
    }
}

#[cfg(test)]
#[path = "pause_tests.rs"]
mod tests;
