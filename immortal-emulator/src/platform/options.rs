//! The emulator's options.

/// The options of an emulator.
#[derive(Clone, Debug)]
pub struct EmulatorOptions {
    /// The seed of ids and random faults.
    pub seed: u64,
    /// The factor on AWS's own waiting times (a retry's one and two minutes, visibility timeouts, Spot's two minutes).
    /// 1.0 is as in AWS. A function's timeout and a task's stop timeout are never scaled.
    pub time_scale: f64,
    /// The most concurrent sandboxes of one function.
    pub concurrency: usize,
    /// The throttle of `RunTask`; `None`: calls are not throttled.
    pub run_task_rate: Option<CallRate>,
}

/// A token bucket.
#[derive(Clone, Copy, Debug)]
pub struct CallRate {
    /// The size of the bucket, in calls.
    pub burst: f64,
    /// The refill rate, in calls per second.
    pub per_second: f64,
}

impl Default for EmulatorOptions {
    /// AWS's values.
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
