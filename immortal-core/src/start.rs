//! How a process starts: `main` and `run` pick the role, and end with its exit code.
//!
//! What each role does is in its own module.

mod log;

use std::{
    fmt::Debug,
    io::Write,
    process::{self, ExitCode},
};

use futures_core::Stream;
use lambda_runtime::{Diagnostic, Error, IntoFunctionResponse, LambdaEvent, Service};
use serde::{Deserialize, Serialize};

use crate::{
    handler::{
        self,
        bounds::{Event, Failure, Init, Outcome, Payload, Response},
        erase,
    },
    manifest::Manifest,
    names::env,
    role::{NoRole, Role},
    stderr,
};

/// Wrong use, or what can never work: the exit code that every role has for it.
const WRONG_USE: u8 = 2;

/// What `#[immortal]` expands to: runs the handler, or another of this binary's lives.
///
/// The types come first and in this order, since the attribute writes into the turbofish what it can tell of them from
/// the tokens: an error then lands on the words of the user.
pub fn main<V, T, O, R, E, H, F>(handler: H, manifest: &'static Manifest) -> ExitCode
where
    V: Event<Payload = T>,
    T: Payload,
    O: Outcome<Response = R, Failure = E>,
    R: Response,
    E: Failure,
    H: Fn(V) -> F + 'static,
    F: Future<Output = O> + 'static,
{
    begin(manifest, Box::new(move || Box::pin(async move { Ok(erase::handler(handler)) })))
}

/// What `#[immortal(init = …)]` expands to: as [`main`], with state that is made once, in the handler role only.
pub fn main_with_state<V, T, O, R, E, S, H, F, I>(handler: H, init: I, manifest: &'static Manifest) -> ExitCode
where
    V: Event<Payload = T> + 'static,
    T: Payload,
    O: Outcome<Response = R, Failure = E>,
    R: Response,
    E: Failure,
    S: Send + Sync + 'static,
    H: Fn(V, &'static S) -> F + 'static,
    F: Future<Output = O> + 'static,
    I: Init<S> + 'static,
{
    begin(manifest, Box::new(move || erase::handler_with_state(handler, init)))
}

/// Runs a service as an AWS Lambda function, or another of this binary's lives: `#[immortal]` without the macro.
///
/// A drop-in for `lambda_runtime::run`, with the same bounds, so `service_fn`, tower's layers and the adapter of
/// `lambda_http` keep working. In the handler role it serves events and returns when the runtime ends; in any other
/// role it ends the process itself, with that role's exit code. Whatever a hand-written `main` does before it, it does
/// in every role. Attempts, grace and all else that the attribute sets are the defaults.
///
/// ```no_run
/// use lambda_runtime::{Error, LambdaEvent, service_fn};
/// # use immortal_core::start as immortal;
///
/// #[tokio::main]
/// async fn main() -> Result<(), Error> {
///     immortal::run(service_fn(async |event: LambdaEvent<String>| Ok::<_, Error>(event.payload))).await
/// }
/// ```
///
/// # Panics
///
/// Where `lambda_runtime::run` does: when variables that Lambda always sets are missing.
pub async fn run<A, F, R, B, S, D, E>(service: F) -> Result<(), Error>
where
    F: Service<LambdaEvent<A>, Response = R>,
    F::Future: Future<Output = Result<R, F::Error>>,
    F::Error: Into<Diagnostic> + Debug,
    A: for<'de> Deserialize<'de>,
    R: IntoFunctionResponse<B, S>,
    B: Serialize,
    S: Stream<Item = Result<D, E>> + Unpin + Send + 'static,
    D: Into<bytes::Bytes> + Send,
    E: Into<Error> + Send + Debug,
{
    let manifest = Manifest::new("main", "", "");
    match pick() {
        Ok(Role::Handler) => handler::run(&manifest, service).await,
        other => process::exit(i32::from(other_role(other, &manifest).await)),
    }
}

fn begin(manifest: &Manifest, start: erase::Start) -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            stderr::line(format_args!("the process can't start its threads: {error}"));
            return ExitCode::FAILURE;
        }
    };
    ExitCode::from(match pick() {
        Ok(Role::Handler) => handler::role(manifest, start, &runtime, log::of_handler),
        other => runtime.block_on(other_role(other, manifest)),
    })
}

fn pick() -> Result<Role, NoRole> {
    Role::pick(|name| std::env::var_os(name).map(|value| value.to_string_lossy().into_owned()))
}

/// Every role but the handler's, and wrong use.
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
    log::of_dispatcher();
    // Boxed, or the handler role has a future of this one's size.
    Box::pin(crate::dispatcher::run(manifest)).await
}

#[cfg(not(feature = "dispatcher"))]
#[allow(clippy::unused_async, reason = "as async as the role it stands in for")]
async fn dispatcher(_: &Manifest) -> u8 {
    not_linked("dispatcher")
}

#[cfg(feature = "runner")]
async fn runner(manifest: &Manifest) -> u8 {
    log::of_runner();
    Box::pin(crate::runner::run(manifest)).await
}

#[cfg(not(feature = "runner"))]
#[allow(clippy::unused_async, reason = "as async as the role it stands in for")]
async fn runner(_: &Manifest) -> u8 {
    not_linked("runner")
}

#[cfg(not(all(feature = "dispatcher", feature = "runner")))]
fn not_linked(role: &str) -> u8 {
    stderr::line(format_args!(
        "this binary was built without the {role} role: build it with the feature `{role}` of immortal-lambda, which \
         is on by default"
    ));
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

/// Which attempt at its event this process is: 0 in Lambda, n in the nth Fargate task.
#[must_use]
pub fn attempt() -> u32 {
    std::env::var(env::ATTEMPT).ok().and_then(|attempt| attempt.parse().ok()).unwrap_or(0)
}
