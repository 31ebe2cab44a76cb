//! Decides which attempt may write a job's progress, and what S3's response to a save means. Makes no calls.

use serde::{Deserialize, Serialize};

use crate::aws::s3::PutCondition;

/// The position of an attempt in its job: later attempts have higher ranks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) struct AttemptRank {
    pub(crate) series: u32,
    pub(crate) attempt: u32,
}

/// A writer: one run of an attempt. An attempt that runs twice has two writers.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct ProgressWriter {
    #[serde(flatten)]
    pub(crate) rank: AttemptRank,
    /// The task's ARN, or a random id.
    #[serde(rename = "writer")]
    pub(crate) id: String,
}

/// The save that an object contains: its writer and number.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct SaveStamp {
    #[serde(flatten)]
    pub(crate) writer: ProgressWriter,
    pub(crate) sequence: u64,
}

/// The present object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FoundSave {
    pub(crate) tag: String,
    pub(crate) stamp: SaveStamp,
}

/// What an attempt must do when it opens the job's progress.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum OpenStep {
    /// Nothing is saved yet: the first save must create the object.
    Begin,
    /// It continues from an earlier attempt's save, or its own.
    GoOn,
    /// Another run of the same attempt wrote it: what is there is written again in its own name, so that the other one
    /// learns of it.
    TakeOver,
    Superseded(SupersededBy),
}

/// What has replaced an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SupersededBy {
    /// A later attempt, or another run of this one.
    Attempt(AttemptRank),
    /// The object was deleted: the job has succeeded.
    EndOfJob,
}

pub(crate) fn open_step(own: &ProgressWriter, found: Option<&SaveStamp>) -> OpenStep {
    match found.map(|found| &found.writer) {
        None => OpenStep::Begin,
        Some(writer) if writer.rank > own.rank => OpenStep::Superseded(SupersededBy::Attempt(writer.rank)),
        Some(writer) if writer.rank == own.rank && writer.id != own.id => OpenStep::TakeOver,
        Some(_) => OpenStep::GoOn,
    }
}

/// One save on its way: which request is next, and what its answer means.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct PendingSave {
    stamp: SaveStamp,
    condition: PutCondition,
    next: NextRequest,
}

/// The next request of a save.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum NextRequest {
    /// Write the object, under the save's condition.
    Put,
    /// Read the present object.
    Get,
}

/// What S3 says of a write. No answer, and one that may be another the next time, is asked for again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum PutAnswer {
    /// Written; the object's entity tag.
    Written(String),
    /// 412: the condition doesn't hold.
    Refused,
    /// 404: there is no object whose entity tag could match.
    Missing,
}

/// The result of a save.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SaveEnd {
    /// The object is this save's; its entity tag.
    Saved(String),
    Superseded(SupersededBy),
}

impl PendingSave {
    pub(crate) fn new(stamp: SaveStamp, condition: PutCondition) -> Self {
        Self { stamp, condition, next: NextRequest::Put }
    }

    pub(crate) fn next(&self) -> NextRequest {
        self.next
    }

    pub(crate) fn condition(&self) -> &PutCondition {
        &self.condition
    }

    /// Handles the response to a write; `None`: another request follows.
    pub(crate) fn put(&mut self, answer: PutAnswer) -> Option<SaveEnd> {
        match answer {
            PutAnswer::Written(tag) => Some(SaveEnd::Saved(tag)),
            PutAnswer::Missing => Some(SaveEnd::Superseded(SupersededBy::EndOfJob)),
            PutAnswer::Refused => {
                self.next = NextRequest::Get;
                None
            }
        }
    }

    /// Handles the present object after a refused write; `None`: another request follows.
    pub(crate) fn got(&mut self, found: Option<FoundSave>) -> Option<SaveEnd> {
        let own = &self.stamp.writer;
        let Some(FoundSave { tag, stamp }) = found else {
            return Some(SaveEnd::Superseded(SupersededBy::EndOfJob));
        };
        if stamp == self.stamp {
            // The write had succeeded, and its response was lost.
            return Some(SaveEnd::Saved(tag));
        }
        // An earlier save of its own whose answer was lost is written over, as an earlier attempt's is.
        if stamp.writer.rank < own.rank || stamp.writer == *own {
            self.condition = PutCondition::Matches(tag);
            self.next = NextRequest::Put;
            return None;
        }
        Some(SaveEnd::Superseded(SupersededBy::Attempt(stamp.writer.rank)))
    }
}

#[cfg(test)]
#[path = "fence_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "fence_search_tests.rs"]
mod search_tests;
