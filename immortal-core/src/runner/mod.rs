//! The runner role: the Lambda service for one invocation, without a timeout.
//!
//! It fetches the primary's code, serves the Runtime API on loopback and runs the function's own `bootstrap` as a
//! child, unmodified. Whether there is a next attempt is the dispatcher's decision, by the exit code.

mod attempt;
mod attempt_metrics;
mod bootstrap;
mod child_process;
mod config;
mod deployed_function;
#[cfg(feature = "destinations")]
mod destination;
mod download;
mod environment;
mod error;
mod event;
#[doc(hidden)]
pub mod extract;
mod identity;
mod invocation;
mod lambda;
mod prepare;
mod process_group;
mod report;
mod report_format;
mod reported_error;
mod retry;
mod stop;

use std::{io, time::Duration};

use tokio::time::Instant;
use tracing::Instrument as _;

#[cfg(feature = "destinations")]
use crate::runtime_api::InvocationAnswer;
use crate::{
    aws,
    exit::RunnerExit,
    manifest::Manifest,
    metrics,
    order::Order,
    runtime_api::{FunctionNames, RuntimeApi},
};
#[cfg(feature = "destinations")]
use attempt::AttemptEnd;
use attempt::{AttemptLimits, at};
use config::{RunnerConfig, TaskEnvironment};
pub(crate) use error::RunnerError;
use prepare::{PreparedAttempt, prepare};
use report::{AttemptReport, ReportFormat};
use stop::StopSignal;

/// Runs one attempt of the order in the environment, and returns the exit code.
///
/// The manifest is not used: the order contains everything that was decided for this attempt.
pub(crate) async fn run(_manifest: &Manifest) -> u8 {
    let environment = TaskEnvironment::read();
    let exit = match read(&environment) {
        Ok((order, config)) => {
            let (id, attempt, task) = (&order.context.aws_request_id, order.attempt, environment.task_id());
            let span = tracing::info_span!("request", id, attempt, task);
            let begun = Instant::now();
            let ran = async { run_order(&order, &config, &environment).await.unwrap_or_else(|error| failed(&error)) };
            let exit = ran.instrument(span).await;
            if config.has_metrics {
                let now = aws::unix_now();
                let metrics = attempt_metrics::for_attempt(&order, exit, begun.elapsed(), now);
                // Stdout is the handler's result, between Lambda's lines.
                metrics::print(io::stderr().lock(), &attempt_metrics::function_name(&order.context), now, &metrics);
            }
            exit
        }
        Err(error) => failed(&error),
    };
    exit.into()
}

fn failed(error: &RunnerError) -> RunnerExit {
    tracing::error!("{error}");
    error.into()
}

/// Parses order and configuration, or returns all errors in both.
fn read(environment: &TaskEnvironment) -> Result<(Order, RunnerConfig), RunnerError> {
    let lookup = |name: &str| environment.get(name);
    match (Order::from_variables(lookup), RunnerConfig::read(lookup)) {
        (Ok(order), Ok(config)) => Ok((order, config)),
        (Err(malformed), Ok(_)) => Err(RunnerError::Permanent(malformed.to_string())),
        (order, Err(problems)) => {
            let mut all: Vec<String> = order.err().map(|malformed| malformed.to_string()).into_iter().collect();
            all.push(format!("the runner is misconfigured: {}; set these in the task definition", problems.join("; ")));
            Err(RunnerError::Permanent(all.join("; ")))
        }
    }
}

/// Prepares the attempt and runs it, unless the task is stopped or the limit is reached before.
async fn run_order(
    order: &Order,
    config: &RunnerConfig,
    environment: &TaskEnvironment,
) -> Result<RunnerExit, RunnerError> {
    let begun = Instant::now();
    let mut stop = StopSignal::listen().map_err(|error| internal(&error))?;
    let limit = order.limit.map(|seconds| begun + Duration::from_secs(seconds));
    let prepared = tokio::select! {
        biased;
        () = stop.received() => {
            tracing::warn!("the task was stopped before request {} ran", order.context.aws_request_id);
            return Ok(RunnerExit::Stopped);
        }
        () = at(limit) => {
            tracing::error!("the limit was reached before request {} ran", order.context.aws_request_id);
            return Ok(RunnerExit::LimitReached);
        }
        prepared = Box::pin(prepare(order, config)) => prepared?,
    };
    let limits = AttemptLimits { limit, stop_timeout: config.stop_timeout, start_timeout: config.start_timeout };
    invoke(order, config, environment, prepared, &mut stop, limits).await
}

/// Runs the attempt, reports it, and delivers its result.
async fn invoke(
    order: &Order,
    config: &RunnerConfig,
    environment: &TaskEnvironment,
    prepared: PreparedAttempt,
    stop: &mut StopSignal,
    limits: AttemptLimits,
) -> Result<RunnerExit, RunnerError> {
    let PreparedAttempt { event, function, identity, bootstrap, .. } = prepared;
    let api = RuntimeApi::bind().await.map_err(|error| internal(&error))?;
    api.describe(FunctionNames {
        name: identity.name.clone(),
        version: identity.version.clone(),
        handler: identity.handler.clone(),
    });
    let own = |name: &str| environment.get(name);
    let variables = environment::child_environment(order, &function, &identity, config, api.address(), own);
    let report = AttemptReport::begin(order, &identity, ReportFormat::from_function(&function));
    let child =
        attempt::start(&bootstrap, &config.task_root, &variables).inspect_err(|_| report.end_without_process())?;
    let invocation = invocation::for_context(&order.context, &identity, event.clone());
    let outcome = attempt::run(&api, invocation, child, stop, limits, order.source).await;
    report.end(&outcome);
    #[cfg(feature = "destinations")]
    if let AttemptEnd::Answered(InvocationAnswer::Response(response)) = &outcome.end {
        let delivery = Box::pin(destination::deliver(order, config, &identity, (&event, response), &prepared.aws));
        tokio::select! {
            () = delivery => {}
            // The work is done, and must not be repeated because its result is late.
            () = stop.nearly_over(outcome.stopping_since, config.stop_timeout) => tracing::error!(
                "the result of request {} is not delivered: the task is being stopped, and its time is over; the result is above",
                order.context.aws_request_id
            ),
        }
    }
    Ok(outcome.exit)
}

fn internal(error: &io::Error) -> RunnerError {
    RunnerError::Internal(format!("the runner itself failed: {error}"))
}
