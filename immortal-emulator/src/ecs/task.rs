//! A task: its states, its process, and how it ends.

mod description;
mod process;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use jiff::Timestamp;
use serde_json::Value;
use tokio::sync::watch;

use super::{Revision, event, overrides::Overrides};
use crate::{
    How, Place, StopCode, What,
    cloud::{Cloud, arn, lock},
};

/// What is fixed with the task.
#[derive(Debug)]
pub(crate) struct Task {
    pub(crate) arn: String,
    pub(crate) cluster: String,
    pub(crate) family: String,
    pub(crate) started_by: Option<String>,
    pub(super) stop_timeout: Duration,
    revision: Revision,
    launch: Launch,
    group: String,
    /// As the caller sent them.
    overrides: Value,
    size: (u32, u32),
    storage: i64,
    command: Vec<String>,
    environment: BTreeMap<String, String>,
    created: Timestamp,
    state: Mutex<State>,
    stopping: watch::Sender<Option<Stopping>>,
}

/// What changes.
#[derive(Clone, Debug)]
struct State {
    last_status: &'static str,
    /// Grows with each change.
    version: u64,
    started: Option<Timestamp>,
    stopping: Option<Timestamp>,
    stopped: Option<Timestamp>,
    stop: Option<(StopCode, String)>,
    exit_code: Option<i32>,
    container_reason: Option<&'static str>,
}

/// A task that is told to stop.
#[derive(Clone, Debug)]
struct Stopping {
    code: StopCode,
    reason: String,
    /// How long between SIGTERM and SIGKILL.
    grace: Duration,
}

/// The capacity it runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Launch {
    /// By launch type.
    Fargate,
    /// By the capacity provider `FARGATE`.
    Provider,
    /// By the capacity provider `FARGATE_SPOT`.
    Spot,
}

