//! Records that wait in the failure queue by plan, and the dispatcher's rounds about them.
//!
//! Here the queue's time passes faster than the dispatcher's, so a record that waits is offered early, again and again,
//! and put back each time. Of these rounds only those are shown that begin the wait and end it.

use immortal_emulator::{EntryKind, EntrySource, JournalEntry};

use crate::report::JobStep;

/// What waits.
#[derive(Debug, Default)]
pub(super) struct PlannedWaits {
    /// The ids of the messages that wait.
    messages: Vec<String>,
    round: Option<WaitRound>,
}

/// A round of the dispatcher that began with a message that waits.
#[derive(Debug)]
struct WaitRound {
    message_id: String,
    /// Kept back until it is known whether the wait is over.
    lines: Vec<JobStep>,
}

impl PlannedWaits {
    /// What is waited for, if anything is.
    pub(super) fn status(&self) -> Option<&str> {
        (!self.messages.is_empty()).then_some("the next attempt waits in the failure queue")
    }

    /// Whether a message waits.
    pub(super) fn hold(&self, message_id: &str) -> bool {
        self.messages.iter().any(|waiting| waiting == message_id)
    }

    /// The lines that are to be shown now, of those kept back and the one that belongs to this.
    pub(super) fn pass(&mut self, entry: &JournalEntry, line: Option<JobStep>) -> Vec<JobStep> {
        match &entry.kind {
            EntryKind::Received { message_id, .. } if self.hold(message_id) => {
                self.round = Some(WaitRound { message_id: message_id.clone(), lines: Vec::new() });
                return Vec::new();
            }
            EntryKind::VisibilityChanged { message_id, .. } if self.hold(message_id) => {
                self.round.iter_mut().for_each(|round| round.lines.clear());
                return Vec::new();
            }
            EntryKind::VisibilityChanged { message_id, .. } => self.messages.push(message_id.clone()),
            EntryKind::Returned { message_id } if self.hold(message_id) => {
                self.round = None;
                return Vec::new();
            }
            _ => {}
        }
        if ends_wait(&entry.kind) {
            let mut lines = self.end_round();
            lines.extend(line);
            return lines;
        }
        match (&mut self.round, &entry.source) {
            (Some(round), EntrySource::Lambda { .. } | EntrySource::Api) => {
                round.lines.extend(line);
                Vec::new()
            }
            _ => line.into_iter().collect(),
        }
    }

    fn end_round(&mut self) -> Vec<JobStep> {
        let Some(WaitRound { message_id, lines }) = self.round.take() else { return Vec::new() };
        self.messages.retain(|waiting| *waiting != message_id);
        lines
    }
}

/// Whether it shows that the round, if there is one, isn't an early one.
fn ends_wait(what: &EntryKind) -> bool {
    match what {
        EntryKind::Called { operation, .. } => operation == "RunTask",
        EntryKind::Deleted { .. }
        | EntryKind::Queued { .. }
        | EntryKind::Failed { .. }
        | EntryKind::TimedOut { .. } => true,
        _ => false,
    }
}
