//! ECS's codes for why tasks stop.

/// Why a task stopped.
///
/// Source: the `TaskStopCode` shape of the ECS API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopCode {
    /// The task never ran.
    TaskFailedToStart,
    /// The container exited.
    EssentialContainerExited,
    /// `StopTask` was called.
    UserInitiated,
    /// A service's scheduler stopped it.
    ServiceSchedulerInitiated,
    /// Spot capacity was taken back.
    SpotInterruption,
    /// The task's host is being shut down.
    TerminationNotice,
    /// The infrastructure under the task failed.
    InfrastructureHealth,
}

impl StopCode {
    /// The code in ECS's spelling.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TaskFailedToStart => "TaskFailedToStart",
            Self::EssentialContainerExited => "EssentialContainerExited",
            Self::UserInitiated => "UserInitiated",
            Self::ServiceSchedulerInitiated => "ServiceSchedulerInitiated",
            Self::SpotInterruption => "SpotInterruption",
            Self::TerminationNotice => "TerminationNotice",
            Self::InfrastructureHealth => "InfrastructureHealth",
        }
    }
}
