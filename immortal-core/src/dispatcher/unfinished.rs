//! How a record ends: in a task, done, given up, or back in its queue.

use std::time::Duration;

use super::dead_letter::DeadLetter;

/// How a record ends that is neither in a task nor done.
#[derive(Debug)]
pub(super) enum UnfinishedRecord {
    /// It goes back to its queue: why, and what to fix.
    Returned(String),
    /// It goes back to its queue to wait until it is due.
    Waiting {
        /// How long from now.
        delay: Duration,
        /// Why.
        why: String,
    },
    /// It is given up, and this is what is left of it.
    GivenUp(Box<DeadLetter>),
}

/// How a finished record ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RecordEnd {
    /// A task was started for it.
    Started,
    /// Its task had been started before.
    StartedBefore,
    /// Its dead letter was sent.
    GivenUp,
    /// The stopped task was its job's last: it succeeded, or another one has replaced it.
    JobEnded,
    /// There was nothing to do.
    Nothing,
}

/// How a record ended: done with, or not.
pub(super) type RecordResult = Result<RecordEnd, UnfinishedRecord>;
