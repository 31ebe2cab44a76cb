//! How the emulator behaves.

/// How the emulator behaves.
#[derive(Clone, Debug)]
pub struct EmulatorOptions {
    /// Makes ids and random faults the same again.
    pub seed: u64,
    /// The factor on AWS's own waiting times (a retry's one and two minutes, visibility timeouts, Spot's two minutes).
    /// 1.0 is as AWS; a function's timeout and a task's stop timeout are never scaled.
    pub time_scale: f64,
    /// How many sandboxes of one function run at a time.
    pub concurrency: usize,
    /// `RunTask`'s throttle; `None`: none.
    pub run_task_rate: Option<CallRate>,
}

/// A token bucket.
#[derive(Clone, Copy, Debug)]
pub struct CallRate {
    /// How many calls at once.
    pub burst: f64,
    /// How many calls a second are given back.
    pub per_second: f64,
}

impl Default for EmulatorOptions {
    /// As AWS.
    ///
    /// 20 calls of `RunTask` per second, burst 20:
    /// <https://docs.aws.amazon.com/AmazonECS/latest/userguide/throttling.html>
    fn default() -> Self {
        Self {
            seed: 0,
            time_scale: 1.0,
            concurrency: 10,
            run_task_rate: Some(CallRate { burst: 20.0, per_second: 20.0 }),
        }
    }
}
