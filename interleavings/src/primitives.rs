//! Loom's primitives under the names of the standard library's, and a clock that a model moves.
//!
//! Loom's own `Condvar::wait_timeout` never times out. Here a wait ends at a notification, or when the clock has reached
//! its end.

use std::{
    ops::{Deref, DerefMut},
    sync::{LockResult, PoisonError},
    time::Duration,
};

pub(super) use loom::{
    sync::{
        Notify,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread,
};
/// Counting references is not what is checked, and would multiply the interleavings.
pub(super) use std::sync::Arc;

loom::lazy_static! {
    static ref CLOCK: Clock = Clock::default();
}

/// The time, and who sleeps until when. One lock for both, so that no end of a wait is missed.
#[derive(Default)]
struct Clock {
    state: loom::sync::Mutex<ClockState>,
    changed: loom::sync::Condvar,
}

#[derive(Default)]
struct ClockState {
    seconds: u64,
    /// What the thread that waits has last read: its wait began then.
    last_read: u64,
    /// Whether a thread waits. There is one condition variable, and one thread that waits on it.
    is_waiting: bool,
    is_notified: bool,
}

/// Moves the clock to this time.
pub(super) fn set_clock(seconds: u64) {
    let mut state = CLOCK.state.lock().expect("no panic");
    state.seconds = seconds;
    if state.is_waiting {
        CLOCK.changed.notify_one();
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Instant(u64);

impl Instant {
    pub(super) fn at(seconds: u64) -> Self {
        Self(seconds)
    }

    pub(super) fn now() -> Self {
        let mut state = CLOCK.state.lock().expect("no panic");
        state.last_read = state.seconds;
        Self(state.seconds)
    }

    pub(super) fn saturating_duration_since(self, earlier: Self) -> Duration {
        Duration::from_secs(self.0.saturating_sub(earlier.0))
    }
}

#[derive(Default)]
pub(super) struct Mutex<T>(loom::sync::Mutex<T>);

/// Knows its mutex, which a wait locks again.
pub(super) struct MutexGuard<'a, T> {
    guard: loom::sync::MutexGuard<'a, T>,
    mutex: &'a Mutex<T>,
}

impl<T> Mutex<T> {
    pub(super) fn lock(&self) -> LockResult<MutexGuard<'_, T>> {
        match self.0.lock() {
            Ok(guard) => Ok(MutexGuard { guard, mutex: self }),
            Err(poisoned) => Err(PoisonError::new(MutexGuard { guard: poisoned.into_inner(), mutex: self })),
        }
    }
}

impl<T> Deref for MutexGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.guard
    }
}

impl<T> DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.guard
    }
}

#[derive(Default)]
pub(super) struct Condvar;

impl Condvar {
    /// Like the standard library's, it wakes only a thread that waits already.
    pub(super) fn notify_one(&self) {
        let mut state = CLOCK.state.lock().expect("no panic");
        if state.is_waiting {
            state.is_notified = true;
            CLOCK.changed.notify_one();
        }
    }

    pub(super) fn wait<'a, T>(&self, guard: MutexGuard<'a, T>) -> LockResult<MutexGuard<'a, T>> {
        let (guard, ()) = wait(guard, None);
        Ok(guard)
    }

    pub(super) fn wait_timeout<'a, T>(
        &self,
        guard: MutexGuard<'a, T>,
        timeout: Duration,
    ) -> LockResult<(MutexGuard<'a, T>, ())> {
        Ok(wait(guard, Some(timeout)))
    }
}

fn wait<T>(guard: MutexGuard<'_, T>, timeout: Option<Duration>) -> (MutexGuard<'_, T>, ()) {
    let mutex = guard.mutex;
    let mut state = CLOCK.state.lock().expect("no panic");
    let end = timeout.map(|timeout| state.last_read + timeout.as_secs());
    state.is_waiting = true;
    drop(guard);
    while !state.is_notified && end.is_none_or(|end| state.seconds < end) {
        state = CLOCK.changed.wait(state).expect("no panic");
    }
    (state.is_waiting, state.is_notified) = (false, false);
    drop(state);
    (mutex.lock().unwrap_or_else(PoisonError::into_inner), ())
}
