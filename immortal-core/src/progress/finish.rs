//! Deletes the progress of a job that succeeds in Lambda, before its response is sent. On Fargate the dispatcher does
//! that.

use std::{
    collections::BTreeMap,
    pin::Pin,
    sync::{Mutex, MutexGuard, PoisonError},
    task::{self, Poll, ready},
};

use lambda_runtime::{LambdaEvent, Service};

use super::store::ProgressStore;
use crate::stderr;

/// The progress that current invocations have opened, by request id.
static OPENED: Mutex<BTreeMap<String, ProgressStore>> = Mutex::new(BTreeMap::new());

fn lock() -> MutexGuard<'static, BTreeMap<String, ProgressStore>> {
    OPENED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Registers the progress of an invocation in Lambda.
pub(super) fn opened(store: ProgressStore) {
    lock().insert(store.place.request_id.clone(), store);
}

async fn delete(store: ProgressStore) {
    if let Err(error) = store.delete().await {
        stderr::line(format_args!("the job has succeeded, and its progress is left in its bucket: {error}"));
    }
}

/// The user's service; deletes the progress of each event that it has handled.
pub(crate) struct FinishingService<S>(pub(crate) S);

impl<A, R, E, S> Service<LambdaEvent<A>> for FinishingService<S>
where
    S: Service<LambdaEvent<A>, Response = R, Error = E>,
    S::Future: Future<Output = Result<R, E>> + Unpin,
{
    type Response = R;
    type Error = E;
    type Future = FinishedCall<S::Future, R>;

    fn poll_ready(&mut self, cx: &mut task::Context<'_>) -> Poll<Result<(), E>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, event: LambdaEvent<A>) -> Self::Future {
        let request_id = event.context.request_id.clone();
        FinishedCall::Running { running: self.0.call(event), request_id }
    }
}

/// A handler's future, and the deletion after it.
pub(crate) enum FinishedCall<F, R> {
    Running { running: F, request_id: String },
    Deleting { deletion: Pin<Box<dyn Future<Output = ()>>>, response: Option<R> },
}

/// The response is only ever moved.
impl<F: Unpin, R> Unpin for FinishedCall<F, R> {}

impl<R, E, F: Future<Output = Result<R, E>> + Unpin> Future for FinishedCall<F, R> {
    type Output = Result<R, E>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Self::Output> {
        if let Self::Running { running, request_id } = &mut *self {
            let ended = ready!(Pin::new(running).poll(cx));
            let opened = lock().remove(request_id);
            match (ended, opened) {
                (Ok(response), Some(store)) => {
                    *self = Self::Deleting { deletion: Box::pin(delete(store)), response: Some(response) };
                }
                (ended, _) => return Poll::Ready(ended),
            }
        }
        match &mut *self {
            Self::Deleting { deletion, response } => {
                ready!(deletion.as_mut().poll(cx));
                response.take().map_or(Poll::Pending, |response| Poll::Ready(Ok(response)))
            }
            Self::Running { .. } => Poll::Pending,
        }
    }
}
