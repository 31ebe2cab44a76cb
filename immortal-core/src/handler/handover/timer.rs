//! One thread per process that waits for the moment in which an event is handed over.
//!
//! A handler that computes and never yields holds the runtime's threads, but not this one.

use std::{
    io,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::Instant,
};

use super::claim::Claim;

/// What is to happen, and when, if the claim is still there then.
pub(super) struct Armed<N> {
    pub(super) at: Instant,
    pub(super) claim: Arc<Claim>,
    pub(super) notice: N,
}

pub(super) struct Timer<N>(Arc<Shared<N>>);

struct Shared<N> {
    state: Mutex<State<N>>,
    wake: Condvar,
}

struct State<N> {
    armed: Option<Armed<N>>,
    /// When the thread wakes by itself.
    wakes: Option<Instant>,
}

impl<N: Send + 'static> Timer<N> {
    /// Starts the thread. `fire` is called for those that are still unclaimed when their time has come.
    pub(super) fn start(fire: impl Fn(N) + Send + 'static) -> io::Result<Self> {
        let shared = Arc::new(Shared { state: Mutex::new(State { armed: None, wakes: None }), wake: Condvar::new() });
        let own = Arc::clone(&shared);
        thread::Builder::new().name("hand-over".to_owned()).spawn(move || own.run(fire))?;
        Ok(Self(shared))
    }

    /// Arms the timer in place of what was armed before.
    ///
    /// Where the thread wakes early enough by itself it isn't woken: warm invocations cost it nothing.
    pub(super) fn arm(&self, armed: Armed<N>) {
        let mut state = self.0.lock();
        let is_early_enough = state.wakes.is_some_and(|wakes| wakes <= armed.at);
        state.armed = Some(armed);
        drop(state);
        if !is_early_enough {
            self.0.wake.notify_one();
        }
    }
}

impl<N> Shared<N> {
    fn run(&self, fire: impl Fn(N)) {
        let mut state = self.lock();
        loop {
            let next = state.armed.take_if(|armed| armed.claim.is_taken() || armed.at <= Instant::now());
            if let Some(due) = next {
                drop(state);
                if due.claim.take() {
                    fire(due.notice);
                }
                state = self.lock();
                continue;
            }
            state.wakes = state.armed.as_ref().map(|armed| armed.at);
            state = match state.wakes {
                Some(at) => {
                    let left = at.saturating_duration_since(Instant::now());
                    self.wake.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0
                }
                None => self.wake.wait(state).unwrap_or_else(PoisonError::into_inner),
            };
        }
    }

    fn lock(&self) -> MutexGuard<'_, State<N>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::mpsc, time::Duration};

    use super::*;

    const LONG: Duration = Duration::from_hours(1);

    fn timer() -> (Timer<u32>, mpsc::Receiver<u32>) {
        let (sender, fired) = mpsc::channel();
        let timer = Timer::start(move |number: u32| sender.send(number).expect("the test listens"));
        (timer.expect("a thread"), fired)
    }

    fn armed(after: Duration, notice: u32) -> (Armed<u32>, Arc<Claim>) {
        let claim = Arc::new(Claim::default());
        (Armed { at: Instant::now() + after, claim: Arc::clone(&claim), notice }, claim)
    }

    #[test]
    fn fires_what_is_unclaimed_in_its_time() {
        let (timer, fired) = timer();
        let (soon, claim) = armed(Duration::from_millis(20), 1);
        let at = soon.at;
        timer.arm(soon);
        assert_eq!(fired.recv(), Ok(1));
        assert!(Instant::now() >= at && claim.is_taken());
    }

    #[test]
    fn a_later_arm_takes_the_place_of_the_one_before() {
        let (timer, fired) = timer();
        for (after, notice) in [(LONG, 1), (Duration::ZERO, 2), (LONG, 3), (Duration::from_millis(5), 4)] {
            timer.arm(armed(after, notice).0);
            if after < LONG {
                assert_eq!(fired.recv(), Ok(notice));
            }
        }
    }

    #[test]
    fn what_is_claimed_never_fires() {
        let (timer, fired) = timer();
        let (mine, claim) = armed(Duration::from_millis(5), 1);
        assert!(claim.take());
        timer.arm(mine);
        timer.arm(armed(Duration::from_millis(10), 2).0);
        assert_eq!(fired.recv(), Ok(2));
    }

    /// The handler's end and the timer's moment coincide, over and over: one answer each time.
    #[test]
    fn one_answer_in_the_same_moment() {
        let (timer, fired) = timer();
        let mut by_handler = 0;
        for round in 0..2_000 {
            let (race, claim) = armed(Duration::from_micros(300), round);
            let at = race.at;
            timer.arm(race);
            while Instant::now() < at {
                std::hint::spin_loop();
            }
            if claim.take() {
                by_handler += 1;
            } else {
                assert_eq!(fired.recv(), Ok(round));
            }
        }
        assert!(by_handler <= 2_000 && fired.try_recv().is_err());
    }
}
