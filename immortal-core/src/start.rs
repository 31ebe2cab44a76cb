//! How a process starts: `main` and `run` pick the role, and end with its exit code.
//!
//! What each role does is in its own module.

mod log;
mod own_main;

use std::{
    fmt::Debug,
    io::Write,
    process::{self, ExitCode},
};

use futures_core::Stream;
use lambda_runtime::{Diagnostic, Error, IntoFunctionResponse, LambdaEvent, Service};
use serde::{Deserialize, Serialize};

pub use self::own_main::{async_main, is_crate_root, plain_main};
use crate::{
    handler::{
        self,
        bounds::{EventPayload, HandlerError, HandlerEvent, HandlerOutput, HandlerResponse, StateInit},
        json_handler,
    },
    manifest::Manifest,
    names::env,
    role::{NoRole, Role},
    stderr,
};

/// The exit code of every role for wrong usage and for what can never work.
const WRONG_USE: u8 = 2;

/// The manifest of a function whose `main` has no attribute.
const DEFAULTS: &Manifest = &Manifest::for_main("", "");

/// What `#[immortal]` expands to: runs the handler, or another role.
///
/// The types come first and in this order, since the attribute writes into the turbofish what it can tell of them from
/// the tokens: an error then lands on the words of the user.
pub fn main<V, T, O, R, E, H, F>(handler: H, manifest: &'static Manifest) -> ExitCode
where
    V: HandlerEvent<Payload = T>,
    T: EventPayload,
    O: HandlerOutput<Response = R, Failure = E>,
    R: HandlerResponse,
    E: HandlerError,
    H: Fn(V) -> F + 'static,
    F: Future<Output = O> + 'static,
{
    begin(manifest, Box::new(move || Box::pin(async move { Ok(json_handler::from_function(handler)) })))
}

/// What `#[immortal(init = …)]` expands to: as [`main`], with state that is made once, in the handler role only.
pub fn main_with_state<V, T, O, R, E, S, H, F, I>(handler: H, init: I, manifest: &'static Manifest) -> ExitCode
where
    V: HandlerEvent<Payload = T> + 'static,
    T: EventPayload,
    O: HandlerOutput<Response = R, Failure = E>,
    R: HandlerResponse,
    E: HandlerError,
    S: Send + Sync + 'static,
    H: Fn(V, &'static S) -> F + 'static,
    F: Future<Output = O> + 'static,
    I: StateInit<S> + 'static,
{
    begin(manifest, Box::new(move || json_handler::handler_with_state(handler, init)))
}

/// Runs a service as an AWS Lambda function, or another role: `#[immortal]` without the macro.
///
/// A drop-in for `lambda_runtime::run`, with the same bounds but that an error borrows nothing, so `service_fn` and
/// tower's layers keep working. It belongs into a `main` under `#[immortal::main]`, of which nothing runs in any role
/// but the handler's, and whose arguments say how the function's tasks are run.
///
/// Under a plain `#[tokio::main]` it works too: it picks the role itself, and ends the process with the exit code of
/// any role but the handler's. What `main` does before it, it then does in every role, and all that the attribute sets
/// is the default. One process serves one service: a second call is an error.
///
/// # Panics
///
/// Where `lambda_runtime::run` does: when variables that Lambda always sets are missing.
pub async fn run<A, F, R, B, S, D, E>(service: F) -> Result<(), Error>
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
    own_main::take_process()?;
    let (role, manifest) = match own_main::manifest() {
        Some(manifest) => (Ok(Role::Handler), manifest),
        None => (pick(), DEFAULTS),
    };
    match role {
        Ok(Role::Handler) => handler::run(manifest, service).await,
        other => process::exit(i32::from(other_role(other, manifest).await)),
    }
}

fn begin(manifest: &Manifest, start: json_handler::HandlerStart) -> ExitCode {
    let runtime = match new_runtime() {
        Ok(runtime) => runtime,
        Err(code) => return code,
    };
    ExitCode::from(match pick() {
        Ok(Role::Handler) => handler::role(manifest, start, &runtime, log::init_handler),
        other => runtime.block_on(other_role(other, manifest)),
    })
}

/// A runtime like that of `#[tokio::main]`, or an exit code if it can't be created.
fn new_runtime() -> Result<tokio::runtime::Runtime, ExitCode> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(|error| {
        stderr::line(format_args!("the process can't start its threads: {error}"));
        ExitCode::FAILURE
    })
}

fn pick() -> Result<Role, NoRole> {
    Role::pick(|name| std::env::var_os(name).map(|value| value.to_string_lossy().into_owned()))
}

/// Runs every role but the handler's, and reports wrong usage.
async fn other_role(role: Result<Role, NoRole>, manifest: &Manifest) -> u8 {
    match role {
        Ok(Role::Dispatcher) => dispatcher(manifest).await,
        Ok(Role::Runner) => runner(manifest).await,
        Ok(Role::Describe) => describe(manifest),
        Ok(Role::Handler) => 0,
        Err(no_role) => {
            stderr::line(format_args!("{no_role}"));
            WRONG_USE
        }
    }
}

#[cfg(feature = "dispatcher")]
async fn dispatcher(manifest: &Manifest) -> u8 {
    log::init_dispatcher();
    // Boxed, so that the handler role's future doesn't get this one's size.
    Box::pin(crate::dispatcher::run(manifest)).await
}

#[cfg(not(feature = "dispatcher"))]
#[allow(clippy::unused_async, reason = "as async as the role it stands in for")]
async fn dispatcher(_: &Manifest) -> u8 {
    not_linked(Role::Dispatcher)
}

#[cfg(feature = "runner")]
async fn runner(manifest: &Manifest) -> u8 {
    log::init_runner();
    Box::pin(crate::runner::run(manifest)).await
}

#[cfg(not(feature = "runner"))]
#[allow(clippy::unused_async, reason = "as async as the role it stands in for")]
async fn runner(_: &Manifest) -> u8 {
    not_linked(Role::Runner)
}

#[cfg(not(all(feature = "dispatcher", feature = "runner")))]
fn not_linked(role: Role) -> u8 {
    stderr::line(format_args!("{}", NoRole::NotLinked(role)));
    WRONG_USE
}

fn describe(manifest: &Manifest) -> u8 {
    let written = serde_json::to_string(manifest)
        .map_err(std::io::Error::from)
        .and_then(|json| writeln!(std::io::stdout(), "{json}"));
    match written {
        Ok(()) => 0,
        Err(error) => {
            stderr::line(format_args!("the manifest can't be printed: {error}"));
            1
        }
    }
}

/// The number of this attempt at the event: 0 in Lambda, n in the nth Fargate task.
#[must_use]
pub fn attempt() -> u32 {
    std::env::var(env::ATTEMPT).ok().and_then(|attempt| attempt.parse().ok()).unwrap_or(0)
}
