//! The journal: everything that happened, in order. It is the emulator's only output.

use std::{
    sync::Mutex,
    time::{Duration, Instant},
};

use bytes::Bytes;
use tokio::sync::{broadcast, watch};

use super::{locking::lock, stop_code::StopCode};

/// One thing that happened.
#[derive(Clone, Debug)]
pub struct JournalEntry {
    /// When, since the emulator's start.
    pub at: Duration,
    /// The invocation, task, queue or API that it is about.
    pub source: EntrySource,
    /// What happened.
    pub kind: EntryKind,
}

/// Where something happened.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "names that say all there is")]
pub enum EntrySource {
    /// In one invocation of a function.
    Lambda {
        function: String,
        /// The invocation's request id; empty while a sandbox has none.
        request_id: String,
    },
    /// In an ECS task.
    Task {
        arn: String,
        /// Its `startedBy`.
        started_by: Option<String>,
    },
    /// In a queue.
    Queue { name: String },
    /// At the API of one of the services.
    Api,
}

/// What happened. Never holds an event that a caller sent.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "names that say all there is")]
pub enum EntryKind {
    /// Lambda took an event.
    Invoked,
    /// A sandbox was given the event.
    Started {
        /// Which try of this invocation: 1, 2, 3.
        attempt: u32,
    },
    /// A process wrote a line.
    Log {
        /// Where it wrote it.
        stream: OutputStream,
        /// The line, without its end.
        line: String,
    },
    /// The handler answered.
    Answered { body: Bytes },
    /// Lambda sent the record of a success to the function's destination.
    ResultDelivered { destination: String },
    /// The destination didn't take it, and the record is gone.
    ResultDropped { destination: String },
    /// The invocation failed, other than by its timeout.
    Failed { error_type: String, message: String },
    /// The invocation was killed at its timeout.
    TimedOut { after: Duration },
    /// The event waits for its next try.
    Retrying {
        /// How long, as scaled.
        after: Duration,
    },
    /// The event was given up, and there is neither destination nor dead-letter queue.
    Discarded,
    /// A message came into the queue.
    Queued {
        message_id: String,
        /// The invocation whose failure it tells of, where Lambda wrote it.
        request_id: Option<String>,
    },
    /// A message was received.
    Received {
        message_id: String,
        /// How many times by now.
        count: u32,
    },
    /// A message was deleted, as done.
    Deleted { message_id: String },
    /// A message stays in the queue, and will be seen again.
    Returned { message_id: String },
    /// How long a received message stays hidden was changed.
    VisibilityChanged {
        message_id: String,
        /// How long from now on, before scaling.
        timeout: Duration,
    },
    /// A message was older than its queue keeps messages, and is gone.
    Expired { message_id: String },
    /// A message was received too often, and came into this dead-letter queue.
    DeadLettered {
        message_id: String,
        /// The queue it lay in.
        from: String,
    },
    /// A task's container runs.
    TaskStarted {
        /// Which attempt its order says it is.
        attempt: Option<u32>,
        /// Whether it runs on Spot capacity.
        spot: bool,
        /// The task's memory, in MiB.
        memory: u32,
    },
    /// A task was told to stop.
    TaskStopping { stop_code: StopCode },
    /// A task is over.
    TaskStopped {
        /// The container's exit code; none if it never ran.
        exit_code: Option<i32>,
        stop_code: StopCode,
        reason: String,
    },
    /// One of the services was called.
    Called {
        /// `lambda`, `ecs`, `s3`, `sqs` or `download`.
        service: &'static str,
        operation: String,
        /// The HTTP status that the caller saw; 0 for a reset.
        status: u16,
        /// The error's code, or the reason of a failure in a 200.
        code: Option<String>,
        /// How many calls of this operation were under way when it began, itself included.
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

/// Keeps all entries, and hands them to subscribers.
#[derive(Debug)]
pub(crate) struct Journal {
    start: Instant,
    all: Mutex<Vec<JournalEntry>>,
    length: watch::Sender<usize>,
    live: broadcast::Sender<JournalEntry>,
}

impl Journal {
    pub(crate) fn new() -> Self {
        Self {
            start: Instant::now(),
            all: Mutex::default(),
            length: watch::Sender::new(0),
            live: broadcast::Sender::new(16_384),
        }
    }

    pub(crate) fn note(&self, source: EntrySource, kind: EntryKind) {
        let mut all = lock(&self.all);
        let entry = JournalEntry { at: self.start.elapsed(), source, kind };
        all.push(entry.clone());
        // Under the lock, so that those who watch see the same order. Nobody watching is no error.
        let _ = self.live.send(entry);
        self.length.send_replace(all.len());
    }

    pub(crate) fn all(&self) -> Vec<JournalEntry> {
        lock(&self.all).clone()
    }

    pub(crate) fn subscribe(&self) -> broadcast::Receiver<JournalEntry> {
        self.live.subscribe()
    }

    pub(crate) async fn until<T>(&self, mut pick: impl FnMut(&JournalEntry) -> Option<T>) -> T {
        let mut length = self.length.subscribe();
        let mut seen = 0;
        loop {
            // Copied, so that `pick` may ask the emulator itself.
            let new = lock(&self.all)[seen..].to_vec();
            seen += new.len();
            if let Some(picked) = new.iter().find_map(&mut pick) {
                return picked;
            }
            // The sender lives in `self`, so a change is all that can come.
            let _ = length.wait_for(|length| *length > seen).await;
        }
    }
}
