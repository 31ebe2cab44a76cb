//! The attributes of `immortal-lambda`, which re-exports them.
//!
//! `#[immortal]` reads its arguments (`args`) and the handler's signature (`function`, `handler`), checks them
//! (`validate`) and adds one `main` to the unchanged handler (`expand`). `#[immortal::main]` does the same for a user's
//! own `main` (`own_main`).

mod args;
mod errors;
mod expand;
mod function;
mod handler;
mod own_main;
mod task_size;
#[cfg(test)]
mod tests;
mod validate;

use proc_macro::TokenStream;

/// Runs the failed events of an AWS Lambda handler again on AWS Fargate, without a time limit.
///
/// ```
/// use immortal::{Error, LambdaEvent, immortal};
/// use serde_json::Value;
///
/// #[immortal]
/// async fn ingest(event: LambdaEvent<Value>) -> Result<Value, Error> {
///     Ok(event.payload)
/// }
/// ```
///
/// A handler is an `async fn` from `LambdaEvent<T>` to `Result<R, E>`. `T` implements `serde::Deserialize` and borrows
/// nothing, `R` implements `serde::Serialize`, and `E` is `immortal::Error` or anything else that turns into a
/// `immortal::Diagnostic` and implements `Debug`. Its future need not be `Send`. A handler that was
/// written for `lambda_runtime` needs no change.
///
/// The attribute leaves the handler unchanged, and adds the binary's `main`: in Lambda it runs the handler, as
/// dispatcher it starts a Fargate task for each failed event, and in the task it runs the function's code again.
///
/// # Arguments
///
/// All are optional, and all are checked at compile time.
///
/// | argument | value | default |
/// | --- | --- | --- |
/// | `init` | the path of an `async fn` that creates the handler's state | none |
/// | `cpu` | ECS CPU units, as `1024` or `"1 vCPU"`; together with `memory` | the task definition's |
/// | `memory` | MiB, as `4096` or `"4 GB"`; together with `cpu`, in one of the pairs that Fargate has, up to 32 vCPU and 244 GB; the size of the task only: its containers have no limits of their own | the task definition's |
/// | `memory_max` | as `memory`, and not less: after an attempt that ran out of memory, the next one has twice as much, up to this | none: the size stays |
/// | `storage` | ephemeral storage in GiB, 21 to 200 | the task definition's |
/// | `spot` | `true`: tasks run on `FARGATE_SPOT` | `false` |
/// | `attempts` | how many Fargate tasks an event may use, 1 to 10; interruptions aren't counted | `3` |
/// | `on` | `any`, or `killed`: all failures but the errors that the handler itself returned | `any` |
/// | `grace` | how long before its deadline the handler's event is handed over: `"1500ms"`, `"10s"`, `"1m"`; at most a tenth of the timeout; `"0s"`: never | `"10s"` |
/// | `limit` | how long one Fargate attempt may run: `"90s"`, `"30m"`, `"6h"` | none |
/// | `crate` | the path of this crate | `::immortal` |
///
/// ```
/// use immortal::{Error, LambdaEvent, immortal};
/// use serde_json::Value;
///
/// #[immortal(cpu = "4 vCPU", memory = "16 GB", storage = 100, spot = true, attempts = 5, on = killed, limit = "6h")]
/// async fn ingest(event: LambdaEvent<Value>) -> Result<Value, Error> {
///     Ok(event.payload)
/// }
/// ```
///
/// A function that is also called synchronously sets `grace = "0s"`: dead-letter queues and destinations exist for
/// asynchronous invocations only, and a hand-over would be that caller's error.
///
/// # State
///
/// `init` creates what is needed once per process, such as a client; the handler borrows it as its second parameter. It
/// runs in the handler role only. If it fails, its error is reported to Lambda. It runs before immortal sets a tracing
/// subscriber, so a subscriber that it sets is kept; without one, its log output is lost.
///
/// ```
/// use immortal::{Error, LambdaEvent, immortal};
///
/// struct Words(Vec<String>);
///
/// #[immortal(init = connect)]
/// async fn find(event: LambdaEvent<String>, words: &Words) -> Result<Option<usize>, Error> {
///     Ok(words.0.iter().position(|word| *word == event.payload))
/// }
///
/// async fn connect() -> Result<Words, Error> {
///     Ok(Words(vec!["ash".to_owned(), "phoenix".to_owned()]))
/// }
/// ```
///
/// # Tests
///
/// The handler stays an ordinary `async fn` under its own name. A test calls it with a state of its own:
///
/// ```
/// # use immortal::{Error, LambdaEvent, immortal};
/// # struct Words(Vec<String>);
/// # #[immortal(init = connect)]
/// # async fn find(event: LambdaEvent<String>, words: &Words) -> Result<Option<usize>, Error> {
/// #     Ok(words.0.iter().position(|word| *word == event.payload))
/// # }
/// # async fn connect() -> Result<Words, Error> { Ok(Words(Vec::new())) }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn a_test() {
/// // in an async test, such as one of `#[tokio::test]`
/// let words = Words(vec!["ash".to_owned()]);
/// let event = LambdaEvent::new("ash".to_owned(), immortal::Context::default());
/// assert_eq!(find(event, &words).await.expect("no error"), Some(0));
/// # }
/// # a_test();
/// ```
///
/// # Your own `main`
///
/// A function whose `main` does more, or whose handler is in a module, keeps its `main`, under
/// [`#[immortal::main]`](macro@main). The attribute on the handler is a shorthand for that.
///
/// # What it does not accept
///
/// - functions that aren't async, or are `const`, `unsafe` or `extern`; methods; generic parameters and lifetimes
/// - a bare event (`event: Value`), and one that borrows (`&str`, `Visitor<'_>`)
/// - a handler named `main`, or one under `#[tokio::main]`: the attribute writes `main`, and starts the runtime
/// - outcomes that aren't a `Result`, and streamed responses
/// - a handler in a module: move it to the crate's root file, or put [`#[immortal::main]`](macro@main) on `main`
/// - two handlers in one binary: give each its own
/// - a `main` that is there already: rustc says that `main` is defined twice (E0428) and marks both; remove your
///   `main`, or remove `#[immortal]` and put [`#[immortal::main]`](macro@main) on it
///
/// In a library, the `main` that the attribute adds is unused: leave the handler without the attribute, and call
/// `immortal::run` with it in the binary. The binary must unwind, as by default: with `panic = "abort"` a panic ends
/// the process.
#[proc_macro_attribute]
pub fn immortal(args: TokenStream, item: TokenStream) -> TokenStream {
    expand::immortal(args.into(), &item.into()).into()
}

