//! The token bucket by which `RunTask` is throttled.

use std::{sync::Mutex, time::Instant};

use crate::platform::{CallRate, lock};

#[derive(Debug)]
pub(super) struct RunTaskThrottle {
    rate: Option<CallRate>,
    level: Mutex<Option<(f64, Instant)>>,
}

impl RunTaskThrottle {
    pub(super) fn new(rate: Option<CallRate>) -> Self {
        Self { rate, level: Mutex::default() }
    }

    /// Takes a token; `false` if the bucket is empty.
    pub(super) fn try_acquire(&self) -> bool {
        let Some(rate) = self.rate else { return true };
        let now = Instant::now();
        let mut level = lock(&self.level);
        let (tokens, since) = level.unwrap_or((rate.burst, now));
        let (tokens, admitted) = take(rate, tokens, now.duration_since(since).as_secs_f64());
        *level = Some((tokens, now));
        admitted
    }
}

fn take(rate: CallRate, tokens: f64, seconds: f64) -> (f64, bool) {
    let tokens = seconds.mul_add(rate.per_second, tokens).min(rate.burst);
    if tokens >= 1.0 { (tokens - 1.0, true) } else { (tokens, false) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_empties_and_refills() {
        let rate = CallRate { burst: 2.0, per_second: 10.0 };
        let table = [(2.0, 0.0, true), (1.0, 0.0, true), (0.0, 0.0, false), (0.0, 0.05, false), (0.5, 0.05, true)];
        for (tokens, seconds, admitted) in table {
            assert_eq!(take(rate, tokens, seconds).1, admitted, "{tokens} {seconds}");
        }
        assert!(take(rate, 0.0, 3600.0).0 <= 1.0);
    }
}
