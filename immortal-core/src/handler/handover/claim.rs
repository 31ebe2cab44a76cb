//! Who answers an invocation: the handler or the hand-over, and never both.

use std::sync::atomic::{AtomicBool, Ordering};

#[derive(Debug, Default)]
pub(super) struct Claim(AtomicBool);

impl Claim {
    /// `true` for the first who asks, `false` for everybody after.
    pub(super) fn take(&self) -> bool {
        !self.0.swap(true, Ordering::AcqRel)
    }

    pub(super) fn is_taken(&self) -> bool {
        self.0.load(Ordering::Acquire)
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
        let claims: Arc<Vec<Claim>> = Arc::new((0..ROUNDS).map(|_| Claim::default()).collect());
        let start = Arc::new(Barrier::new(2));
        let take_all = |claims: Arc<Vec<Claim>>, start: Arc<Barrier>| {
            thread::spawn(move || {
                start.wait();
                claims.iter().filter(|claim| claim.take()).count()
            })
        };
        let one = take_all(Arc::clone(&claims), Arc::clone(&start));
        let other = take_all(Arc::clone(&claims), start);
        let taken = one.join().expect("no panic") + other.join().expect("no panic");
        assert_eq!(taken, ROUNDS);
        assert!(claims.iter().all(Claim::is_taken));
    }
}
