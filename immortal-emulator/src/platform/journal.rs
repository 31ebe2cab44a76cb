//! The journal: everything that happened, in order. It is the emulator's only output.

use std::{
    sync::Mutex,
    time::{Duration, Instant},
};

use bytes::Bytes;
use tokio::sync::{broadcast, watch};

use super::{locking::lock, stop_code::StopCode};

/// One entry of the journal.
#[derive(Clone, Debug)]
pub struct JournalEntry {
    /// The time since the emulator's start.
    pub at: Duration,
    /// The invocation, task, queue or API that the entry is about.
    pub source: EntrySource,
    /// What happened.
    pub kind: EntryKind,
}

/// The subject of an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields' names say what they hold")]
pub enum EntrySource {
    /// In one invocation of a function.
    Lambda {
        function: String,
        /// The invocation's request id; empty before the sandbox's first invocation.
        request_id: String,
    },
    /// In an ECS task.
    Task {
        arn: String,
        /// The `startedBy` of the task.
        started_by: Option<String>,
    },
    /// In a queue.
    Queue { name: String },
    /// At the API of one of the services.
    Api,
}

/// What happened. Never contains the event of an invocation.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the fields' names say what they hold")]
pub enum EntryKind {
    /// Lambda accepted an event.
    Invoked,
    /// A sandbox received the event.
    Started {
        /// The number of the try of this invocation: 1, 2, 3.
        attempt: u32,
    },
    /// A process wrote a line.
    Log {
        /// The output stream.
        stream: OutputStream,
        /// The line without its line break.
        line: String,
    },
    /// The handler returned a response.
    Answered { body: Bytes },
    /// Lambda sent the record of a success to the function's destination.
    ResultDelivered { destination: String },
    /// The destination rejected the record of a success, which is lost.
    ResultDropped { destination: String },
    /// The invocation failed, other than by its timeout.
    Failed { error_type: String, message: String },
    /// The invocation was killed at its timeout.
    TimedOut { after: Duration },
    /// The event is waiting for its next try.
    Retrying {
        /// The delay, after scaling.
        after: Duration,
    },
    /// The event was given up, and the function has neither a destination nor a dead-letter queue that accepted it.
    Discarded,
    /// A message was sent to the queue.
    Queued {
        message_id: String,
        /// The failed invocation, if Lambda sent the message.
        request_id: Option<String>,
    },
    /// A message was received.
    Received {
        message_id: String,
        /// How many times it has been received.
        count: u32,
    },
    /// A message was deleted.
    Deleted { message_id: String },
    /// A message was not deleted, and will be received again.
    Returned { message_id: String },
    /// The visibility timeout of a received message was changed.
    VisibilityChanged {
        message_id: String,
        /// The new timeout, from now on.
        timeout: Duration,
    },
    /// A message exceeded its queue's retention period and was removed.
    Expired { message_id: String },
    /// A message was received too often, and was moved to this dead-letter queue.
    DeadLettered {
        message_id: String,
        /// The source queue.
        from: String,
    },
    /// `RunTask` created a task.
    TaskCreated {
        /// The series that its order names.
        series: u32,
        /// The attempt that its order names.
        attempt: Option<u32>,
    },
    /// The container of a task was started.
    TaskStarted {
        /// The attempt that its order names.
        attempt: Option<u32>,
        /// Whether it runs on Spot capacity.
        spot: bool,
        /// The task's memory, in MiB.
        memory: u32,
    },
    /// A task was told to stop.
    TaskStopping { stop_code: StopCode },
    /// A task has stopped.
    TaskStopped {
        /// The container's exit code; `None` if it never ran.
        exit_code: Option<i32>,
        stop_code: StopCode,
        reason: String,
    },
    /// One of the services was called.
    Called {
        /// `lambda`, `ecs`, `s3`, `sqs`, `sns`, `events` or `download`.
        service: &'static str,
        operation: String,
        /// The HTTP status of the response; 0 if the connection was reset.
        status: u16,
        /// The error's code, or the reason of a failure in a response with status 200.
        code: Option<String>,
        /// How many calls of this operation were in progress when it began, including itself.
        overlapping: usize,
    },
}

/// An output stream of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutputStream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// Stores all entries, and sends them to subscribers.
#[derive(Debug)]
pub(crate) struct Journal {
    start: Instant,
    entries: Mutex<Vec<JournalEntry>>,
    length: watch::Sender<usize>,
    subscribers: broadcast::Sender<JournalEntry>,
}

impl Journal {
    pub(crate) fn new() -> Self {
        Self {
            start: Instant::now(),
            entries: Mutex::default(),
            length: watch::Sender::new(0),
            subscribers: broadcast::Sender::new(16_384),
        }
    }

    pub(crate) fn record(&self, source: EntrySource, kind: EntryKind) {
        let mut entries = lock(&self.entries);
        let entry = JournalEntry { at: self.start.elapsed(), source, kind };
        entries.push(entry.clone());
        // Sent under the lock, so that subscribers see the same order. Without subscribers `send` fails, which is fine.
        let _ = self.subscribers.send(entry);
        self.length.send_replace(entries.len());
    }

    pub(crate) fn entries(&self) -> Vec<JournalEntry> {
        lock(&self.entries).clone()
    }

    pub(crate) fn subscribe(&self) -> broadcast::Receiver<JournalEntry> {
        self.subscribers.subscribe()
    }

    pub(crate) async fn wait_for<T>(&self, mut pick: impl FnMut(&JournalEntry) -> Option<T>) -> T {
        let mut length = self.length.subscribe();
        let mut seen = 0;
        loop {
            // Copied, so that `pick` may use the emulator.
            let new = lock(&self.entries)[seen..].to_vec();
            seen += new.len();
            if let Some(picked) = new.iter().find_map(&mut pick) {
                return picked;
            }
            // The sender is in `self`, so waiting for a change can't fail.
            let _ = length.wait_for(|length| *length > seen).await;
        }
    }
}
