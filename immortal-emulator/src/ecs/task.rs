//! A task: its states, its process, and how it ends.

mod description;
mod process;
mod scripted_end;

use std::{
    collections::BTreeMap,
    process::ExitStatus,
    sync::{Arc, Mutex},
    time::Duration,
};

pub(super) use self::scripted_end::ScriptedEnd;
use self::scripted_end::interruption_reason;
use super::{definition::TaskRevision, overrides::TaskOverrides};
use crate::{
    eventbridge::{TaskChange, TaskEvents},
    platform::{ChildProcess, EntryKind, EntrySource, Platform, StopCode, arn, lock},
};
use immortal_core::names::env;
use jiff::Timestamp;
use serde_json::Value;
use tokio::sync::watch;

/// A task: what was fixed at its creation, and its state.
#[derive(Debug)]
pub(crate) struct EcsTask {
    pub(crate) arn: String,
    pub(crate) cluster: String,
    pub(crate) family: String,
    pub(crate) started_by: Option<String>,
    pub(super) stop_timeout: Duration,
    revision: TaskRevision,
    launch: LaunchKind,
    group: String,
    /// As the caller sent them.
    overrides: Value,
    size: (u32, u32),
    storage: i64,
    command: Vec<String>,
    environment: BTreeMap<String, String>,
    created: Timestamp,
    state: Mutex<TaskState>,
    stopping: watch::Sender<Option<StopRequest>>,
}

/// The part of a task that changes.
#[derive(Clone, Debug)]
struct TaskState {
    last_status: &'static str,
    /// Incremented with each change.
    version: u64,
    started: Option<Timestamp>,
    stopping: Option<Timestamp>,
    stopped: Option<Timestamp>,
    stop: Option<(StopCode, String)>,
    exit_code: Option<i32>,
    container_reason: Option<&'static str>,
}

/// A request to stop a task.
#[derive(Clone, Debug)]
struct StopRequest {
    code: StopCode,
    reason: String,
    /// The time between SIGTERM and SIGKILL.
    grace: Duration,
}

/// How a task was launched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LaunchKind {
    /// With the launch type `FARGATE`.
    Fargate,
    /// With the capacity provider `FARGATE`.
    Provider,
    /// With the capacity provider `FARGATE_SPOT`.
    Spot,
}

/// Source: <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/stopped-task-error-codes.html>
const OUT_OF_MEMORY: &str = "OutOfMemoryError: Container killed due to memory usage";

/// Source: <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-capacity-providers.html>: the warning
/// comes two minutes before the interruption.
const INTERRUPTION_NOTICE: Duration = Duration::from_mins(2);

impl EcsTask {
    #[expect(clippy::too_many_arguments, reason = "the only caller has a variable of the same name for each")]
    pub(super) fn new(
        platform: &Platform,
        cluster: &str,
        revision: &TaskRevision,
        launch: LaunchKind,
        overrides: &TaskOverrides,
        raw: Value,
        started_by: Option<String>,
        group: Option<String>,
    ) -> Arc<Self> {
        let definition = &revision.definition;
        let mut environment = definition.environment.clone();
        environment.extend(overrides.environment());
        let command = overrides.containers.iter().find_map(|one| one.command.clone());
        Arc::new(Self {
            arn: arn("ecs", &format!("task/{cluster}/{}", platform.ids.hex(32))),
            cluster: cluster.to_owned(),
            family: definition.family.clone(),
            started_by,
            stop_timeout: definition.stop_timeout,
            launch,
            group: group.unwrap_or_else(|| format!("family:{}", definition.family)),
            overrides: raw,
            size: overrides.size(revision).unwrap_or((definition.cpu, definition.memory)),
            storage: overrides.ephemeral_storage.as_ref().map_or(20, |storage| storage.size),
            command: command.unwrap_or_else(|| definition.command.clone()),
            environment,
            created: platform.now(),
            state: Mutex::new(TaskState {
                last_status: "PROVISIONING",
                version: 1,
                started: None,
                stopping: None,
                stopped: None,
                stop: None,
                exit_code: None,
                container_reason: None,
            }),
            stopping: watch::Sender::new(None),
            revision: revision.clone(),
        })
    }

    /// The task's id: the last part of the ARN.
    pub(crate) fn id(&self) -> &str {
        self.arn.rsplit('/').next().unwrap_or_default()
    }

