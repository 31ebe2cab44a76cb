//! The runner role: the Lambda service for one invocation, without a timeout.
//!
//! It fetches the primary's code, serves the Runtime API on loopback and runs the function's own `bootstrap` as a
//! child, unmodified. Whether there is a next attempt is the dispatcher's decision, by the exit code.

mod attempt;
mod bootstrap;
mod child_process;
mod config;
mod deployed_function;
mod download;
mod environment;
mod error;
mod event;
#[doc(hidden)]
pub mod extract;
mod lambda;
mod prepare;
mod process_group;
mod report;
mod retry;
mod stop;

use std::{io::stdout, time::Duration};

use tokio::time::{Instant, sleep_until};
use tracing::Instrument as _;

use crate::{
    manifest::Manifest,
    order::Order,
    runtime_api::{FunctionNames, Invocation, InvocationAnswer, RuntimeApi},
};
use attempt::{AttemptEnd, AttemptLimits, AttemptOutcome};
use config::{RunnerConfig, TaskEnvironment};
use environment::FunctionIdentity;
pub use error::{RunnerError, RunnerExit};
use prepare::PreparedAttempt;
use stop::StopSignal;

/// Runs one attempt of the order in the environment, and returns the exit code.
///
/// The manifest isn't asked: the order holds all that was decided for this attempt.
pub async fn run(_manifest: &Manifest) -> u8 {
    let variables = TaskEnvironment::read();
    let ended = match read(&variables) {
        Ok((order, config)) => {
            let span = tracing::info_span!("request", id = order.context.aws_request_id);
            let attempt = async { attempt(&order, &config, &variables).await.inspect_err(log) };
            attempt.instrument(span).await
        }
        Err(error) => Err(error).inspect_err(log),
    };
    ended.unwrap_or_else(|error| RunnerExit::from(&error)).into()
}

fn log(error: &RunnerError) {
    tracing::error!("{error}");
}

async fn attempt(order: &Order, config: &RunnerConfig, variables: &TaskEnvironment) -> Result<RunnerExit, RunnerError> {
    let started = Instant::now();
    let broken = |error: std::io::Error| RunnerError::Internal(format!("the runner itself failed: {error}"));
    let mut stop = StopSignal::listen().map_err(broken)?;
    let limit = order.limit.map(|seconds| started + Duration::from_secs(seconds));
    let prepared = tokio::select! {
        biased;
        () = stop.told() => {
            tracing::warn!("the task is told to stop before request {} ran", order.context.aws_request_id);
            return Ok(RunnerExit::Stopped);
        }
        () = until(limit) => {
            tracing::error!("the limit was reached before request {} ran", order.context.aws_request_id);
            return Ok(RunnerExit::LimitReached);
        }
        prepared = Box::pin(prepare::prepare(order, config)) => prepared?,
    };
    let bounds = AttemptLimits { limit, stop_timeout: config.stop_timeout, start_timeout: config.start_timeout };
    let api = RuntimeApi::bind().await.map_err(broken)?;
    invoke(order, config, prepared, variables, &api, &mut stop, bounds).await
}

/// Reads order and configuration, or says all that is wrong with both.
fn read(variables: &TaskEnvironment) -> Result<(Order, RunnerConfig), RunnerError> {
    let lookup = |name: &str| variables.get(name);
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

async fn until(moment: Option<Instant>) {
    match moment {
        Some(moment) => sleep_until(moment).await,
        None => std::future::pending().await,
    }
}

async fn invoke(
    order: &Order,
    config: &RunnerConfig,
    prepared: PreparedAttempt,
    variables: &TaskEnvironment,
    api: &RuntimeApi,
    stop: &mut StopSignal,
    bounds: AttemptLimits,
) -> Result<RunnerExit, RunnerError> {
    let PreparedAttempt { event, function, bootstrap } = prepared;
    let identity = FunctionIdentity::of(order, &function);
    let (context, request_id) = (&order.context, order.context.aws_request_id.as_str());
    api.describe(FunctionNames {
        name: identity.name.clone(),
        version: identity.version.clone(),
        handler: identity.handler.clone(),
    });
    let invocation = Invocation {
        request_id: request_id.to_owned(),
        event,
        deadline_ms: attempt::deadline_ms(),
        function_arn: identity.arn.clone(),
        trace_id: context.xray_trace_id.clone(),
        client_context: context.client_context.as_ref().map(|json| json.get().to_owned()),
        cognito_identity: context.identity.as_ref().map(|json| json.get().to_owned()),
        tenant_id: context.tenant_id.clone(),
    };
    let environment = environment::of_child(order, &function, config, api.address(), |name| variables.get(name));
    // What stdout does with these lines doesn't change what the handler did: errors of it have no one to go to.
    let _ = report::start(&mut stdout().lock(), request_id, &identity.version);
    let started = Instant::now();
    let report = |max_memory_mb| report::InvocationReport {
        request_id,
        duration: started.elapsed(),
        memory_mb: identity.memory_mb,
        max_memory_mb,
        attempt: order.attempt,
    };
    let child = match attempt::start(&bootstrap, &config.task_root, &environment) {
        Ok(child) => child,
        Err(error) => {
            let _ = report::end(&mut stdout().lock(), None, 0, &report(None));
            return Err(error);
        }
    };
    let outcome = attempt::run(api, invocation, child, stop, bounds).await;
    let (result, length) = match &outcome.end {
        AttemptEnd::Answered(InvocationAnswer::Response(body)) => (Some(&*body.bytes), body.length),
        _ => (None, 0),
    };
    let _ = report::end(&mut stdout().lock(), result, length, &report(outcome.max_memory_mb));
    tell(&outcome, &identity.name, request_id);
    Ok(outcome.exit)
}

/// One line on stderr for an attempt that didn't succeed.
fn tell(outcome: &AttemptOutcome, name: &str, request_id: &str) {
    let what = match &outcome.end {
        AttemptEnd::Answered(InvocationAnswer::Response(_)) => return,
        AttemptEnd::Answered(InvocationAnswer::Error(failure)) => format!("returned {}", attempt::words(failure)),
        AttemptEnd::Answered(InvocationAnswer::Missing(_)) => {
            "asked for the next event without a whole answer to this one".to_owned()
        }
        AttemptEnd::Answered(InvocationAnswer::InitError(failure)) => {
            format!("couldn't start: {}", attempt::words(failure))
        }
        AttemptEnd::Exited(child_process::ProcessEnd::Code(code)) => format!("exited with {code}, without an answer"),
        AttemptEnd::Exited(child_process::ProcessEnd::Signal(9)) if matches!(outcome.exit, RunnerExit::Killed(_)) => {
            "was killed by signal 9, as for want of memory: give the task more of it".to_owned()
        }
        AttemptEnd::Exited(child_process::ProcessEnd::Signal(signal)) => {
            format!("was killed by signal {signal}, without an answer")
        }
    };
    tracing::error!("function {name}, request {request_id}: the handler {what}");
}
