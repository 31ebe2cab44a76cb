//! What all services share: clock, ids, journal, faults, processes.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use tempfile::TempDir;
use tokio::{runtime::Handle, sync::watch};

use crate::{
    ACCOUNT, Options, REGION, activity::Activity, ecs::Clusters, fault::Faults, happening::Journal, lambda::Functions,
    process::Processes, s3::Buckets, sqs::Queues,
};

/// The services and what they share. Everything in here that runs, runs on the emulator's own runtime.
#[derive(Debug)]
pub(crate) struct Cloud {
    pub(crate) options: Options,
    pub(crate) address: SocketAddr,
    pub(crate) runtime: Handle,
    pub(crate) journal: Journal,
    pub(crate) faults: Faults,
    pub(crate) activity: Activity,
    pub(crate) processes: Processes,
    pub(crate) functions: Functions,
    pub(crate) queues: Queues,
    pub(crate) clusters: Clusters,
    pub(crate) buckets: Buckets,
    /// How many calls of each operation are under way.
    pub(crate) under_way: Mutex<HashMap<String, usize>>,
    random: Mutex<fastrand::Rng>,
    /// How far the services' clock is ahead of the machine's.
    ahead: watch::Sender<SignedDuration>,
    directory: TempDir,
}

impl Cloud {
    pub(crate) fn new(options: Options, address: SocketAddr, runtime: Handle) -> std::io::Result<Self> {
        Ok(Self {
            address,
            runtime,
            journal: Journal::new(),
            faults: Faults::new(options.seed),
            activity: Activity::new(),
            processes: Processes::default(),
            functions: Functions::default(),
            queues: Queues::default(),
            clusters: Clusters::new(options.run_task_rate),
            buckets: Buckets::default(),
            under_way: Mutex::default(),
            random: Mutex::new(fastrand::Rng::with_seed(options.seed)),
            ahead: watch::Sender::default(),
            directory: tempfile::Builder::new().prefix("immortal-").tempdir()?,
            options,
        })
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// A new directory, which is gone with its handle, and with the emulator at the latest.
    pub(crate) fn temporary_directory(&self, kind: &str) -> std::io::Result<TempDir> {
        tempfile::Builder::new().prefix(kind).tempdir_in(self.directory.path())
    }

    /// Ends all processes.
    pub(crate) fn end(&self) {
        self.processes.end(self.directory.path());
    }

    /// The time on the services' clock.
    pub(crate) fn now(&self) -> Timestamp {
        Timestamp::now() + *self.ahead.borrow()
    }

    /// Moves the services' clock forward, and wakes whatever waits for it.
    pub(crate) fn advance(&self, by: Duration) {
        let by = SignedDuration::try_from(by).unwrap_or(SignedDuration::MAX);
        self.ahead.send_modify(|ahead| *ahead = ahead.saturating_add(by));
        self.queues.wake();
    }

    /// Waits until this much time has passed on the services' clock, whether it passed or the clock was moved.
    pub(crate) async fn sleep(&self, wait: Duration) {
        let due = self.now() + wait;
        let mut ahead = self.ahead.subscribe();
        while let Ok(left) = Duration::try_from(due.duration_since(self.now())) {
            // Rounded up to the timer's resolution. The sender lives in `self`, so a change is all that can come.
            let _ = tokio::time::timeout(left + Duration::from_millis(1), ahead.changed()).await;
        }
    }

    /// One of AWS's own waiting times, as it is here.
    pub(crate) fn scaled(&self, wait: Duration) -> Duration {
        wait.mul_f64(self.options.time_scale.max(0.0))
    }

    pub(crate) fn uuid(&self) -> String {
        let mut bytes = [0; 16];
        lock(&self.random).fill(&mut bytes);
        uuid::Builder::from_random_bytes(bytes).into_uuid().to_string()
    }

    /// So many hex digits.
    pub(crate) fn hex(&self, digits: usize) -> String {
        let mut random = lock(&self.random);
        std::iter::repeat_with(|| random.digit(16)).take(digits).collect()
    }

    /// The variables that make an SDK client of another process talk to this emulator, credentials aside.
    pub(crate) fn environment(&self) -> Vec<(String, String)> {
        [
            ("AWS_ENDPOINT_URL", self.endpoint()),
            ("AWS_REGION", REGION.to_owned()),
            ("AWS_DEFAULT_REGION", REGION.to_owned()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into()
    }
}

/// The ARN of a resource here.
pub(crate) fn arn(service: &str, resource: &str) -> String {
    format!("arn:aws:{service}:{REGION}:{ACCOUNT}:{resource}")
}

/// Bytes as hex digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.filter_map(|digit| char::from_digit(digit.into(), 16)).collect()
}

/// Locks; a thread that panicked under the lock has left plain data behind.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
