//! Decides what follows for the job of a stopped task.

use std::time::Duration;

use tracing::{Span, info, warn};

use super::{
    batch::{Dispatcher, RecordScope},
    event_form::JobEvent,
    input::EventChannel,
    invocation_failure::{RefusedRecord, shown},
    launch::LaunchPlan,
    next_step::{NextAttempt, NextStep, next_order, next_step},
    task::Task,
    task_order::{self, TaskOrder},
    token::TokenOrigin,
    unfinished::{RecordEnd, RecordResult, UnfinishedRecord},
};
use crate::{exit::RunnerExit, job_object::progress_key, order::Order};

/// An event whose task stopped so long ago may have been handled since: its client token is forgotten.
const SHORTEST_TOKEN_LIFE: Duration = Duration::from_hours(1);

/// The longest wait in the function itself, for input without a queue.
const LONGEST_SLEEP: Duration = Duration::from_secs(5);

impl Dispatcher {
    /// A task that changed its state.
    pub(super) async fn stopped_task(&self, scope: &RecordScope, task: Task, channel: EventChannel) -> RecordResult {
        let arn = task.arn.as_str();
        if !task.is_stopped() {
            info!(task = arn, decision = "ignored", "it is {} and not STOPPED", task.status);
            return Ok(RecordEnd::Nothing);
        }
        let Some(order) = self.order_of(scope, &task).await? else { return Ok(RecordEnd::Nothing) };
        task_order::refuse_forged(&order).map_err(|refusal| refused(scope, &refusal, ""))?;
        let request_id = order.context.aws_request_id.as_str();
        Span::current().record("request_id", request_id);
        let restricted = match channel {
            EventChannel::Direct => order.clone(),
            EventChannel::Relayed | EventChannel::Queue => {
                task_order::restrict(order.clone(), &self.config, &scope.functions)
                    .map_err(|refusal| refused(scope, &refusal, request_id))?
            }
        };
        let restricted = restricted.map_event(JobEvent::Formed);
        match next_step(&task, &self.config.container, &order, &self.manifest) {
            NextStep::Done => {
                info!(request_id, task = arn, decision = "done", attempt = order.attempt, "the handler succeeded");
                self.clean_up(scope, &restricted).await;
                Ok(RecordEnd::JobEnded)
            }
            NextStep::Superseded => {
                let attempt = order.attempt;
                info!(request_id, task = arn, decision = "done", attempt, "another attempt has taken its place");
                Ok(RecordEnd::JobEnded)
            }
            NextStep::GiveUp(why) => Err(self.give_up(scope, &restricted, order.attempt, Some(&task), &why).await),
            NextStep::Attempt(next) => {
                let result = self.next_attempt(scope, &task, &restricted, &next).await;
                self.give_up_if_too_old(scope, &restricted, order.attempt, result).await
            }
        }
    }

    async fn next_attempt(
        &self,
        scope: &RecordScope,
        task: &Task,
        order: &Order<JobEvent>,
        next: &NextAttempt,
    ) -> RecordResult {
        let request_id = order.context.aws_request_id.as_str();
        // An event whose time can't be read came soon after the stop, so its message's counts.
        let stopped_for = scope.since(task.stopped_at.or(scope.sent()));
        let left = next.delay.saturating_sub(stopped_for);
        if !left.is_zero() {
            let why = format!(
                "attempt {} of request {request_id} is due in {} s, after {} interruptions",
                next.attempt,
                left.as_secs_f32().ceil(),
                next.interruptions
            );
            info!(request_id, task = task.arn, decision = "waits", "{why}");
            if scope.message.is_some() {
                return Err(UnfinishedRecord::Waiting { delay: left, why });
            }
            tokio::time::sleep(left.min(LONGEST_SLEEP).min(scope.deadline.left() / 2)).await;
        }
        if stopped_for > SHORTEST_TOKEN_LIFE
            && let Some((bucket, key)) = order.event.object()
            && !self.calls.has_object(bucket, key, scope.deadline).await.map_err(UnfinishedRecord::Returned)?
        {
            info!(request_id, task = task.arn, decision = "done", "its event is deleted, so another attempt succeeded");
            return Ok(RecordEnd::JobEnded);
        }
        let memory = next.size.map(|size| size.memory);
        info!(
            request_id,
            task = task.arn,
            decision = "next attempt",
            attempt = next.attempt,
            next.interruptions,
            memory
        );
        let plan = LaunchPlan {
            origin: TokenOrigin::Task(task.arn.clone()),
            order: next_order(order, next),
            spot: next.spot,
            size: next.size,
            age: stopped_for.max(scope.age()),
        };
        self.launch(scope, &plan).await
    }

