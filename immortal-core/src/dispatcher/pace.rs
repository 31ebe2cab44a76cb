//! How fast this process calls `RunTask`: several dispatchers share one account's limit without coordination.
//!
//! `RunTask` on Fargate takes 20 calls a second, and as many at once
//! (<https://docs.aws.amazon.com/AmazonECS/latest/userguide/throttling.html>). Until the service throttles, a process
//! stays just within that, with a batch's worth of calls at once. From then on it sends one call at a time, evenly:
//! each throttle cuts its rate, each success brings it back to where it was, and then beyond, faster and faster. As
//! growth is counted in calls, processes of different rates are throttled equally often, and together they stay at the
//! limit.
//!
//! The SDK's adaptive retry mode in this place takes 0.64 of the limit with 2 dispatchers and 0.55 with 5, with 5 % and
//! 9 % of the calls throttled; this takes 0.99 and 0.99, with 5 % and 12 % throttled (`cargo figures dispatcher`).

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::{Instant, sleep_until, timeout_at};

/// Calls a second: what the service takes, and more than one process never needs.
const MOST: f64 = 20.0;
/// Calls a second below which a process never falls: its last batch would go on long after those of the others.
const LEAST: f64 = 2.0;
/// Calls at once before the first throttle: a batch.
const BURST: f64 = 10.0;
/// What is left of the rate after the first throttle: others share the limit, but nobody knows how many.
const FIRST_CUT: f64 = 0.35;
/// What is left of the rate after each further one.
const CUT: f64 = 0.75;
/// The number of successes until the rate is what it was before the cut; the higher, the fewer throttles.
const RECOVERY: f64 = 20.0;
/// How steeply it grows from there.
const GROWTH: f64 = 0.5;
/// A second counts as this many successes, so that a slow process uses the rate that others leave.
const PER_SECOND: f64 = 2.0;
/// After this many seconds without a throttle, the pace is reset.
const QUIET: f64 = 10.0;

/// The pace as a pure state: every time is a duration since its start.
#[derive(Clone, Debug)]
pub(crate) struct CallPace {
    next: Duration,
    credit: f64,
    credited: Duration,
    cut: Option<RateCut>,
}

#[derive(Clone, Copy, Debug)]
struct RateCut {
    /// The rate at which calls were throttled.
    from: f64,
    /// How much of it is left.
    left: f64,
    at: Duration,
    last_throttle: Duration,
    successes: f64,
}

impl CallPace {
    /// The pace of a process that wasn't throttled yet.
    #[must_use]
    pub(crate) fn new() -> Self {
        Self { next: Duration::ZERO, credit: BURST, credited: Duration::ZERO, cut: None }
    }

    /// When the next call may be sent.
    #[must_use]
    pub(crate) fn ready(&self) -> Duration {
        self.next
    }

    /// A call is sent; `random` is from 0 to 1.
    pub(crate) fn sent(&mut self, now: Duration, random: f64) {
        self.cut = self.cut.filter(|cut| seconds(cut.last_throttle, now) <= QUIET);
        self.credit = (self.credit + seconds(self.credited, now) * MOST).min(BURST);
        self.credited = now;
        // Calls that are exactly as far apart as the service's tokens would take each of them, and leave none to
        // others.
        let jitter = 0.8 + 0.4 * random;
        let tokens = if self.cut.is_some() {
            1.0
        } else {
            self.credit -= 1.0;
            (1.0 - self.credit).max(0.0)
        };
        self.next = now + Duration::from_secs_f64(jitter * tokens / self.rate(now));
    }

    /// A call was answered by anything but a throttle.
    pub(crate) fn answered(&mut self) {
        if let Some(cut) = &mut self.cut {
            cut.successes += 1.0;
        }
    }

    /// A call was throttled. Calls sent before the last cut were too many by the old rate, and don't count again.
    pub(crate) fn throttled(&mut self, sent: Duration, now: Duration, random: f64) {
        if let Some(cut) = &mut self.cut {
            cut.last_throttle = now;
            if sent < cut.at {
                return;
            }
        }
        let (from, left) = match self.cut {
            Some(_) => (self.rate(now), CUT),
            None => (MOST * FIRST_CUT / CUT, CUT),
        };
        self.cut = Some(RateCut { from, left, at: now, last_throttle: now, successes: 0.0 });
        self.credit = 0.0;
        self.credited = now;
        self.next = self.next.max(now + Duration::from_secs_f64((0.5 + random) / self.rate(now)));
    }

    /// Calls a second.
    fn rate(&self, now: Duration) -> f64 {
        let Some(cut) = self.cut else { return MOST };
        let progress = (cut.successes + PER_SECOND * seconds(cut.at, now)) / RECOVERY;
        let rate = if progress < 1.0 {
            cut.from * (cut.left + (1.0 - cut.left) * progress)
        } else {
            cut.from * (1.0 + GROWTH * (progress - 1.0) * (progress - 1.0))
        };
        rate.clamp(LEAST, MOST)
    }
}

impl Default for CallPace {
    fn default() -> Self {
        Self::new()
    }
}

fn seconds(from: Duration, to: Duration) -> f64 {
    to.saturating_sub(from).as_secs_f64()
}

/// The gate through which all calls of the process go, first come, first served.
#[derive(Debug)]
pub(super) struct PaceGate {
    start: Instant,
    pace: Mutex<CallPace>,
    turn: tokio::sync::Mutex<()>,
}

impl PaceGate {
    pub(super) fn new() -> Self {
        Self { start: Instant::now(), pace: Mutex::new(CallPace::new()), turn: tokio::sync::Mutex::new(()) }
    }

    /// The time of the pace.
    pub(super) fn now(&self) -> Duration {
        self.start.elapsed()
    }

    /// Waits for its turn; `None` where that isn't before the deadline.
    pub(super) async fn pass(&self, deadline: Instant) -> Option<()> {
        timeout_at(deadline, self.wait(deadline)).await.ok().flatten()
    }

    async fn wait(&self, deadline: Instant) -> Option<()> {
        let _turn = self.turn.lock().await;
        loop {
            // A throttle of another call may have moved it in the meantime.
            let ready = self.start + self.with(|pace| pace.ready());
            if ready > deadline {
                return None;
            }
            if ready <= Instant::now() {
                let now = self.now();
                self.with(|pace| pace.sent(now, fastrand::f64()));
                return Some(());
            }
            sleep_until(ready).await;
        }
    }

    pub(super) fn answered(&self) {
        self.with(CallPace::answered);
    }

    pub(super) fn throttled(&self, sent: Duration) {
        let now = self.now();
        self.with(|pace| pace.throttled(sent, now, fastrand::f64()));
    }

    fn with<T>(&self, act: impl FnOnce(&mut CallPace) -> T) -> T {
        act(&mut self.pace.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
#[path = "pace_tests.rs"]
mod tests;
