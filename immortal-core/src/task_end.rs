//! Who ended a task: it itself, the platform, or a person.

/// How a task ended, as ECS tells of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TaskEnd {
    /// By itself.
    Exited,
    /// By the platform: Spot, the host, a start that failed.
    Interrupted,
    /// By a person.
    StoppedByPerson,
}

impl TaskEnd {
    /// Reads ECS's `stopCode` and `stoppedReason`.
    ///
    /// Source: `botocore:ecs:TaskStopCode`. No service owns our tasks, so a stop by the scheduler of services is one by the
    /// platform. Stops of Spot tasks and of tasks on a host under maintenance are reported under other codes too, or under
    /// none, and are known by AWS's own sentences.
    #[must_use]
    pub fn from_stop(stop_code: Option<&str>, stopped_reason: Option<&str>) -> Self {
        let reason = stopped_reason.unwrap_or_default().to_ascii_lowercase();
        let is_of_platform = reason.contains("spot task was interrupted")
            || reason.contains("performing maintenance on the underlying infrastructure");
        match stop_code.unwrap_or_default() {
            "TaskFailedToStart"
            | "SpotInterruption"
            | "TerminationNotice"
            | "InfrastructureHealth"
            | "ServiceSchedulerInitiated" => Self::Interrupted,
            _ if is_of_platform => Self::Interrupted,
            "UserInitiated" => Self::StoppedByPerson,
            _ => Self::Exited,
        }
    }
}