    /// Deletes what was kept for a job that has succeeded. What can't be deleted expires with the bucket's rule.
    async fn clean_up(&self, scope: &RecordScope, order: &Order<JobEvent>) {
        let request_id = order.context.aws_request_id.as_str();
        let event = order.event.object();
        // Whether the handler saves progress isn't known here, and a DELETE costs nothing.
        let progress_key = progress_key(&scope.functions.primary.name, request_id);
        let bucket = self.config.transport.bucket().filter(|_| cfg!(feature = "large-events"));
        let progress = bucket.map(|bucket| (bucket, progress_key.as_str()));
        for (what, (bucket, key)) in
            event.map(|it| ("event", it)).into_iter().chain(progress.map(|it| ("progress", it)))
        {
            if let Err(error) = self.calls.delete_object(bucket, key, scope.deadline).await {
                warn!(request_id, "the {what} of a finished job is left in its bucket: {error}");
            }
        }
    }

    /// The order of a stopped task, asked for where the event's can't be read; `None` where there is nothing to do.
    async fn order_of(&self, scope: &RecordScope, task: &Task) -> Result<Option<Order>, UnfinishedRecord> {
        let arn = task.arn.as_str();
        let first = match self.order_in(scope, task)? {
            Ok(order) => return Ok(order),
            Err(problem) => problem,
        };
        info!(task = arn, "the order in its event can't be read, so DescribeTasks is asked: {first}");
        let cluster = task.cluster.as_deref().unwrap_or(&self.config.cluster);
        let succeeded = task.exit(&self.config.container) == Some(RunnerExit::Succeeded);
        let found = if succeeded {
            // Only the job's objects are left to delete, and they expire where the order is unavailable now.
            let tasks = self.calls.describe_tasks(cluster, &[arn.to_owned()], scope.deadline).await;
            tasks.inspect_err(|error| info!("{error}")).unwrap_or_default().into_iter().next()
        } else {
            self.calls.find_task(cluster, arn, scope.deadline).await.map_err(UnfinishedRecord::Returned)?
        };
        let problem = match found {
            Some(task) => match self.order_in(scope, &task)? {
                Ok(order) => return Ok(order),
                Err(problem) => format!("ECS's own description has the same fault ({problem})"),
            },
            None => "ECS doesn't know the task any more".to_owned(),
        };
        if succeeded {
            info!(task = arn, decision = "done", "the handler succeeded, and its order can't be read: {problem}");
            return Ok(None);
        }
        let started_by = task.started_by.as_deref().unwrap_or_default();
        let why = format!(
            "the stopped task {arn}, startedBy {}, can't have a next attempt, because the order in its event can't be \
             read ({first}): {problem}; find that request in the log, and invoke the function with its event again",
            shown(started_by)
        );
        Err(refused(scope, &RefusedRecord(why), started_by))
    }

    /// The order in one description of a stopped task: `None` where there is nothing to do, the inner error where it
    /// can't be read.
    fn order_in(&self, scope: &RecordScope, task: &Task) -> Result<Result<Option<Order>, String>, UnfinishedRecord> {
        let arn = task.arn.as_str();
        match task_order::read(task, &self.config, &scope.functions) {
            TaskOrder::Ours(order) => return Ok(Ok(Some(*order))),
            TaskOrder::OtherTask(why) => info!(task = arn, decision = "ignored", "{why}"),
            TaskOrder::OtherFunction(refusal) => return Err(refused(scope, &refusal, "")),
            TaskOrder::Unreadable(problem) => return Ok(Err(problem)),
        }
        Ok(Ok(None))
    }
}

/// A refused record is kept unchanged.
pub(super) fn refused(scope: &RecordScope, refusal: &RefusedRecord, request_id: &str) -> UnfinishedRecord {
    warn!(decision = "refused", "{refusal}");
    UnfinishedRecord::GivenUp(Box::new(scope.as_received(&refusal.0, request_id)))
}
