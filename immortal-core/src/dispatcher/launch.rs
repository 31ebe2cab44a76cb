//! Starts the task of one attempt: the look-ups in ECS, the form of the order, the call, and its response.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use tokio::sync::OnceCell;
use tracing::{info, warn};

use super::{
    answer::{RetryReason, RunTaskOutcome, run_task_outcome},
    batch::{Dispatcher, RecordScope},
    calls::no_time,
    config::EventTransport,
    ecs::{RunTaskRequest, TaskFilter, TaskStatus},
    event_form::{self, EventFormKind, JobEvent},
    known_tasks::{LaunchHistory, PlannedTask, TaskLookup},
    task_overrides::{LONGEST, TaskOverrides},
    token::TokenOrigin,
    unfinished::{RecordEnd, RecordResult, UnfinishedRecord},
};
use crate::{
    aws::{backoff, error_chain},
    job_object,
    order::{EventForm, Order},
    task_definition::family,
    task_size::TaskSize,
};

/// What is to be started.
pub(super) struct LaunchPlan {
    pub(super) origin: TokenOrigin,
    pub(super) order: Order<JobEvent>,
    pub(super) spot: bool,
    /// The task's size; `None`: the task definition's.
    pub(super) size: Option<TaskSize>,
    /// How long ago the failure's message was sent, or the task before this one stopped.
    pub(super) age: Duration,
}

/// The number of running tasks of the function, for one invocation of the dispatcher: a soft limit.
#[derive(Debug, Default)]
pub(super) struct TaskCount {
    /// When the invocation began.
    at_work: OnceCell<usize>,
    /// Started, or about to be, since then.
    own: AtomicUsize,
}

/// The most tasks of one call of `DescribeTasks` (`botocore:ecs:DescribeTasksRequest.tasks`).
const DESCRIBED_AT_ONCE: usize = 100;

impl Dispatcher {
    /// Starts the task of a plan, unless ECS knows it already.
    pub(super) async fn launch(&self, scope: &RecordScope, plan: &LaunchPlan) -> RecordResult {
        let request_id = plan.order.context.aws_request_id.as_str();
        let attempt = plan.order.attempt;
        let launched = match self.is_started(scope, plan).await {
            Ok(Some(task)) => {
                info!(request_id, task, attempt, decision = "started already");
                Ok(RecordEnd::StartedBefore)
            }
            Ok(None) => match self.wait_for_room(scope).await {
                Ok(()) => self.run_task(scope, plan).await.map(|()| RecordEnd::Started),
                Err(unfinished) => return Err(unfinished),
            },
            Err(why) => Err(why),
        };
        launched.map_err(|why| {
            warn!(request_id, attempt, decision = "back", "{why}");
            UnfinishedRecord::Returned(format!("request {request_id}, attempt {attempt}: {why}"))
        })
    }

    /// A task that means that this one needs no start.
    async fn is_started(&self, scope: &RecordScope, plan: &LaunchPlan) -> Result<Option<String>, String> {
        let order = &plan.order;
        let history = LaunchHistory {
            age: plan.age,
            is_repeated: scope.receives() > 1,
            series: order.series,
            spot: plan.spot,
            has_task_limit: self.config.max_tasks.is_some(),
        };
        let statuses: &[TaskStatus] = match history.lookup() {
            TaskLookup::None => return Ok(None),
            TaskLookup::Running => &[TaskStatus::Running],
            TaskLookup::All => &[TaskStatus::Running, TaskStatus::Stopped],
        };
        let planned = PlannedTask {
            request_id: &order.context.aws_request_id,
            series: order.series,
            attempt: order.attempt,
            previous: plan.origin.task(),
        };
        let started_by = job_object::started_by(planned.request_id);
        let (cluster, deadline) = (&self.config.cluster, scope.deadline);
        for status in statuses {
            let filter = TaskFilter::StartedBy(&started_by);
            let arns = self.calls.list_tasks(cluster, filter, *status, deadline).await?;
            for some in arns.chunks(DESCRIBED_AT_ONCE) {
                let tasks = self.calls.describe_tasks(cluster, some, deadline).await?;
                let is_it = |task: &&super::task::Task| planned.is_started_as(task, &self.config, &scope.functions);
                if let Some(task) = tasks.iter().find(is_it) {
                    return Ok(Some(task.arn.clone()));
                }
            }
        }
        Ok(None)
    }

