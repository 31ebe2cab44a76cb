//! The dispatcher role: the Lambda function that turns failed events into Fargate tasks.
//!
//! In layers, each of which calls only those below it: `batch` (one invocation, its records side by side) →
//! `failed_invocation` and `stopped_task` (what to do with one) → `launch` and `give_up` (into a task, or to the
//! dead-letter queue) → `calls` (each call of AWS, with deadline, pace and retries). What is decided is decided beside
//! them, without a call.

use std::{
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use lambda_runtime::{Diagnostic, LambdaEvent};
use serde_json::value::RawValue;
use tracing::{error, warn};

use crate::{
    aws::AwsClients,
    handler::{json_handler, serve_json},
    lambda_errors,
    manifest::Manifest,
};

mod batch;
mod calls;
mod deadline;
mod decision_metrics;
mod ecs;
mod failed_invocation;
mod give_up;
mod hint;
mod json_object;
mod launch;
mod message_attribute;
mod queue_arn;
mod sqs;
mod stopped_task;
mod unfinished;

pub(crate) mod answer;
pub(crate) mod config;
pub(crate) mod dead_letter;
pub(crate) mod event_form;
pub(crate) mod failure_cause;
pub(crate) mod handed_over;
pub(crate) mod input;
pub(crate) mod invocation_failure;
pub(crate) mod known_tasks;
pub(crate) mod next_step;
pub(crate) mod pace;
pub(crate) mod response;
pub(crate) mod task;
pub(crate) mod task_order;
pub(crate) mod task_overrides;
pub(crate) mod token;

#[cfg(test)]
mod tests;

use batch::Dispatcher;
use config::DispatcherConfig;

/// The grace of the dispatcher's own invocations, whose failures are its queue's to keep.
const NO_HAND_OVER: u64 = 0;
/// The exit code of a process that stopped serving.
const STOPPED: u8 = 1;
/// The exit code of a process that is configured wrongly.
const MISCONFIGURED: u8 = 2;

/// Runs the dispatcher until Lambda ends the process, and returns the exit code.
///
/// It reads the configuration once; what is wrong with it is logged, and reported to Lambda as the init error, in one
/// message. Without a tracing subscriber it sets `lambda_runtime`'s.
pub(crate) async fn run(manifest: &Manifest) -> u8 {
    run_with_clock(manifest, SystemTime::now).await
}

/// Like [`run`], with a clock for the time of day, which determines the age of records and when attempts are due.
///
/// Deadlines still use the machine's clock, like Lambda's.
#[doc(hidden)]
pub async fn run_with_clock(manifest: &Manifest, clock: impl Fn() -> SystemTime + Send + Sync + 'static) -> u8 {
    if !tracing::dispatcher::has_been_set() {
        lambda_runtime::tracing::init_default_subscriber();
    }
    let (config, aws) = match set_up().await {
        Ok(set_up) => set_up,
        Err(problems) => {
            error!("{problems}");
            let diagnostic = Diagnostic { error_type: "Immortal.Configuration".to_owned(), error_message: problems };
            if let Err(unsent) = lambda_errors::init_error(&diagnostic) {
                error!(error = %unsent, "the configuration error couldn't be reported to Lambda");
            }
            return MISCONFIGURED;
        }
    };
    if config.dead_letter_queue.is_none() {
        warn!(
            "IMMORTAL_DEAD_LETTER_QUEUE is not set: what is given up goes back to its queue, until that queue's own redrive \
             policy takes it; set it to the URL of the dead-letter queue"
        );
    }
    let dispatcher = Arc::new(Dispatcher::new(config, manifest.clone(), &aws).await);
    let clock = Arc::new(clock);
    let handler = json_handler::from_function(move |event: LambdaEvent<Box<RawValue>>| {
        let (dispatcher, clock) = (Arc::clone(&dispatcher), Arc::clone(&clock));
        async move {
            let LambdaEvent { payload, context } = event;
            let deadline = deadline::for_invocation(context.deadline, unix_milliseconds(SystemTime::now()));
            let now = i64::try_from(unix_milliseconds(clock())).unwrap_or(i64::MAX);
            let handled = dispatcher.handle(&payload, &context.invoked_function_arn, deadline, now).await;
            handled.map_err(|failed| Diagnostic {
                error_type: "Immortal.NotDispatched".to_owned(),
                error_message: failed.to_string(),
            })
        }
    });
    match serve_json(NO_HAND_OVER, handler).await {
        Ok(()) => 0,
        Err(stopped) => {
            error!(error = %stopped, "the dispatcher stopped serving");
            STOPPED
        }
    }
}

fn unix_milliseconds(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

async fn set_up() -> Result<(DispatcherConfig, AwsClients), String> {
    let config =
        DispatcherConfig::read_in_lambda(|name| std::env::var(name).ok()).map_err(|problems| problems.to_string())?;
    let aws =
        AwsClients::from_environment().await.map_err(|missing| format!("the dispatcher can't start: {missing}"))?;
    Ok((config, aws))
}
