//! The thread that waits until an event is to be handed over, one per process.
//!
//! A handler that computes and never yields holds the runtime's threads, but not this one.

use std::{io, sync::PoisonError};

use super::{
    claim::AnswerClaim,
    primitives::{Arc, Condvar, Instant, Mutex, MutexGuard, thread},
};

/// Dropping it ends the thread.
pub(super) struct HandOverTimer(Arc<TimerThread>);

#[derive(Default)]
struct TimerThread {
    claim: AnswerClaim,
    state: Mutex<TimerState>,
    wake: Condvar,
}

#[derive(Default)]
struct TimerState {
    /// When the current invocation is handed over, unless it is claimed before.
    due: Option<Instant>,
    /// When the handler is notified of this, if it asks.
    notice: Option<Instant>,
    /// When the thread wakes by itself.
    wakes: Option<Instant>,
    /// Whether the thread is to end.
    is_dropped: bool,
}

impl HandOverTimer {
    /// Starts the thread. `fire` is called for each invocation that is still unclaimed when its time has come.
    pub(super) fn start(fire: impl Fn() + Send + 'static) -> io::Result<Self> {
        let shared = Arc::<TimerThread>::default();
        let own = Arc::clone(&shared);
        thread::Builder::new().name("hand-over".to_owned()).spawn(move || own.run(fire))?;
        Ok(Self(shared))
    }

    /// Arms the timer for the next invocation, in place of the one before.
    ///
    /// The thread is woken only if it would otherwise wake too late, so warm invocations cost nothing.
    pub(super) fn arm(&self, notice: Instant, at: Instant) -> AnswerClaim {
        let mut state = self.0.lock();
        let is_early_enough = state.wakes.is_some_and(|wakes| wakes <= at);
        state.due = Some(at);
        state.notice = Some(notice);
        self.0.claim.renew();
        drop(state);
        if !is_early_enough {
            self.0.wake.notify_one();
        }
        self.0.claim.clone()
    }

    /// When the handler of the current invocation is notified of its hand-over.
    pub(super) fn notice(&self) -> Option<Instant> {
        self.0.lock().notice
    }
}

impl Drop for HandOverTimer {
    fn drop(&mut self) {
        self.0.lock().is_dropped = true;
        self.0.wake.notify_one();
    }
}

impl TimerThread {
    fn run(&self, fire: impl Fn()) {
        let mut state = self.lock();
        while !state.is_dropped {
            // Claimed under the lock: what is due belongs to the claim, until the timer is armed again.
            if state.due.take_if(|due| *due <= Instant::now()).is_some() && self.claim.take() {
                drop(state);
                fire();
                state = self.lock();
                continue;
            }
            state.wakes = state.due;
            state = match state.wakes {
                Some(at) => {
                    let left = at.saturating_duration_since(Instant::now());
                    self.wake.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0
                }
                None => self.wake.wait(state).unwrap_or_else(PoisonError::into_inner),
            };
        }
    }

    fn lock(&self) -> MutexGuard<'_, TimerState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::mpsc, time::Duration};

    use super::*;

    const LONG: Duration = Duration::from_hours(1);

    fn timer() -> (HandOverTimer, mpsc::Receiver<()>) {
        let (sender, fired) = mpsc::channel();
        let timer = HandOverTimer::start(move || sender.send(()).expect("the test listens"));
        (timer.expect("a thread"), fired)
    }

    fn arm_in(timer: &HandOverTimer, after: Duration) -> AnswerClaim {
        let now = Instant::now();
        timer.arm(now, now + after)
    }

    #[test]
    fn fires_what_is_unclaimed_in_its_time() {
        let (timer, fired) = timer();
        let at = Instant::now() + Duration::from_millis(20);
        let claim = timer.arm(at, at);
        assert_eq!(fired.recv(), Ok(()));
        assert!(Instant::now() >= at && !claim.take());
    }

    #[test]
    fn a_later_arm_takes_the_place_of_the_one_before() {
        let (timer, fired) = timer();
        for after in [LONG, Duration::ZERO, LONG, Duration::from_millis(5)] {
            let claim = arm_in(&timer, after);
            if after < LONG {
                assert_eq!(fired.recv(), Ok(()));
            }
            assert_eq!(claim.take(), after == LONG);
        }
        assert!(fired.try_recv().is_err());
    }

    #[test]
    fn the_notice_is_that_of_the_invocation_at_hand() {
        let (timer, _fired) = timer();
        assert_eq!(timer.notice(), None);
        for after in [1, 2] {
            let notice = Instant::now() + Duration::from_mins(after);
            timer.arm(notice, notice + LONG);
            assert_eq!(timer.notice(), Some(notice));
        }
    }

    #[test]
    fn what_is_claimed_never_fires() {
        let (timer, fired) = timer();
        assert!(arm_in(&timer, Duration::from_millis(5)).take());
        assert!(fired.recv_timeout(Duration::from_millis(50)).is_err());
        arm_in(&timer, Duration::from_millis(10));
        assert_eq!(fired.recv(), Ok(()));
        assert!(fired.try_recv().is_err());
    }

    /// The handler and the timer finish at the same time, repeatedly: each time there is one response.
    #[test]
    fn one_answer_in_the_same_moment() {
        let (timer, fired) = timer();
        let mut by_handler = 0;
        for _ in 0..2_000 {
            let at = Instant::now() + Duration::from_micros(300);
            let claim = timer.arm(at, at);
            while Instant::now() < at {
                std::hint::spin_loop();
            }
            if claim.take() {
                by_handler += 1;
            } else {
                assert_eq!(fired.recv(), Ok(()));
            }
        }
        assert!(by_handler <= 2_000 && fired.try_recv().is_err());
    }
}