/// Replaces `#[tokio::main]` on the `main` of an AWS Lambda function, and runs its failed events again on AWS Fargate,
/// without a time limit.
///
/// ```no_run
/// use immortal::{Error, LambdaEvent, service_fn};
/// use serde_json::Value;
///
/// struct Table(Vec<String>);
///
/// #[immortal::main(cpu = "1 vCPU", memory = "4 GB")]
/// async fn main() -> Result<(), Error> {
///     let table = Table(vec!["ash".to_owned(), "phoenix".to_owned()]);
///     immortal::run(service_fn(|event| find(event, &table))).await
/// }
///
/// async fn find(event: LambdaEvent<String>, table: &Table) -> Result<Option<usize>, Error> {
///     Ok(table.0.iter().position(|word| *word == event.payload))
/// }
/// ```
///
/// The role of the process is picked before anything of this `main` runs, and only the handler role runs it: it may
/// need variables that only the function has, print, and connect. `immortal::run` takes the tower service
/// that `lambda_runtime::run` takes, layers included. A `main` that returns or panics before `immortal::run` ends the
/// process as it would without the attribute; a second `immortal::run` in one process is an error.
///
/// An `async fn` runs on tokio's multi-thread runtime, as under `#[tokio::main]`. A plain `fn` gets no runtime, and
/// makes its own:
///
/// ```no_run
/// use immortal::{Error, LambdaEvent, service_fn};
///
/// #[immortal::main]
/// fn main() -> Result<(), Error> {
///     let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
///     runtime.block_on(immortal::run(service_fn(greet)))
/// }
///
/// async fn greet(event: LambdaEvent<String>) -> Result<String, Error> {
///     Ok(format!("hello, {}", event.payload))
/// }
/// ```
///
/// # Arguments
///
/// Those of [`#[immortal]`](macro@immortal), without `init`: `main` creates what is needed once per process.
///
/// # What it does not accept
///
/// - another function than the crate's `main`; on a handler it is [`#[immortal]`](macro@immortal)
/// - a `main` with parameters or generics, and one under `#[tokio::main]` as well
#[proc_macro_attribute]
pub fn main(args: TokenStream, item: TokenStream) -> TokenStream {
    own_main::main(args.into(), &item.into()).into()
}
