//! The `#[immortal]` attribute of `immortal-lambda`, which re-exports it.
//!
//! It reads its arguments (`args`) and the handler's signature (`handler`), checks them (`validate`) and writes one
//! `main` beside the untouched handler (`expand`).

mod args;
mod errors;
mod expand;
mod handler;
mod task_size;
#[cfg(test)]
mod tests;
mod validate;

use proc_macro::TokenStream;

/// Gives the failed events of an AWS Lambda handler another life on AWS Fargate, without a time limit.
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
/// `immortal::Diagnostic` and implements `Debug`. What it holds over an `.await` need not be `Send`. A handler that was
/// written for `lambda_runtime` needs no change.
///
/// The attribute leaves the handler as it is, and adds the `main` of the binary: in Lambda it runs the handler, as
/// dispatcher it starts a Fargate task for each failed event, and in the task it runs the function's code once more.
///
/// # Arguments
///
/// All are optional, and all are checked while compiling.
///
/// | argument | value | default |
/// | --- | --- | --- |
/// | `init` | the path of an `async fn` that makes the handler's state | none |
/// | `cpu` | ECS CPU units, as `1024` or `"1 vCPU"`; together with `memory` | the task definition's |
/// | `memory` | MiB, as `4096` or `"4 GB"`; together with `cpu`, in one of the pairs that Fargate has | the task definition's |
/// | `storage` | ephemeral storage in GiB, 21 to 200 | the task definition's |
/// | `spot` | `true`: tasks run on `FARGATE_SPOT` | `false` |
/// | `attempts` | how many Fargate tasks an event may use, 1 to 10; interruptions aren't counted | `3` |
/// | `on` | `any`, or `killed`: all failures but the errors that the handler itself returned | `any` |
/// | `grace` | how long before its deadline the handler's event is handed over: `"1500ms"`, `"10s"`, `"1m"`; at most a tenth of the time there is; `"0s"`: never | `"10s"` |
/// | `limit` | how long one Fargate attempt may run: `"90s"`, `"30m"`, `"6h"` | none |
/// | `crate` | the path under which this crate is known | `::immortal` |
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
/// What is made once per process, such as a client, is made by `init`, and the handler borrows it as its second
/// parameter. It is made where the handler runs, in no other role; when it fails, Lambda is told its own message. It runs
/// before immortal sets a tracing subscriber, so that one of its own wins; without one, what it logs is not kept.
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
/// The handler stays an ordinary `async fn` under its own name. A test calls it, and hands it whatever state it likes:
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
/// # Equivalent code without `#[immortal]`
///
/// The attribute is sugar. `immortal::run` takes the tower service that `lambda_runtime::run` takes, so layers and
/// `lambda_http` work too; its tasks have the defaults above, and what `main` does before it, it does in every role:
///
/// ```no_run
/// use immortal::{Error, LambdaEvent, service_fn};
/// use serde_json::Value;
///
/// #[tokio::main]
/// async fn main() -> Result<(), Error> {
///     immortal::run(service_fn(ingest)).await
/// }
///
/// async fn ingest(event: LambdaEvent<Value>) -> Result<Value, Error> {
///     Ok(event.payload)
/// }
/// ```
///
/// # What it does not accept
///
/// - functions that aren't async, or are `const`, `unsafe` or `extern`; methods; generic parameters and lifetimes
/// - a bare event (`event: Value`), and one that borrows (`&str`, `Visitor<'_>`)
/// - a handler named `main`, or one under `#[tokio::main]`: the attribute writes `main`, and starts the runtime
/// - outcomes that aren't a `Result`, and streamed responses
/// - two handlers in one binary: give each its own
///
/// In a library, the `main` that it writes is nobody's: leave the handler plain there, and call `immortal::run` with
/// it in the binary. The binary must unwind, as is the default: with `panic = "abort"` a panic ends the process.
#[proc_macro_attribute]
pub fn immortal(args: TokenStream, item: TokenStream) -> TokenStream {
    expand::expand(args.into(), &item.into()).into()
}
