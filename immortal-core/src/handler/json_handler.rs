//! The handler with its types erased, so that everything around it is compiled once, in this crate.

use std::pin::Pin;

use lambda_runtime::{Context, Diagnostic, LambdaEvent};
use serde_json::value::RawValue;

use super::{
    bounds::{EventPayload, HandlerError, HandlerEvent, HandlerOutput, HandlerResponse, StateInit},
    failure::HandlerFailure,
};

/// A future on the heap.
type BoxedFuture<T> = Pin<Box<dyn Future<Output = T>>>;

/// A handler's response: JSON or an error.
type HandlerAnswer = BoxedFuture<Result<Box<RawValue>, HandlerFailure>>;

/// A handler from JSON to JSON.
pub(crate) type JsonHandler = Box<dyn Fn(&[u8], Context) -> HandlerAnswer>;

/// Makes the handler and its state.
pub(crate) type HandlerStart = Box<dyn FnOnce() -> BoxedFuture<Result<JsonHandler, Diagnostic>>>;

pub(crate) fn from_function<V, H, F>(handler: H) -> JsonHandler
where
    V: HandlerEvent<Payload: EventPayload>,
    H: Fn(V) -> F + 'static,
    F: Future<Output: HandlerOutput<Response: HandlerResponse, Failure: HandlerError>> + 'static,
{
    Box::new(move |event, context| match read(event) {
        Ok(payload) => {
            let running = handler(V::from_event(LambdaEvent { payload, context }));
            Box::pin(async move { answer(running.await.into_result()) })
        }
        Err(failed) => Box::pin(std::future::ready(Err(failed))),
    })
}

pub(crate) fn handler_with_state<V, S, H, F, I>(given: H, init: I) -> BoxedFuture<Result<JsonHandler, Diagnostic>>
where
    V: HandlerEvent<Payload: EventPayload> + 'static,
    S: Send + Sync + 'static,
    H: Fn(V, &'static S) -> F + 'static,
    F: Future<Output: HandlerOutput<Response: HandlerResponse, Failure: HandlerError>> + 'static,
    I: StateInit<S> + 'static,
{
    Box::pin(async move {
        let state: &'static S = Box::leak(Box::new(init.make().await?));
        Ok(from_function(move |event| given(event, state)))
    })
}

pub(super) fn read<T: EventPayload>(event: &[u8]) -> Result<T, HandlerFailure> {
    let mut json = serde_json::Deserializer::from_slice(event);
    serde_path_to_error::deserialize(&mut json)
        .map_err(|error| HandlerFailure::unreadable_event(&error, std::any::type_name::<T>()))
}

fn answer<R: HandlerResponse, E: HandlerError>(outcome: Result<R, E>) -> Result<Box<RawValue>, HandlerFailure> {
    match outcome {
        Ok(response) => {
            serde_json::value::to_raw_value(&response).map_err(|error| HandlerFailure::unwritable_response(&error))
        }
        Err(error) => Err(HandlerFailure::from_error(error)),
    }
}

#[cfg(test)]
mod tests {
    use lambda_runtime::Error;
    use serde_json::{Value, json};

    use super::*;

    #[derive(serde::Deserialize)]
    struct LineTotals {
        lines: Vec<u32>,
    }

    async fn total(event: LambdaEvent<LineTotals>) -> Result<u32, Error> {
        let total: u32 = event.payload.lines.iter().sum();
        if total == 0 { Err("an empty order".into()) } else { Ok(total) }
    }

    async fn ask(handler: &JsonHandler, event: Value) -> Result<String, HandlerFailure> {
        handler(event.to_string().as_bytes(), Context::default()).await.map(|json| json.get().to_owned())
    }

    #[tokio::test]
    async fn json_goes_in_and_comes_out() {
        let handler = from_function(total);
        assert_eq!(ask(&handler, json!({"lines": [1, 2]})).await.expect("a good order"), "3");
    }

    #[tokio::test]
    async fn an_error_is_logged_as_itself_and_told_as_a_diagnostic() {
        let failed = ask(&from_function(total), json!({"lines": []})).await.expect_err("an empty order");
        assert_eq!(format!("{failed:?}"), r#""an empty order""#);
        assert_eq!(Diagnostic::from(failed).error_message, "an empty order");
    }

    #[tokio::test]
    async fn an_event_of_another_shape_says_where() {
        let failed = ask(&from_function(total), json!({"lines": [1, "two"]})).await.expect_err("no order");
        let message = Diagnostic::from(failed).error_message;
        assert!(message.contains("LineTotals`: lines[1]: invalid type"), "{message}");
    }

    #[tokio::test]
    async fn an_event_that_is_no_json_says_so() {
        let failed = from_function(total)(br#"{"lines": ["#, Context::default()).await.expect_err("no JSON");
        let diagnostic = Diagnostic::from(failed);
        assert_eq!(diagnostic.error_type, "Immortal.UnreadableEvent");
        assert!(diagnostic.error_message.starts_with("Immortal.UnreadableEvent: "), "{}", diagnostic.error_message);
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
