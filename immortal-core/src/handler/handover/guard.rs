//! The hand-over around the handler: arms the timer for each invocation.

use std::{
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    task::{Context, Poll},
};

use lambda_runtime::{LambdaEvent, Service};

use super::{
    HandOver,
    guarded_future::{GuardedFuture, may_answer},
};
use crate::handler::failure::bounded_panic;

/// The user's service, racing the timer.
pub(in crate::handler) struct GuardedService<S> {
    inner: S,
    handover: HandOver,
}

impl<S> GuardedService<S> {
    pub(in crate::handler) fn new(inner: S, handover: HandOver) -> Self {
        Self { inner, handover }
    }
}

impl<A, S: Service<LambdaEvent<A>, Future: Unpin>> Service<LambdaEvent<A>> for GuardedService<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = GuardedFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, event: LambdaEvent<A>) -> GuardedFuture<S::Future> {
        let claim = self.handover.arm(event.context.deadline);
        match catch_unwind(AssertUnwindSafe(|| self.inner.call(event))) {
            Ok(running) => GuardedFuture::new(running, claim),
            Err(panic) if may_answer(claim) => resume_unwind(bounded_panic(panic)),
            Err(_) => GuardedFuture::silent(),
        }
    }
}
