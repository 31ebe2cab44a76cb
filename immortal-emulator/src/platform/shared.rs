//! The state that all services share.

use std::{net::SocketAddr, time::Duration};

use jiff::Timestamp;
use tempfile::TempDir;
use tokio::runtime::Handle;

use super::{
    activity::ActivityCount, call_counts::CallCounts, clock::MovableClock, fault_script::FaultScript, ids::REGION,
    ids::RandomIds, journal::Journal, options::EmulatorOptions, registry::ProcessRegistry,
};

/// The environment variable with the path of a file that contains, in milliseconds, how far the services' clock is
/// ahead of the machine's. The file exists once the clock was moved. For processes that compare their own time with a
/// time stamp of a service.
pub const CLOCK_VARIABLE: &str = "IMMORTAL_EMULATOR_CLOCK";

/// The state that all services share. Their tasks run on the emulator's own runtime.
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

    /// Creates a directory that is removed with its handle, or with the emulator at the latest.
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

    /// One of AWS's waiting times, multiplied by the time scale.
    pub(crate) fn scaled(&self, wait: Duration) -> Duration {
        wait.mul_f64(self.options.time_scale.max(0.0))
    }

    /// The variables that make an SDK client in another process talk to this emulator, without credentials, and
    /// [`CLOCK_VARIABLE`].
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
