//! The handler role: the user's handler as a Lambda function, on `lambda_runtime`.

#![warn(clippy::print_stderr)]

pub mod bounds;
mod failure;
mod handover;
pub(crate) mod json_handler;
mod own_error;
mod service;

use std::{
    any::Any,
    fmt::Debug,
    panic::{AssertUnwindSafe, catch_unwind},
};

use futures_core::Stream;
use lambda_runtime::{
    Diagnostic, Error, IntoFunctionResponse, LambdaEvent, LambdaInvocation, Runtime, Service,
    layers::TracingLayer,
    service_fn,
    tower::util::{MapFutureLayer, MapRequestLayer},
};
use serde::{Deserialize, Serialize};

pub(crate) use self::handover::stop_notice;
use self::{
    failure::{HandlerFailure, bounded, panic_message},
    handover::{GuardedService, HandOver},
    service::{EventBytes, SkippedPayload, TypedService},
};
use crate::{lambda_errors, manifest::Manifest, names::env, stderr, stopping};

/// Variables that Lambda always sets, and `lambda_runtime` panics without.
const REQUIRED: [&str; 4] =
    [env::RUNTIME_API, env::FUNCTION_NAME, "AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "AWS_LAMBDA_FUNCTION_VERSION"];

/// The handler role of `main`: makes the state, then serves events until the process ends. Returns the exit code.
pub(crate) fn role(
    manifest: &Manifest,
    start: json_handler::HandlerStart,
    runtime: &tokio::runtime::Runtime,
    log: impl FnOnce(),
) -> u8 {
    let missing = missing(|name| std::env::var_os(name).is_some());
    if !missing.is_empty() {
        stderr::line(format_args!(
            "the handler role needs {}, which Lambda sets; to run it here: cargo immortal local --event event.json",
            missing.join(", ")
        ));
        return 2;
    }
    let handler = match catch_unwind(AssertUnwindSafe(|| runtime.block_on(start()))) {
        Ok(Ok(handler)) => handler,
        Ok(Err(diagnostic)) => return init_failed(diagnostic),
        Err(panic) => return init_failed(panicked(&*panic)),
    };
    log();
    match runtime.block_on(serve_json(manifest.grace, handler)) {
        Ok(()) => 0,
        Err(error) => {
            stderr::line(format_args!("the Lambda runtime ended: {error}"));
            1
        }
    }
}

/// Serves events with a type-erased handler, so that this is compiled once.
pub(crate) async fn serve_json(grace: u64, handler: json_handler::JsonHandler) -> Result<(), Error> {
    let bytes = EventBytes::default();
    let event = bytes.clone();
    let service = service_fn(|skipped: LambdaEvent<SkippedPayload>| handler(&event.take(), skipped.context));
    serve(grace, bytes, service).await
}

/// Serves events with a service of any kind.
pub(crate) async fn run<A, F, R, B, S, D, E>(manifest: &Manifest, service: F) -> Result<(), Error>
where
    F: Service<LambdaEvent<A>, Response = R>,
    F::Future: Future<Output = Result<R, F::Error>>,
    F::Error: Into<Diagnostic> + Debug + 'static,
    A: for<'de> Deserialize<'de>,
    R: IntoFunctionResponse<B, S>,
    B: Serialize,
    S: Stream<Item = Result<D, E>> + Unpin + Send + 'static,
    D: Into<bytes::Bytes> + Send,
    E: Into<Error> + Send + Debug,
{
    let bytes = EventBytes::default();
    let service = TypedService::new(service, bytes.clone());
    serve(manifest.grace, bytes, service).await
}

/// Serves events on `lambda_runtime` like its own `run`, and hands over those that don't finish in time.
///
/// `grace` is the manifest's; `bytes` gets each event before the service does.
async fn serve<F, R, B, S, D, E>(grace: u64, bytes: EventBytes, service: F) -> Result<(), Error>
where
    F: Service<LambdaEvent<SkippedPayload>, Response = R, Error = HandlerFailure>,
    F::Future: Future<Output = Result<R, HandlerFailure>> + Unpin,
    R: IntoFunctionResponse<B, S>,
    B: Serialize,
    S: Stream<Item = Result<D, E>> + Unpin + Send + 'static,
    D: Into<bytes::Bytes> + Send,
    E: Into<Error> + Send + Debug,
{
    let handover = HandOver::new(grace, |name| std::env::var(name).ok()).installed();
    let guarded = GuardedService::new(service, handover.clone());
    // Around the guard: what deletes the progress has the claim, so that no event is handed over without its progress.
    #[cfg(feature = "progress")]
    let guarded = crate::progress::FinishingService(guarded);
    let noting = MapRequestLayer::new(move |mut invocation: LambdaInvocation| {
        handover.store_invocation(&invocation);
        bytes.move_from(&mut invocation);
        invocation
    });
    let answering = MapFutureLayer::new(|answered| async {
        let answered = answered.await;
        stopping::answered();
        answered
    });
    Runtime::new(guarded).layer(noting).layer(answering).layer(TracingLayer::new()).run().await
}

fn missing(is_set: impl Fn(&str) -> bool) -> Vec<&'static str> {
    REQUIRED.into_iter().filter(|name| !is_set(name)).collect()
}

/// Reports a failed `init` to Lambda, which otherwise would only see the process exit.
fn init_failed(diagnostic: Diagnostic) -> u8 {
    let diagnostic = bounded(diagnostic);
    stderr::line(format_args!("init failed: {}: {}", diagnostic.error_type, diagnostic.error_message));
    if let Err(error) = lambda_errors::init_error(&diagnostic) {
        stderr::line(format_args!("init's failure can't be reported to Lambda: {error}"));
    }
    1
}

fn panicked(panic: &(dyn Any + Send)) -> Diagnostic {
    Diagnostic {
        error_type: "Runtime.InitError".to_owned(),
        error_message: format!("init panicked: {}", panic_message(panic).unwrap_or("without a message")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_missing_variable_is_named_at_once() {
        assert_eq!(missing(|name| name == env::FUNCTION_NAME).len(), 3);
        assert!(missing(|_| true).is_empty());
    }

    #[test]
    fn a_panic_in_init_keeps_its_message() {
        let table: [(Box<dyn Any + Send>, &str); 3] = [
            (Box::new("no table"), "init panicked: no table"),
            (Box::new("no table".to_owned()), "init panicked: no table"),
            (Box::new(1), "init panicked: without a message"),
        ];
        for (panic, expected) in table {
            assert_eq!(panicked(&*panic).error_message, expected);
        }
    }
}
