//! What is scripted for a task, and what the platform says when it stops one.

use std::time::Duration;

use crate::platform::{FaultKind, StopCode};

/// What is scripted for a task.
#[derive(Clone, Debug)]
pub(in crate::ecs) enum TaskFate {
    Runs,
    FailsToStart(&'static str),
    Interrupted { after: Duration, stop_code: StopCode },
    OutOfMemory { after: Duration },
}

impl TaskFate {
    pub(in crate::ecs) fn scripted(fault: Option<&FaultKind>) -> Self {
        match *fault.unwrap_or(&FaultKind::Empty) {
            FaultKind::FailToStart(reason) => Self::FailsToStart(reason),
            FaultKind::Interrupt { after, stop_code } => Self::Interrupted { after, stop_code },
            FaultKind::OutOfMemory { after } => Self::OutOfMemory { after },
            _ => Self::Runs,
        }
    }

    /// Returns when it strikes; for a task that just runs, never.
    pub(super) async fn strikes(&self) {
        match self {
            Self::Interrupted { after, .. } | Self::OutOfMemory { after } => tokio::time::sleep(*after).await,
            Self::Runs | Self::FailsToStart(_) => std::future::pending().await,
        }
    }
}

pub(super) fn interruption(code: StopCode) -> &'static str {
    match code {
        StopCode::SpotInterruption => "Your Spot Task was interrupted.",
        StopCode::TerminationNotice => "Task is being stopped: its host is going away.",
        StopCode::ServiceSchedulerInitiated => {
            "ECS is performing maintenance on the underlying infrastructure hosting the task."
        }
        _ => "Task was stopped by the platform.",
    }
}
