//! What a handler's types must be able to do: the traits behind the attribute's error messages.
//!
//! They are implemented for all types that qualify, and by nobody else.

use std::fmt::Debug;

use lambda_runtime::{Diagnostic, LambdaEvent};
use serde::{Serialize, de::DeserializeOwned};

/// What a handler takes: the event together with its context.
#[diagnostic::on_unimplemented(
    message = "a handler can't take `{Self}`",
    label = "not a `LambdaEvent` of `lambda_runtime` 1",
    note = "a handler takes `LambdaEvent<T>`: the event is its `payload`, of your type `T`, the context its `context`",
    note = "the `LambdaEvent` of another version of `lambda_runtime` is another type: take `immortal::LambdaEvent`, or \
            depend on `lambda_runtime = \"1\"`"
)]
pub trait HandlerEvent {
    /// The event's own type.
    type Payload;

    /// The event as the handler takes it.
    fn from_event(event: LambdaEvent<Self::Payload>) -> Self;
}

impl<T> HandlerEvent for LambdaEvent<T> {
    type Payload = T;

    fn from_event(event: Self) -> Self {
        event
    }
}

/// What an event's JSON can be read into.
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't be read from an event's JSON",
    label = "doesn't implement `serde::Deserialize`",
    note = "derive it: `#[derive(serde::Deserialize)]`, without borrowed fields"
)]
pub trait EventPayload: DeserializeOwned {}

#[diagnostic::do_not_recommend]
impl<T: DeserializeOwned> EventPayload for T {}

/// What a handler returns.
#[diagnostic::on_unimplemented(
    message = "a handler can't return `{Self}`",
    label = "not a `Result`",
    note = "return `Result<{Self}, Error>`: an error is what tells Lambda that the event failed"
)]
pub trait HandlerOutput {
    /// What it returns when it succeeds.
    type Response;
    /// What it returns when it fails.
    type Failure;

    /// Either of them.
    fn into_result(self) -> Result<Self::Response, Self::Failure>;
}

impl<R, E> HandlerOutput for Result<R, E> {
    type Response = R;
    type Failure = E;

    fn into_result(self) -> Self {
        self
    }
}

/// What can be written as a response's JSON.
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't be written as a response's JSON",
    label = "doesn't implement `serde::Serialize`",
    note = "derive it: `#[derive(serde::Serialize)]`; a handler that returns nothing returns `()`, and streams aren't \
            accepted"
)]
pub trait HandlerResponse: Serialize {}

#[diagnostic::do_not_recommend]
impl<R: Serialize> HandlerResponse for R {}

/// What can be told to Lambda as a handler's error.
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't be reported to Lambda as an error",
    label = "doesn't implement `Into<immortal::Diagnostic>` and `Debug`",
    note = "return `immortal::Error`, into which `?` turns every error; or implement `From<{Self}>` for \
            `immortal::Diagnostic`, and derive `Debug`",
    note = "the errors of `anyhow`, `eyre` and `miette` need the feature of that name of `immortal-lambda`"
)]
pub trait HandlerError: Into<Diagnostic> + Debug + 'static {}

#[diagnostic::do_not_recommend]
impl<E: Into<Diagnostic> + Debug + 'static> HandlerError for E {}

/// A function that makes a handler's state `S`.
///
/// Its blanket impl may be recommended: what is wrong with an `init` is said by the bound that it doesn't meet.
pub trait StateInit<S> {
    /// Makes the state.
    fn make(self) -> impl Future<Output = Result<S, Diagnostic>>;
}

impl<S, I, F> StateInit<S> for I
where
    I: Fn() -> F,
    F: Future<Output: InitOutput<S>>,
{
    async fn make(self) -> Result<S, Diagnostic> {
        self().await.made()
    }
}

/// What `init` returns, for a handler whose state is `S`.
#[diagnostic::on_unimplemented(
    message = "this `init` returns `{Self}`, and the handler's state is `{S}`",
    label = "not an `async fn() -> Result<{S}, Error>`",
    note = "`init` returns a `Result` of the very type that the handler borrows"
)]
pub trait InitOutput<S> {
    /// The state, or why there is none.
    fn made(self) -> Result<S, Diagnostic>;
}

impl<S, E: HandlerError> InitOutput<S> for Result<S, E> {
    fn made(self) -> Result<S, Diagnostic> {
        self.map_err(Into::into)
    }
}
