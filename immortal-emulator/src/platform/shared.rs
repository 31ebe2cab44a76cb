//! What all services share.

use std::{net::SocketAddr, time::Duration};

use jiff::Timestamp;
use tempfile::TempDir;
use tokio::runtime::Handle;

use super::{
    activity::ActivityCount, call_counts::CallCounts, clock::MovableClock, faults::FaultScript, ids::REGION,
    ids::RandomIds, journal::Journal, options::EmulatorOptions, registry::ProcessRegistry,
};

/// Names a file with the milliseconds, as text, by which the services' clock is ahead of the machine's; there is none
/// before it is moved. For processes that compare their own time with a time stamp of a service.
pub const CLOCK_VARIABLE: &str = "IMMORTAL_EMULATOR_CLOCK";

/// What all services share. Everything that runs for them runs on the emulator's own runtime.
#[derive(Debug)]
pub(crate) struct Platform {
    pub(crate) options: EmulatorOptions,
    pub(crate) runtime: Handle,
    pub(crate) clock: MovableClock,
    pub(crate) ids: RandomIds,
    pub(crate) journal: Journal,
    pub(crate) faults: FaultScript,
    pub(crate) activity: ActivityCount,
    pub(crate) processes: ProcessRegistry,
    pub(crate) calls: CallCounts,
    address: SocketAddr,
    directory: TempDir,
}

impl Platform {
    pub(crate) fn new(options: EmulatorOptions, address: SocketAddr, runtime: Handle) -> std::io::Result<Self> {
        let directory = tempfile::Builder::new().prefix("immortal-").tempdir()?;
        Ok(Self {
            runtime,
            clock: MovableClock::new(directory.path().join("clock")),
            ids: RandomIds::new(options.seed),
            journal: Journal::new(),
            faults: FaultScript::new(options.seed),
            activity: ActivityCount::new(),
            processes: ProcessRegistry::default(),
            calls: CallCounts::default(),
            address,
            directory,
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

    pub(crate) fn end_processes(&self) {
        self.processes.end(self.directory.path());
    }

    /// The time on the services' clock.
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// One of AWS's own waiting times, as it is here.
    pub(crate) fn scaled(&self, wait: Duration) -> Duration {
        wait.mul_f64(self.options.time_scale.max(0.0))
    }

    /// The variables that make an SDK client of another process talk to this emulator, credentials aside, and
    /// [where it finds](CLOCK_VARIABLE) how far the services' clock was moved.
    pub(crate) fn environment(&self) -> Vec<(String, String)> {
        [
            ("AWS_ENDPOINT_URL", self.endpoint()),
            ("AWS_REGION", REGION.to_owned()),
            ("AWS_DEFAULT_REGION", REGION.to_owned()),
            (CLOCK_VARIABLE, self.clock.file()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into()
    }
}
