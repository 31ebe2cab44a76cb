//! The end that a fault prescribes for a task, and the reasons that the platform gives when it stops one.

use std::time::Duration;

use crate::platform::{FaultKind, StopCode};

/// The end that a fault prescribes for a task.
#[derive(Clone, Debug)]
pub(in crate::ecs) enum ScriptedEnd {
    NotScripted,
    FailsToStart(&'static str),
    Interrupted { after: Duration, stop_code: StopCode },
    OutOfMemory { after: Duration },
}

impl ScriptedEnd {
    pub(in crate::ecs) fn from_fault(fault: Option<&FaultKind>) -> Self {
        match *fault.unwrap_or(&FaultKind::Empty) {
            FaultKind::FailToStart(reason) => Self::FailsToStart(reason),
            FaultKind::Interrupt { after, stop_code } => Self::Interrupted { after, stop_code },
            FaultKind::OutOfMemory { after } => Self::OutOfMemory { after },
            _ => Self::NotScripted,
        }
    }

    /// Waits until the task is to end; forever if nothing is prescribed.
    pub(super) async fn wait_until_due(&self) {
        match self {
            Self::Interrupted { after, .. } | Self::OutOfMemory { after } => tokio::time::sleep(*after).await,
            Self::NotScripted | Self::FailsToStart(_) => std::future::pending().await,
        }
    }
}

pub(super) fn interruption_reason(code: StopCode) -> &'static str {
    match code {
        StopCode::SpotInterruption => "Your Spot Task was interrupted.",
        StopCode::TerminationNotice => "Task is being stopped: its host is going away.",
        StopCode::ServiceSchedulerInitiated => {
            "ECS is performing maintenance on the underlying infrastructure hosting the task."
        }
        _ => "Task was stopped by the platform.",
    }
}
