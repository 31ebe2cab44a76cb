//! The user's tower service as passed to `lambda_runtime`: it parses the event and reports errors itself.

use std::{
    cell::Cell,
    marker::PhantomData,
    mem,
    pin::Pin,
    rc::Rc,
    task::{self, Poll, ready},
};

use bytes::Bytes;
use lambda_runtime::{LambdaEvent, LambdaInvocation, Service};
use pin_project_lite::pin_project;
use serde::{Deserialize, Deserializer, de::DeserializeOwned};

use super::{bounds::HandlerError, failure::HandlerFailure, json_handler::read};

/// An event that `lambda_runtime` doesn't parse: the handler's type is deserialized from its bytes.
///
/// That avoids parsing each event twice, and makes the error of an unreadable event immortal's.
pub(super) struct SkippedPayload;

impl<'de> Deserialize<'de> for SkippedPayload {
    fn deserialize<D: Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        Ok(Self)
    }
}

/// The bytes of the current event. Invocations come one after the other.
#[derive(Clone, Default)]
pub(super) struct EventBytes(Rc<Cell<Bytes>>);

impl EventBytes {
    pub(super) fn move_from(&self, invocation: &mut LambdaInvocation) {
        self.0.set(mem::take(&mut invocation.body));
    }

    pub(super) fn take(&self) -> Bytes {
        self.0.take()
    }
}

/// A service of events of type `A`. Its futures are on the heap, and may be moved.
pub(super) struct TypedService<S, A> {
    inner: S,
    bytes: EventBytes,
    event: PhantomData<fn(A)>,
}

impl<S, A> TypedService<S, A> {
    pub(super) fn new(inner: S, bytes: EventBytes) -> Self {
        Self { inner, bytes, event: PhantomData }
    }
}

impl<S, A> Service<LambdaEvent<SkippedPayload>> for TypedService<S, A>
where
    S: Service<LambdaEvent<A>, Error: HandlerError>,
    A: DeserializeOwned,
{
    type Response = S::Response;
    type Error = HandlerFailure;
    type Future = Pin<Box<ServiceFuture<S::Future>>>;

    fn poll_ready(&mut self, cx: &mut task::Context<'_>) -> Poll<Result<(), HandlerFailure>> {
        self.inner.poll_ready(cx).map_err(HandlerFailure::from_error)
    }

    fn call(&mut self, LambdaEvent { context, .. }: LambdaEvent<SkippedPayload>) -> Self::Future {
        Box::pin(match read(&self.bytes.take()) {
            Ok(payload) => ServiceFuture::Service { future: self.inner.call(LambdaEvent { payload, context }) },
            Err(failure) => ServiceFuture::Unreadable { failure: Some(failure) },
        })
    }
}

pin_project! {
    /// The future of a service: running, or failed because the event couldn't be read.
    ///
    /// Named, and not boxed as `dyn Future`: a service may borrow from `main`, as it may for `lambda_runtime`.
    #[project = RunningProjection]
    pub(super) enum ServiceFuture<F> {
        Service { #[pin] future: F },
        Unreadable { failure: Option<HandlerFailure> },
    }
}

impl<R, E: HandlerError, F: Future<Output = Result<R, E>>> Future for ServiceFuture<F> {
    type Output = Result<R, HandlerFailure>;

    fn poll(self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Self::Output> {
        match self.project() {
            RunningProjection::Service { future } => {
                Poll::Ready(ready!(future.poll(cx)).map_err(HandlerFailure::from_error))
            }
            RunningProjection::Unreadable { failure } => match failure.take() {
                Some(failure) => Poll::Ready(Err(failure)),
                None => Poll::Pending,
            },
        }
    }
}