    /// Takes a place among the tasks of the function, where their number has a bound.
    async fn wait_for_room(&self, scope: &RecordScope) -> Result<(), UnfinishedRecord> {
        let Some(most) = self.config.max_tasks else { return Ok(()) };
        let count = async {
            let filter = TaskFilter::Family(family(&self.config.task_definition));
            let listed = self.calls.list_tasks(&self.config.cluster, filter, TaskStatus::Running, scope.deadline);
            listed.await.map(|arns| arns.len())
        };
        let at_work = *scope.tasks.at_work.get_or_try_init(|| count).await.map_err(UnfinishedRecord::Returned)?;
        let own = scope.tasks.own.fetch_add(1, Ordering::Relaxed);
        if at_work + own < usize::try_from(most).unwrap_or(usize::MAX) {
            return Ok(());
        }
        let delay = Duration::from_secs_f64(600.0 + 300.0 * fastrand::f64());
        let why = format!("{most} tasks or more are at work, which is the bound of IMMORTAL_MAX_TASKS");
        Err(UnfinishedRecord::Waiting { delay, why })
    }

    /// Repeats `RunTask` until the response is final or no time is left.
    async fn run_task(&self, scope: &RecordScope, plan: &LaunchPlan) -> Result<(), String> {
        let (deadline, request_id) = (scope.deadline, plan.order.context.aws_request_id.as_str());
        let (mut spot, mut spot_is_full, mut retry) = (plan.spot, false, 0);
        let (mut kind, mut overrides) = self.form(scope, plan, None).await?;
        loop {
            let request = RunTaskRequest {
                token: plan.origin.token(spot_is_full),
                started_by: job_object::started_by(request_id),
                spot,
                overrides: &overrides,
            };
            let token = &request.token;
            let Some(answer) = self.calls.run_task(&request, deadline).await else {
                return Err(no_time("RunTask"));
            };
            let again = match run_task_outcome(answer, &self.config) {
                RunTaskOutcome::Started(task) => {
                    info!(request_id, token, task, attempt = plan.order.attempt, form = ?kind, spot, decision = "started");
                    return Ok(());
                }
                RunTaskOutcome::OverridesTooLong(why) => {
                    info!(request_id, token, form = ?kind, decision = "the next form", "{why}");
                    let last = || format!("RunTask: {why}; shorten its context, that is clientContext and identity");
                    let next = kind.following().ok_or_else(last)?;
                    (kind, overrides) = self.form(scope, plan, Some(next)).await?;
                    continue;
                }
                RunTaskOutcome::BackToQueue(why) => return Err(why),
                RunTaskOutcome::Retry(again) => again,
            };
            info!(request_id, token, retry, decision = "again", "{}", again.why);
            if spot && again.kind == RetryReason::NoCapacity {
                // A definite answer: nothing was started on Spot, so Fargate gets a request and a token of its own.
                (spot, spot_is_full) = (false, true);
            }
            // After a throttle the pace of the whole process is the pause; this one only parts the records.
            let nth = if again.kind == RetryReason::Throttled { retry.min(2) } else { retry };
            if !deadline.pause(backoff(nth, fastrand::f64())).await {
                return Err(format!("{}; it was tried {} times, and is tried again later", again.why, retry + 1));
            }
            retry += 1;
        }
    }

    /// The order in the first form that fits, its event put into the bucket where that is the form.
    async fn form(
        &self,
        scope: &RecordScope,
        plan: &LaunchPlan,
        from: Option<EventFormKind>,
    ) -> Result<(EventFormKind, TaskOverrides), String> {
        let with = |form: &EventForm| {
            TaskOverrides::new(&self.config.container, &plan.order, form, plan.size, self.manifest.storage)
        };
        if let (JobEvent::Formed(form), None) = (&plan.order.event, from)
            && self.config.transport.takes(form)
        {
            let overrides = with(form);
            if overrides.length() <= LONGEST {
                return Ok((form.kind(), overrides));
            }
        }
        let event = match plan.order.event.text() {
            Ok(Some(event)) => event,
            Ok(None) => return Err("its order is too long even with the event in S3; shorten its context".to_owned()),
            Err(error) => return Err(format!("its event can't be read: {}", error_chain(&error))),
        };
        let key = event_key(scope, &plan.order, &event);
        let transport = &self.config.transport;
        let (kind, overrides) =
            event_form::first_fitting(&event, transport, &key, from.unwrap_or(EventFormKind::Inline), with)
                .map_err(|error| error.to_string())?;
        if let (EventFormKind::S3, EventTransport::Inline { bucket: Some(bucket) } | EventTransport::Bucket(bucket)) =
            (kind, transport)
        {
            self.calls.put_event(bucket, &key, &event, scope.deadline).await?;
        }
        Ok((kind, overrides))
    }
}

/// The key of the object for a job's event.
pub(super) fn event_key<E>(scope: &RecordScope, order: &Order<E>, event: &str) -> String {
    job_object::event_key(&scope.functions.primary.name, &order.context.aws_request_id, event)
}
