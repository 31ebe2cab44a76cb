//! The handler without its types, so that everything that runs it is compiled once, in this crate.

use std::{
    fmt,
    pin::Pin,
    task::{self, Poll},
};

use lambda_runtime::{Context, Diagnostic, LambdaEvent};
use pin_project_lite::pin_project;
use serde_json::value::RawValue;

use super::bounds::{Event, Failure, Init, Outcome, Payload, Response};

/// A future on the heap.
type Boxed<T> = Pin<Box<dyn Future<Output = T>>>;

/// What a handler answers: JSON or an error.
type Answer = Pin<Box<dyn Future<Output = Result<Box<RawValue>, Failed>> + Send>>;

/// A handler from JSON to JSON.
pub(crate) type Handler = Box<dyn Fn(&[u8], Context) -> Answer>;

/// Makes the handler and its state.
pub(crate) type Start = Box<dyn FnOnce() -> Boxed<Result<Handler, Diagnostic>>>;

/// A handler's error: what Lambda is told, and what the log shows, which is the error's own `Debug`.
pub(crate) struct Failed {
    diagnostic: Diagnostic,
    shown: String,
}

impl fmt::Debug for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl From<Failed> for Diagnostic {
    fn from(failed: Failed) -> Self {
        failed.diagnostic
    }
}

impl Failed {
    fn of_handler(error: impl Failure) -> Self {
        let shown = format!("{error:?}");
        Self { shown, diagnostic: error.into() }
    }

    fn of_json(error_type: &str, error_message: String) -> Self {
        Self {
            shown: error_message.clone(),
            diagnostic: Diagnostic { error_type: error_type.to_owned(), error_message },
        }
    }
}

pub(crate) fn handler<V, H, F>(handler: H) -> Handler
where
    V: Event<Payload: Payload>,
    H: Fn(V) -> F + 'static,
    F: Future<Output: Outcome<Response: Response, Failure: Failure>> + Send + 'static,
{
    Box::new(move |event, context| match read(event) {
        Ok(payload) => Box::pin(Answering { running: handler(V::of(LambdaEvent { payload, context })) }),
        Err(failed) => Box::pin(std::future::ready(Err(failed))),
    })
}

pub(crate) fn handler_with_state<V, S, H, F, I>(given: H, init: I) -> Boxed<Result<Handler, Diagnostic>>
where
    V: Event<Payload: Payload> + 'static,
    S: 'static,
    H: Fn(V, &'static S) -> F + 'static,
    F: Future<Output: Outcome<Response: Response, Failure: Failure>> + Send + 'static,
    I: Init<S> + 'static,
{
    Box::pin(async move {
        let state: &'static S = Box::leak(Box::new(init.make().await?));
        Ok(handler(move |event| given(event, state)))
    })
}

pin_project! {
    /// A handler at work, whose outcome is written as JSON. An `async` block would hold its future twice.
    struct Answering<F> {
        #[pin]
        running: F,
    }
}

impl<F: Future<Output: Outcome<Response: Response, Failure: Failure>>> Future for Answering<F> {
    type Output = Result<Box<RawValue>, Failed>;

    fn poll(self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Self::Output> {
        self.project().running.poll(cx).map(|outcome| answer(outcome.into_result()))
    }
}

fn read<T: Payload>(event: &[u8]) -> Result<T, Failed> {
    let mut json = serde_json::Deserializer::from_slice(event);
    serde_path_to_error::deserialize(&mut json).map_err(|error| unreadable(&error, std::any::type_name::<T>()))
}

fn answer<R: Response, E: Failure>(outcome: Result<R, E>) -> Result<Box<RawValue>, Failed> {
    match outcome {
        Ok(response) => serde_json::value::to_raw_value(&response).map_err(|error| unwritable(&error)),
        Err(error) => Err(Failed::of_handler(error)),
    }
}

fn unreadable(error: &serde_path_to_error::Error<serde_json::Error>, wanted: &str) -> Failed {
    let place = match error.path().to_string() {
        path if path == "." => String::new(),
        path => format!("{path}: "),
    };
    Failed::of_json(
        "Immortal.UnreadableEvent",
        format!("the event can't be read as `{wanted}`: {place}{}", error.inner()),
    )
}

fn unwritable(error: &serde_json::Error) -> Failed {
    Failed::of_json("Immortal.UnwritableResponse", format!("the handler's response can't be written as JSON: {error}"))
}

#[cfg(test)]
mod tests {
    use lambda_runtime::Error;
    use serde_json::{Value, json};

    use super::*;

    #[derive(serde::Deserialize)]
    struct Order {
        lines: Vec<u32>,
    }

    async fn total(event: LambdaEvent<Order>) -> Result<u32, Error> {
        let total: u32 = event.payload.lines.iter().sum();
        if total == 0 { Err("an empty order".into()) } else { Ok(total) }
    }

    async fn ask(handler: &Handler, event: Value) -> Result<String, Failed> {
        handler(event.to_string().as_bytes(), Context::default()).await.map(|json| json.get().to_owned())
    }

    #[tokio::test]
    async fn json_goes_in_and_comes_out() {
        let handler = handler(total);
        assert_eq!(ask(&handler, json!({"lines": [1, 2]})).await.expect("a good order"), "3");
    }

    #[tokio::test]
    async fn an_error_is_logged_as_itself_and_told_as_a_diagnostic() {
        let failed = ask(&handler(total), json!({"lines": []})).await.expect_err("an empty order");
        assert_eq!(format!("{failed:?}"), r#""an empty order""#);
        assert_eq!(Diagnostic::from(failed).error_message, "an empty order");
    }

    #[tokio::test]
    async fn an_event_of_another_shape_says_where() {
        let failed = ask(&handler(total), json!({"lines": [1, "two"]})).await.expect_err("no order");
        let message = Diagnostic::from(failed).error_message;
        assert!(message.contains("Order`: lines[1]: invalid type"), "{message}");
    }

    #[tokio::test]
    async fn an_event_that_is_no_json_says_so() {
        let failed = handler(total)(br#"{"lines": ["#, Context::default()).await.expect_err("no JSON");
        let diagnostic = Diagnostic::from(failed);
        assert_eq!(diagnostic.error_type, "Immortal.UnreadableEvent");
        assert!(diagnostic.error_message.contains("EOF while parsing"), "{}", diagnostic.error_message);
    }

    #[tokio::test]
    async fn state_is_made_once_and_shared() {
        async fn init() -> Result<[u32; 2], Error> {
            Ok([20, 22])
        }
        async fn add(_: LambdaEvent<Value>, numbers: &[u32; 2]) -> Result<u32, Error> {
            Ok(numbers.iter().sum())
        }
        let handler = handler_with_state(add, init).await.expect("init succeeds");
        assert_eq!(ask(&handler, Value::Null).await.expect("no error"), "42");
        assert_eq!(ask(&handler, Value::Null).await.expect("no error"), "42");
    }

    #[tokio::test]
    async fn a_failed_init_keeps_its_message() {
        async fn init() -> Result<u32, Error> {
            Err("no such table".into())
        }
        async fn echo(_: LambdaEvent<Value>, state: &u32) -> Result<u32, Error> {
            Ok(*state)
        }
        let Err(diagnostic) = handler_with_state(echo, init).await else { panic!("init failed") };
        assert_eq!(diagnostic.error_message, "no such table");
    }
}
