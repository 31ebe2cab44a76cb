//! Deletes the progress of a job that succeeds in Lambda, before its response is sent. On Fargate the dispatcher does
//! that.

use std::{
    collections::BTreeMap,
    pin::Pin,
    sync::{Mutex, MutexGuard, PoisonError},
    task::{self, Poll, ready},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use lambda_runtime::{LambdaEvent, Service};

use super::store::ProgressStore;
use crate::stderr;

/// How long a response is delayed by the deletion of its progress.
const DELETE_TIMEOUT: Duration = Duration::from_secs(3);

/// The progress that current invocations have opened, by request id.
static OPENED: Mutex<BTreeMap<String, ProgressStore>> = Mutex::new(BTreeMap::new());

fn lock() -> MutexGuard<'static, BTreeMap<String, ProgressStore>> {
    OPENED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Registers the progress of an invocation in Lambda.
pub(super) fn opened(store: ProgressStore) {
    lock().insert(store.place.request_id.clone(), store);
}

async fn delete(store: ProgressStore, timeout: Duration) {
    if let Err(error) = store.delete(timeout).await {
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
        let (request_id, deadline) = (event.context.request_id.clone(), event.context.deadline);
        FinishedCall::Running { running: self.0.call(event), request_id, deadline }
    }
}

/// A handler's future, and the deletion after it.
pub(crate) enum FinishedCall<F, R> {
    Running {
        running: F,
        request_id: String,
        /// In Unix milliseconds.
        deadline: u64,
    },
    Deleting {
        deletion: Pin<Box<dyn Future<Output = ()>>>,
        response: Option<R>,
    },
}

/// The response is only ever moved.
impl<F: Unpin, R> Unpin for FinishedCall<F, R> {}

impl<R, E, F: Future<Output = Result<R, E>> + Unpin> Future for FinishedCall<F, R> {
    type Output = Result<R, E>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Self::Output> {
        if let Self::Running { running, request_id, deadline } = &mut *self {
            let ended = ready!(Pin::new(running).poll(cx));
            let opened = lock().remove(request_id);
            match (ended, opened) {
                (Ok(response), Some(store)) => {
                    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                    let deletion = Box::pin(delete(store, delete_timeout(*deadline, now)));
                    *self = Self::Deleting { deletion, response: Some(response) };
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

/// How long the deletion may take: half of what is left before the deadline, so that the response is in time. A deadline
/// that is past is no deadline: some emulators send one.
fn delete_timeout(deadline_ms: u64, now: Duration) -> Duration {
    match Duration::from_millis(deadline_ms).saturating_sub(now) {
        Duration::ZERO => DELETE_TIMEOUT,
        left => DELETE_TIMEOUT.min(left / 2),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_deletion_leaves_time_for_the_response() {
        let now = Duration::from_secs(1000);
        for (left_ms, expected_ms) in [(60_000, 3000), (6000, 3000), (4000, 2000), (100, 50), (0, 3000)] {
            assert_eq!(
                delete_timeout(1_000_000 + left_ms, now),
                Duration::from_millis(expected_ms),
                "{left_ms} ms left"
            );
        }
        assert_eq!(delete_timeout(0, now), DELETE_TIMEOUT);
    }
}
