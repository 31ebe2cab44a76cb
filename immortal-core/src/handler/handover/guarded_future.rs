//! The end of a handler: it claims its invocation, and stays silent if that was handed over.

use std::{
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    pin::Pin,
    task::{Context, Poll},
};

use super::claim::AnswerClaim;
use crate::handler::failure::bounded_panic;

/// A handler's future that stays pending once its event is handed over.
///
/// A handler that panics is finished, so it claims its invocation, too.
pub(in crate::handler) struct GuardedFuture<F> {
    running: Option<F>,
    claim: Option<AnswerClaim>,
}

impl<F> GuardedFuture<F> {
    /// A future that answers if it takes the claim; without a claim, always.
    pub(super) fn new(running: F, claim: Option<AnswerClaim>) -> Self {
        Self { running: Some(running), claim }
    }

    /// The future of an invocation that was handed over before there was one.
    pub(super) fn silent() -> Self {
        Self { running: None, claim: None }
    }
}

impl<F: Future + Unpin> Future for GuardedFuture<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let guard = &mut *self;
        let Some(running) = &mut guard.running else {
            return Poll::Pending;
        };
        let polled = catch_unwind(AssertUnwindSafe(|| Pin::new(&mut *running).poll(cx)));
        if matches!(polled, Ok(Poll::Pending)) {
            return Poll::Pending;
        }
        // Claimed before the handler's future is dropped, because that may panic, too.
        let answers = may_answer(guard.claim.take());
        guard.running = None;
        match polled {
            _ if !answers => Poll::Pending,
            Ok(answer) => answer,
            Err(panic) => resume_unwind(bounded_panic(panic)),
        }
    }
}

/// A future that is dropped early won't respond, so the invocation must not be handed over any more.
impl<F> Drop for GuardedFuture<F> {
    fn drop(&mut self) {
        if let Some(claim) = self.claim.take() {
            claim.take();
        }
    }
}

/// Whether the handler, which is done, may answer.
pub(super) fn may_answer(claim: Option<AnswerClaim>) -> bool {
    claim.is_none_or(|claim| claim.take())
}

#[cfg(test)]
mod tests {
    use std::{future::poll_fn, task::Waker};

    use super::*;

    fn guard<F: Future>(future: F, claim: &AnswerClaim) -> Pin<Box<GuardedFuture<Pin<Box<F>>>>> {
        Box::pin(GuardedFuture::new(Box::pin(future), Some(claim.clone())))
    }

    fn renewed() -> AnswerClaim {
        let claim = AnswerClaim::default();
        claim.renew();
        claim
    }

    fn poll<F: Future + Unpin>(guard: &mut Pin<Box<GuardedFuture<F>>>) -> Poll<F::Output> {
        guard.as_mut().poll(&mut Context::from_waker(Waker::noop()))
    }

    #[test]
    fn a_handler_in_time_answers_and_claims() {
        let claim = renewed();
        assert_eq!(poll(&mut guard(async { 1 }, &claim)), Poll::Ready(1));
        assert!(!claim.take());
    }

    #[test]
    fn a_handler_after_the_hand_over_stays_silent() {
        let claim = renewed();
        let mut late = guard(async { 1 }, &claim);
        assert!(claim.take());
        assert_eq!(poll(&mut late), Poll::Pending);
        assert_eq!(poll(&mut late), Poll::Pending);
    }

    #[test]
    fn a_panic_in_time_is_passed_on_and_claims() {
        let claim = renewed();
        let mut panicking = guard(poll_fn(|_| -> Poll<()> { panic!("expected") }), &claim);
        assert!(catch_unwind(AssertUnwindSafe(|| poll(&mut panicking))).is_err());
        assert!(!claim.take());
    }

    #[test]
    fn a_panic_after_the_hand_over_stays_silent() {
        let claim = renewed();
        let mut panicking = guard(poll_fn(|_| -> Poll<()> { panic!("expected") }), &claim);
        assert!(claim.take());
        assert_eq!(poll(&mut panicking), Poll::Pending);
    }

    #[test]
    fn a_handler_that_is_dropped_is_never_handed_over() {
        let claim = renewed();
        drop(guard(std::future::pending::<()>(), &claim));
        assert!(!claim.take());
    }
}
