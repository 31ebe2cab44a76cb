//! Ensures that either the handler or the hand-over responds to an invocation, never both.

use super::primitives::{Arc, AtomicBool, Ordering};

/// The claim to respond to the current invocation. Invocations come one after the other, so one claim serves them all.
#[derive(Clone, Debug, Default)]
pub(super) struct AnswerClaim(Arc<AtomicBool>);

impl AnswerClaim {
    /// Resets the claim for the next invocation.
    pub(super) fn renew(&self) {
        self.0.store(true, Ordering::Release);
    }

    /// Takes the claim: `true` for the first caller only.
    pub(super) fn take(&self) -> bool {
        self.0.swap(false, Ordering::AcqRel)
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::{Arc, Barrier},
        thread,
    };

    use super::*;

    #[test]
    fn one_of_two_at_the_same_moment() {
        const ROUNDS: usize = 20_000;
        let claims: Arc<Vec<AnswerClaim>> = Arc::new((0..ROUNDS).map(|_| AnswerClaim::default()).collect());
        claims.iter().for_each(AnswerClaim::renew);
        let start = Arc::new(Barrier::new(2));
        let take_all = |claims: Arc<Vec<AnswerClaim>>, start: Arc<Barrier>| {
            thread::spawn(move || {
                start.wait();
                claims.iter().filter(|claim| claim.take()).count()
            })
        };
        let one = take_all(Arc::clone(&claims), Arc::clone(&start));
        let other = take_all(Arc::clone(&claims), start);
        let taken = one.join().expect("no panic") + other.join().expect("no panic");
        assert_eq!(taken, ROUNDS);
        assert!(!claims.iter().any(AnswerClaim::take));
    }

    #[test]
    fn each_invocation_is_claimed_once() {
        let claim = AnswerClaim::default();
        assert!(!claim.take(), "there is no invocation yet");
        for _ in 0..2 {
            claim.renew();
            assert_eq!([claim.take(), claim.take()], [true, false]);
        }
    }
}