    pub(crate) fn desired_status(&self) -> &'static str {
        let stopping = self.stopping.borrow().is_some();
        if stopping || lock(&self.state).stop.is_some() { "STOPPED" } else { "RUNNING" }
    }

    pub(super) fn stopped_at(&self) -> Option<Timestamp> {
        lock(&self.state).stopped
    }

    /// Whether it stopped so long ago that ECS no longer returns it.
    pub(super) fn is_forgotten(&self, now: Timestamp, retention: Duration) -> bool {
        self.stopped_at().is_some_and(|stopped| stopped + retention < now)
    }

    /// Requests the stop. Only the first request counts: it determines the reason.
    pub(super) fn stop(&self, code: StopCode, reason: &str, grace: Duration) {
        self.stopping.send_if_modified(|stopping| {
            let first = stopping.is_none() && lock(&self.state).stop.is_none();
            if first {
                *stopping = Some(StopRequest { code, reason: reason.to_owned(), grace });
            }
            first
        });
    }

    /// Requests the stop on behalf of the platform.
    pub(super) fn interrupt(&self, platform: &Platform, code: StopCode) {
        self.stop(code, interruption_reason(code), self.stop_timeout.min(platform.scaled(INTERRUPTION_NOTICE)));
    }

    /// Records that `RunTask` created it.
    pub(super) fn record_creation(&self, platform: &Platform) {
        let (series, attempt) = (self.number(env::SERIES).unwrap_or(0), self.number(env::ATTEMPT));
        platform.journal.record(self.source(), EntryKind::TaskCreated { series, attempt });
    }

    /// A number in its order.
    fn number(&self, variable: &str) -> Option<u32> {
        self.environment.get(variable)?.parse().ok()
    }

    /// Runs the task from its creation to its end.
    pub(super) async fn run(self: Arc<Self>, events: Arc<TaskEvents>, scripted_end: ScriptedEnd) {
        self.publish_state(&events);
        if let ScriptedEnd::FailsToStart(reason) = scripted_end {
            return self.finish(&events, None, None, StopCode::TaskFailedToStart, reason.to_owned());
        }
        self.update(&events, |state| state.last_status = "PENDING");
        let early = self.stop_request();
        if let Some(stopping) = early {
            return self.finish(&events, None, None, stopping.code, stopping.reason);
        }
        let process = match self.start(&events.platform).await {
            Ok(process) => process,
            Err(error) => {
                let reason = format!("CannotStartContainerError: {error}");
                return self.finish(&events, None, None, StopCode::TaskFailedToStart, reason);
            }
        };
        let attempt = self.number(env::ATTEMPT);
        let spot = self.launch == LaunchKind::Spot;
        events.platform.journal.record(self.source(), EntryKind::TaskStarted { attempt, spot, memory: self.size.1 });
        self.update(&events, |state| {
            state.last_status = "RUNNING";
            state.started = Some(events.platform.now());
        });
        let mut stopping = self.stopping.subscribe();
        let mut container_reason = None;
        let status = tokio::select! {
            biased;
            status = process.wait() => status,
            () = async { drop(stopping.wait_for(Option::is_some).await) } => self.stop_process(&events, &process).await,
            () = scripted_end.wait_until_due() => if let ScriptedEnd::Interrupted { stop_code, .. } = scripted_end {
                    self.interrupt(&events.platform, stop_code);
                    self.stop_process(&events, &process).await
                } else {
                    container_reason = Some(OUT_OF_MEMORY);
                    process.kill();
                    process.wait().await
                }
        };
        if process.is_out_of_memory() {
            container_reason = Some(OUT_OF_MEMORY);
        }
        let stopping = self.stop_request();
        let (code, reason) = match (stopping, container_reason) {
            (Some(stopping), _) => (stopping.code, stopping.reason),
            (None, Some(reason)) => (StopCode::EssentialContainerExited, reason.to_owned()),
            (None, None) => (StopCode::EssentialContainerExited, "Essential container in task exited".to_owned()),
        };
        self.finish(&events, Some(process::exit_code(status)), container_reason, code, reason);
    }

    /// Sends SIGTERM, and SIGKILL if the process is still running at the end of the grace period.
    async fn stop_process(&self, events: &TaskEvents, process: &ChildProcess) -> ExitStatus {
        let stopping = self.stop_request();
        let Some(StopRequest { code, reason, grace }) = stopping else { return process.wait().await };
        events.platform.journal.record(self.source(), EntryKind::TaskStopping { stop_code: code });
        self.update(events, |state| {
            state.stopping = Some(events.platform.now());
            state.stop = Some((code, reason));
        });
        process.terminate();
        if let Ok(status) = tokio::time::timeout(grace, process.wait()).await {
            return status;
        }
        process.kill();
        process.wait().await
    }

    fn finish(
        &self,
        events: &TaskEvents,
        exit_code: Option<i32>,
        container_reason: Option<&'static str>,
        stop_code: StopCode,
        reason: String,
    ) {
        let mut state = lock(&self.state);
        let now = events.platform.now();
        state.version += 1;
        state.last_status = "STOPPED";
        state.stopping.get_or_insert(now);
        state.stopped = Some(now);
        state.stop = Some((stop_code, reason.clone()));
        state.exit_code = exit_code;
        state.container_reason = container_reason;
        drop(state);
        events.platform.journal.record(self.source(), EntryKind::TaskStopped { exit_code, stop_code, reason });
        self.publish_state(events);
    }

    fn update(&self, events: &TaskEvents, change: impl FnOnce(&mut TaskState)) {
        let mut state = lock(&self.state);
        state.version += 1;
        change(&mut state);
        drop(state);
        self.publish_state(events);
    }

    fn publish_state(&self, events: &TaskEvents) {
        let detail = self.describe_for_event(events.platform.now());
        events.publish(&TaskChange {
            arn: &self.arn,
            family: &self.family,
            started_by: self.started_by.as_deref(),
            last_status: self.last_status(),
            detail,
        });
    }

    fn stop_request(&self) -> Option<StopRequest> {
        self.stopping.borrow().clone()
    }

    fn source(&self) -> EntrySource {
        EntrySource::Task { arn: self.arn.clone(), started_by: self.started_by.clone() }
    }

    pub(super) fn last_status(&self) -> &'static str {
        lock(&self.state).last_status
    }
}
