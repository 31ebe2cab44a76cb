//! Waiting for what a chain does, by its journal.

use std::time::Duration;

use immortal_emulator::{EntryKind, EntrySource};

use super::{Chain, DEAD_LETTERS, EventOutcome, SeenInvocation, is_about};

/// How long a test waits before it fails.
const CHAIN_TIMEOUT: Duration = Duration::from_mins(2);

impl Chain {
    /// Waits until the event of this request is handled or given up.
    pub(crate) async fn wait_for_outcome(&self, request: &str) -> EventOutcome {
        let mut queued = Vec::new();
        let wait = self.emulator.wait_for(|entry| match (&entry.source, &entry.kind) {
            (EntrySource::Lambda { function, request_id }, EntryKind::Answered { body }) => (function == self.primary
                && request_id == request)
                .then(|| EventOutcome::Lambda(serde_json::from_slice(body).expect("the handler returns JSON"))),
            (EntrySource::Task { arn, started_by }, EntryKind::TaskStopped { exit_code: Some(0), .. }) => {
                (started_by.as_deref() == Some(request)).then(|| EventOutcome::Task(arn.clone()))
            }
            (EntrySource::Queue { name }, EntryKind::Queued { .. }) if name == DEAD_LETTERS => {
                self.is_dead_letter(request).then_some(EventOutcome::DeadLetter)
            }
            (_, EntryKind::Queued { message_id, request_id }) if request_id.as_deref() == Some(request) => {
                queued.push(message_id.clone());
                None
            }
            (_, EntryKind::DeadLettered { message_id, .. }) => {
                queued.contains(message_id).then_some(EventOutcome::DeadLetter)
            }
            _ => None,
        });
        self.with_timeout(wait, &format!("{request} was neither handled nor given up")).await
    }

    /// Waits until the dispatcher has given up this request, and returns the body of the dead letter.
    pub(crate) async fn wait_for_dead_letter(&self, request: &str) -> String {
        let of_request = || {
            let messages = self.emulator.messages(DEAD_LETTERS);
            messages.into_iter().find(|message| is_about(message, request)).map(|message| message.body)
        };
        let wait = self.emulator.wait_for(|entry| match (&entry.source, &entry.kind) {
            (EntrySource::Queue { name }, EntryKind::Queued { .. }) if name == DEAD_LETTERS => of_request(),
            _ => None,
        });
        self.with_timeout(wait, &format!("{request} was never given up")).await
    }

    /// Waits until the fixtures' handler has the event in this attempt, and returns the task's ARN.
    pub(crate) async fn wait_until_handling(&self, request: &str, attempt: u64) -> String {
        let wait = self.emulator.wait_for(|entry| match (&entry.source, &entry.kind) {
            (EntrySource::Task { arn, started_by }, EntryKind::Log { line, .. })
                if started_by.as_deref() == Some(request) =>
            {
                let seen = SeenInvocation::parse(line.strip_prefix("saw ")?);
                (seen.attempt == attempt).then(|| arn.clone())
            }
            _ => None,
        });
        self.with_timeout(wait, &format!("attempt {attempt} of {request} never started")).await
    }

    /// Waits until a task of this request prints that it [waits](super::SCRIPTED_TASK) for SIGTERM, and returns its ARN.
    pub(crate) async fn wait_for_waiting_task(&self, request: &str) -> String {
        self.wait_for_other_waiting_task(request, &[]).await
    }

    /// Waits like [`wait_for_waiting_task`](Self::wait_for_waiting_task), for a task that is none of these.
    pub(crate) async fn wait_for_other_waiting_task(&self, request: &str, others: &[String]) -> String {
        let wait = self.emulator.wait_for(|entry| match (&entry.source, &entry.kind) {
            (EntrySource::Task { arn, started_by }, EntryKind::Log { line, .. }) => {
                (started_by.as_deref() == Some(request) && line == "waiting" && !others.contains(arn))
                    .then(|| arn.clone())
            }
            _ => None,
        });
        self.with_timeout(wait, &format!("no task of {request} waits")).await
    }

    /// Waits until this many tasks of this request have stopped, and returns how many were started before that.
    pub(crate) async fn wait_for_stopped_tasks(&self, request: &str, expected: usize) -> usize {
        let mut stopped = 0;
        let wait = self.emulator.wait_for(|entry| {
            if let (EntrySource::Task { started_by, .. }, EntryKind::TaskStopped { .. }) = (&entry.source, &entry.kind)
                && started_by.as_deref() == Some(request)
            {
                stopped += 1;
            }
            (stopped == expected).then_some(())
        });
        self.with_timeout(wait, &format!("{request} never had {expected} stopped tasks")).await;
        self.task_count(request)
    }

    /// Waits until this message is deleted or moved to the dead-letter queue, and returns whether it was deleted.
    pub(crate) async fn wait_until_settled(&self, message: &str) -> bool {
        let wait = self.emulator.wait_for(|entry| match &entry.kind {
            EntryKind::Deleted { message_id } if message_id == message => Some(true),
            EntryKind::DeadLettered { message_id, .. } if message_id == message => Some(false),
            _ => None,
        });
        self.with_timeout(wait, &format!("the message {message} was neither deleted nor given up")).await
    }

    /// Waits until nothing is in progress.
    pub(crate) async fn wait_until_idle(&self) {
        self.with_timeout(self.emulator.wait_until_idle(), "the chain does not become idle").await;
    }

    /// Waits at most [`CHAIN_TIMEOUT`], and panics with the journal if that passes.
    pub(super) async fn with_timeout<T>(&self, wait: impl Future<Output = T>, otherwise: &str) -> T {
        let waited = tokio::time::timeout(CHAIN_TIMEOUT, wait).await;
        waited.unwrap_or_else(|_| panic!("{otherwise}:\n{}", self.journal_text()))
    }
}
