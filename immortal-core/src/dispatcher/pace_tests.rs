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