/// What is scripted for a task.
#[derive(Clone, Debug)]
pub(super) enum Fate {
    Runs,
    FailsToStart(&'static str),
    Interrupted { after: Duration, stop_code: StopCode },
    OutOfMemory { after: Duration },
}

/// Source: <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/stopped-task-error-codes.html>
const OUT_OF_MEMORY: &str = "OutOfMemoryError: Container killed due to memory usage";

/// Source: <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-capacity-providers.html>: the warning
/// comes two minutes before the interruption.
const WARNING: Duration = Duration::from_mins(2);

impl Task {
    #[expect(clippy::too_many_arguments, reason = "one caller, which has each of them under this name")]
    pub(super) fn new(
        cloud: &Cloud,
        cluster: &str,
        revision: &Revision,
        launch: Launch,
        overrides: &Overrides,
        raw: Value,
        started_by: Option<String>,
        group: Option<String>,
    ) -> Arc<Self> {
        let definition = &revision.definition;
        let mut environment = definition.environment.clone();
        environment.extend(overrides.environment());
        let command = overrides.containers.iter().find_map(|one| one.command.clone());
        Arc::new(Self {
            arn: arn("ecs", &format!("task/{cluster}/{}", cloud.hex(32))),
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
            created: cloud.now(),
            state: Mutex::new(State {
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

    /// The last part of the ARN.
    pub(crate) fn id(&self) -> &str {
        self.arn.rsplit('/').next().unwrap_or_default()
    }

    pub(crate) fn desired(&self) -> &'static str {
        let stopping = self.stopping.borrow().is_some();
        if stopping || lock(&self.state).stop.is_some() { "STOPPED" } else { "RUNNING" }
    }

    pub(super) fn stopped_at(&self) -> Option<Timestamp> {
        lock(&self.state).stopped
    }

    /// Whether it stopped so long ago that ECS has forgotten it.
    pub(super) fn is_gone(&self, now: Timestamp, kept: Duration) -> bool {
        self.stopped_at().is_some_and(|stopped| stopped + kept < now)
    }

    /// Tells it to stop; the first who does gives the reason.
    pub(super) fn stop(&self, code: StopCode, reason: &str, grace: Duration) {
        self.stopping.send_if_modified(|stopping| {
            let first = stopping.is_none() && lock(&self.state).stop.is_none();
            if first {
                *stopping = Some(Stopping { code, reason: reason.to_owned(), grace });
            }
            first
        });
    }

    /// Tells it to stop as the platform does.
    pub(super) fn interrupt(&self, cloud: &Cloud, code: StopCode) {
        self.stop(code, interruption(code), self.stop_timeout.min(cloud.scaled(WARNING)));
    }

    /// Runs from its creation to its end.
    pub(super) async fn live(self: Arc<Self>, cloud: Arc<Cloud>, fate: Fate) {
        event::tell(&cloud, &self);
        if let Fate::FailsToStart(reason) = fate {
            return self.end(&cloud, None, None, StopCode::TaskFailedToStart, reason.to_owned());
        }
        self.change(&cloud, |state| state.last_status = "PENDING");
        let early = self.told_to_stop();
        if let Some(stopping) = early {
            return self.end(&cloud, None, None, stopping.code, stopping.reason);
        }
        let process = match self.start(&cloud).await {
            Ok(process) => process,
            Err(error) => {
                let reason = format!("CannotStartContainerError: {error}");
                return self.end(&cloud, None, None, StopCode::TaskFailedToStart, reason);
            }
        };
        let attempt = self.environment.get(immortal_core::names::env::ATTEMPT);
        let attempt = attempt.and_then(|attempt| attempt.parse().ok());
        cloud.journal.note(self.place(), What::TaskStarted { attempt, spot: self.launch == Launch::Spot });
        self.change(&cloud, |state| {
            state.last_status = "RUNNING";
            state.started = Some(cloud.now());
        });
        let mut stopping = self.stopping.subscribe();
        let mut container_reason = None;
        let status = tokio::select! {
            biased;
            status = process.exited() => status,
            () = async { drop(stopping.wait_for(Option::is_some).await) } => self.wind_down(&cloud, &process).await,
            () = fate.strikes() => if let Fate::Interrupted { stop_code, .. } = fate {
                    self.interrupt(&cloud, stop_code);
                    self.wind_down(&cloud, &process).await
                } else {
                    container_reason = Some(OUT_OF_MEMORY);
                    process.kill();
                    process.exited().await
                }
        };
        let stopping = self.told_to_stop();
        let (code, reason) = match (stopping, container_reason) {
            (Some(stopping), _) => (stopping.code, stopping.reason),
            (None, Some(reason)) => (StopCode::EssentialContainerExited, reason.to_owned()),
            (None, None) => (StopCode::EssentialContainerExited, "Essential container in task exited".to_owned()),
        };
        self.end(&cloud, Some(process::exit_code(status)), container_reason, code, reason);
    }

    /// SIGTERM, and SIGKILL if that doesn't do in time.
    async fn wind_down(&self, cloud: &Arc<Cloud>, process: &crate::process::Process) -> std::process::ExitStatus {
        let stopping = self.told_to_stop();
        let Some(Stopping { code, reason, grace }) = stopping else { return process.exited().await };
        cloud.journal.note(self.place(), What::TaskStopping { stop_code: code });
        self.change(cloud, |state| {
            state.stopping = Some(cloud.now());
            state.stop = Some((code, reason));
        });
        process.terminate();
        if let Ok(status) = tokio::time::timeout(grace, process.exited()).await {
            return status;
        }
        process.kill();
        process.exited().await
    }

    fn end(
        &self,
        cloud: &Arc<Cloud>,
        exit_code: Option<i32>,
        container_reason: Option<&'static str>,
        stop_code: StopCode,
        reason: String,
    ) {
        let mut state = lock(&self.state);
        let now = cloud.now();
        state.version += 1;
        state.last_status = "STOPPED";
        state.stopping.get_or_insert(now);
        state.stopped = Some(now);
        state.stop = Some((stop_code, reason.clone()));
        state.exit_code = exit_code;
        state.container_reason = container_reason;
        drop(state);
        cloud.journal.note(self.place(), What::TaskStopped { exit_code, stop_code, reason });
        event::tell(cloud, self);
    }

    fn change(&self, cloud: &Arc<Cloud>, change: impl FnOnce(&mut State)) {
        let mut state = lock(&self.state);
        state.version += 1;
        change(&mut state);
        drop(state);
        event::tell(cloud, self);
    }

    fn told_to_stop(&self) -> Option<Stopping> {
        self.stopping.borrow().clone()
    }

    fn place(&self) -> Place {
        Place::Task { arn: self.arn.clone(), started_by: self.started_by.clone() }
    }

    pub(super) fn last_status(&self) -> &'static str {
        lock(&self.state).last_status
    }
}

impl Fate {
    pub(super) fn scripted(fault: Option<&How>) -> Self {
        match *fault.unwrap_or(&How::Empty) {
            How::FailToStart(reason) => Self::FailsToStart(reason),
            How::Interrupt { after, stop_code } => Self::Interrupted { after, stop_code },
            How::OutOfMemory { after } => Self::OutOfMemory { after },
            _ => Self::Runs,
        }
    }

    /// Returns when it strikes; for a task that just runs, never.
    async fn strikes(&self) {
        match self {
            Self::Interrupted { after, .. } | Self::OutOfMemory { after } => tokio::time::sleep(*after).await,
            Self::Runs | Self::FailsToStart(_) => std::future::pending().await,
        }
    }
}

fn interruption(code: StopCode) -> &'static str {
    match code {
        StopCode::SpotInterruption => "Your Spot Task was interrupted.",
        StopCode::TerminationNotice => "Task is being stopped: its host is going away.",
        StopCode::ServiceSchedulerInitiated => {
            "ECS is performing maintenance on the underlying infrastructure hosting the task."
        }
        _ => "Task was stopped by the platform.",
    }
}
