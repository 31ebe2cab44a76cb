//! Queries of the journal. None of them waits.

use std::{collections::HashMap, time::Duration};

use immortal_emulator::{EntryKind, EntrySource};

use super::{Chain, DEAD_LETTERS, SeenInvocation, is_about};

impl Chain {
    /// What the handler saw in each attempt: its lines `saw {…}` in order.
    pub(crate) fn seen_invocations(&self, request: &str) -> Vec<SeenInvocation> {
        self.logs(request).iter().filter_map(|line| line.strip_prefix("saw ")).map(SeenInvocation::parse).collect()
    }

    /// The lines that the processes of this request wrote, in order.
    pub(crate) fn logs(&self, request: &str) -> Vec<String> {
        let entries = self.emulator.journal();
        let lines = entries.into_iter().filter_map(|entry| match (entry.source, entry.kind) {
            (EntrySource::Lambda { function, request_id }, EntryKind::Log { line, .. }) => {
                (function == self.primary && request_id == request).then_some(line)
            }
            (EntrySource::Task { started_by, .. }, EntryKind::Log { line, .. }) => {
                (started_by.as_deref() == Some(request)).then_some(line)
            }
            _ => None,
        });
        lines.collect()
    }

    /// How many tasks ran for this request.
    pub(crate) fn task_count(&self, request: &str) -> usize {
        self.tasks_by_request().get(request).copied().unwrap_or(0)
    }

    /// How many tasks ran for each request.
    pub(crate) fn tasks_by_request(&self) -> HashMap<String, usize> {
        let mut tasks = HashMap::new();
        for entry in self.emulator.journal() {
            if let (EntrySource::Task { started_by: Some(request), .. }, EntryKind::TaskStarted { .. }) =
                (entry.source, entry.kind)
            {
                *tasks.entry(request).or_default() += 1;
            }
        }
        tasks
    }

    /// The calls of one operation so far: status, and how many were in progress when each began.
    pub(crate) fn calls(&self, of: &str) -> Vec<(u16, usize)> {
        let entries = self.emulator.journal();
        let calls = entries.iter().filter_map(|entry| match &entry.kind {
            EntryKind::Called { operation, status, overlapping, .. } if operation == of => {
                Some((*status, *overlapping))
            }
            _ => None,
        });
        calls.collect()
    }

    /// Whether this request succeeded, in Lambda or in a task.
    pub(crate) fn is_done(&self, request: &str) -> bool {
        self.emulator.journal().into_iter().any(|entry| match (entry.source, entry.kind) {
            (EntrySource::Lambda { request_id, .. }, EntryKind::Answered { .. }) => request_id == request,
            (EntrySource::Task { started_by, .. }, EntryKind::TaskStopped { exit_code: Some(0), .. }) => {
                started_by.as_deref() == Some(request)
            }
            _ => false,
        })
    }

    /// Whether this request is in the dead-letter queue.
    pub(crate) fn is_dead_letter(&self, request: &str) -> bool {
        self.emulator.messages(DEAD_LETTERS).iter().any(|message| is_about(message, request))
    }

    /// The exit codes of this request's tasks, in order.
    pub(crate) fn exit_codes(&self, request: &str) -> Vec<Option<i32>> {
        let entries = self.emulator.journal().into_iter();
        let exits = entries.filter_map(|entry| match (entry.source, entry.kind) {
            (EntrySource::Task { started_by, .. }, EntryKind::TaskStopped { exit_code, .. }) => {
                (started_by.as_deref() == Some(request)).then_some(exit_code)
            }
            _ => None,
        });
        exits.collect()
    }

    /// The times at which the tasks of this request stopped, in order.
    pub(crate) fn stop_times(&self, request: &str) -> Vec<Duration> {
        let entries = self.emulator.journal();
        let ends = entries.iter().filter_map(|entry| match (&entry.source, &entry.kind) {
            (EntrySource::Task { started_by, .. }, EntryKind::TaskStopped { .. }) => {
                (started_by.as_deref() == Some(request)).then_some(entry.at)
            }
            _ => None,
        });
        ends.collect()
    }

    /// The entries of one request, and those of no request.
    pub(crate) fn journal_text_of(&self, request: &str) -> String {
        let about =
            |line: &&str| line.contains(request) || !line.contains("request_id: ") && !line.contains("started_by");
        self.journal_text().lines().filter(about).collect::<Vec<_>>().join("\n")
    }

    /// The whole journal, for a failed assertion.
    pub(crate) fn journal_text(&self) -> String {
        let lines: Vec<_> = self.emulator.journal().iter().map(|entry| format!("{entry:?}")).collect();
        lines.join("\n")
    }
}
