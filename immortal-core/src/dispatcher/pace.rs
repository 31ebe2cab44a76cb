//! How fast this process calls `RunTask`: several dispatchers share one account's limit without knowing of each other.
//!
//! `RunTask` on Fargate takes 20 calls a second, and as many at once
//! (<https://docs.aws.amazon.com/AmazonECS/latest/userguide/throttling.html>). Until the service throttles, a process
//! stays just within that, with a batch's worth of calls at once. From then on it sends one call at a time, evenly: each
//! throttle cuts its rate, each success brings it back to where it was, and then beyond, faster and faster. As growth is
//! counted in calls, processes of different rates are throttled equally often, and together they stay at the limit.

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
/// After so many successes the rate is what it was before the cut; the more, the fewer throttles.
const RECOVERY: f64 = 20.0;
/// How steeply it grows from there.
const GROWTH: f64 = 0.5;
/// A second counts as so many successes, so that a slow process finds the room that others leave.
const PER_SECOND: f64 = 2.0;
/// After so many seconds without a throttle, all is as at the start.
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
    /// The rate that was too much.
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
        // Calls that are exactly as far apart as the service's tokens would take each of them, and leave none to others.
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
            // A throttle of another call may have moved it meanwhile.
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
mod tests {
    use std::{cmp::Reverse, collections::BinaryHeap};

    use super::*;

    /// The service's bucket: 20 at once, 20 a second.
    struct Bucket {
        tokens: f64,
        at: Duration,
    }

    impl Bucket {
        fn takes(&mut self, now: Duration) -> bool {
            self.tokens = (self.tokens + seconds(self.at, now) * 20.0).min(20.0);
            self.at = now;
            let takes = self.tokens >= 1.0;
            if takes {
                self.tokens -= 1.0;
            }
            takes
        }
    }

    #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
    enum Step {
        Send(usize),
        Answer(usize, Duration, bool),
    }

    /// Dispatchers that draw batches of ten from one queue; the share of the limit that the whole run had, its last
    /// batches included, and the share of calls that were throttled.
    fn share(dispatchers: usize, seed: u64) -> (f64, f64) {
        const EVENTS: usize = 1_000;
        let mut random = fastrand::Rng::with_seed(seed);
        let mut bucket = Bucket { tokens: 20.0, at: Duration::ZERO };
        let mut paces = vec![CallPace::new(); dispatchers];
        let (mut waiting, mut open) = (vec![0_usize; dispatchers], vec![0_usize; dispatchers]);
        let (mut queued, mut done, mut throttled) = (EVENTS, 0_usize, 0_usize);
        let mut steps = BinaryHeap::new();
        let mut end = Duration::ZERO;
        for dispatcher in 0..dispatchers {
            steps.push(Reverse((Duration::from_secs_f64(random.f64() / 2.0), Step::Send(dispatcher))));
        }
        while let Some(Reverse((now, step))) = steps.pop() {
            let who = match step {
                Step::Send(who) => who,
                Step::Answer(who, _, true) => {
                    paces[who].answered();
                    (done, open[who], end) = (done + 1, open[who] - 1, now);
                    who
                }
                Step::Answer(who, sent, false) => {
                    paces[who].throttled(sent, now, random.f64());
                    (throttled, waiting[who]) = (throttled + 1, waiting[who] + 1);
                    who
                }
            };
            if open[who] == 0 {
                let batch = queued.min(10);
                (queued, open[who], waiting[who]) = (queued - batch, batch, batch);
            }
            if waiting[who] == 0 {
                continue;
            }
            if paces[who].ready() > now {
                steps.push(Reverse((paces[who].ready(), Step::Send(who))));
                continue;
            }
            paces[who].sent(now, random.f64());
            waiting[who] -= 1;
            let answer = now + Duration::from_secs_f64(0.01 + 0.04 * random.f64());
            steps.push(Reverse((answer, Step::Answer(who, now, bucket.takes(now)))));
            steps.push(Reverse((now.max(paces[who].ready()), Step::Send(who))));
        }
        assert_eq!(done, EVENTS);
        let calls = |number: usize| f64::from(u32::try_from(number).expect("a small number"));
        let possible = 20.0 + 20.0 * end.as_secs_f64();
        (calls(EVENTS) / possible, calls(throttled) / calls(EVENTS + throttled))
    }

    #[test]
    fn several_dispatchers_share_the_limit_without_knowing_of_each_other() {
        for dispatchers in [1, 2, 3, 5, 8] {
            let runs: Vec<_> = (0..10).map(|seed| share(dispatchers, seed)).collect();
            let used = runs.iter().map(|(used, _)| used).sum::<f64>() / 10.0;
            let throttled = runs.iter().map(|(_, throttled)| throttled).sum::<f64>() / 10.0;
            assert!(used >= 0.95, "{dispatchers} dispatchers used {used:.3} of the limit");
            assert!(throttled <= 0.2, "{dispatchers} dispatchers had {throttled:.3} of their calls throttled");
        }
    }

    #[test]
    fn a_batch_goes_at_once_and_the_next_one_evenly() {
        let mut pace = CallPace::new();
        for call in 0..10 {
            assert_eq!(pace.ready(), Duration::ZERO, "call {call}");
            pace.sent(Duration::ZERO, 0.5);
        }
        assert_eq!(pace.ready(), Duration::from_millis(50));
    }

    #[test]
    fn a_throttle_slows_all_that_follows_and_calls_under_way_count_once() {
        let mut pace = CallPace::new();
        let second = Duration::from_secs(1);
        pace.sent(second, 0.5);
        pace.throttled(second, second * 2, 0.5);
        let slow = pace.rate(second * 2);
        assert!((slow - MOST * FIRST_CUT).abs() < 1e-9, "{slow}");
        assert!(pace.ready() > second * 2);
        pace.throttled(second, second * 2, 0.5);
        assert!((pace.rate(second * 2) - slow).abs() < 1e-9, "it was sent before the cut");
        pace.sent(second * 3, 0.5);
        pace.throttled(second * 3, second * 3, 0.5);
        assert!(pace.rate(second * 3) < slow, "it was sent after it");
        for _ in 0..1_000 {
            pace.throttled(second * 3, second * 3, 0.5);
        }
        assert!(pace.rate(second * 3) >= LEAST);
    }

    #[test]
    fn after_some_quiet_all_is_as_at_the_start() {
        let mut pace = CallPace::new();
        pace.throttled(Duration::ZERO, Duration::ZERO, 0.5);
        let later = Duration::from_secs(11);
        pace.sent(later, 0.5);
        assert_eq!(pace.ready(), later, "a batch may go at once again");
    }

    #[tokio::test]
    async fn the_gate_lets_nobody_through_after_the_deadline() {
        let gate = PaceGate::new();
        assert!(gate.pass(Instant::now() + Duration::from_mins(1)).await.is_some());
        gate.throttled(Duration::ZERO);
        assert_eq!(gate.pass(Instant::now()).await, None);
    }
}
