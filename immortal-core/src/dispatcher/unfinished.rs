//! How a record ends that is neither in a task nor done.

use std::time::Duration;

use super::dead_letter::DeadLetter;

/// How a record ends that is neither in a task nor done.
#[derive(Debug)]
pub(super) enum UnfinishedRecord {
    /// It goes back to its queue: why, and what to fix.
    Returned(String),
    /// It goes back to its queue by plan, and is due in a while.
    Waiting {
        /// How long from now.
        delay: Duration,
        /// Why.
        why: String,
    },
    /// It is given up, and this is what is left of it.
    GivenUp(Box<DeadLetter>),
}

/// How a record ended: in a task or done, or not.
pub(super) type RecordResult = Result<(), UnfinishedRecord>;
