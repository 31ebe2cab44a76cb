//! The dispatcher's AWS calls, with deadlines, pace and retries.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::{Instant, timeout_at},
};
use tracing::info;

use super::{
    answer::{RunTaskOutput, error_line},
    config::DispatcherConfig,
    dead_letter::DeadLetter,
    ecs::{EcsClient, RunTaskRequest, TaskFilter, TaskLog, TaskStatus},
    pace::PaceGate,
    queue_arn::QueueArn,
    sqs::SqsClient,
    task::Task,
};
use crate::aws::{
    AwsClients, AwsError, RetryEnd, RetryReason, WorkDeadline, backoff,
    s3::{ObjectStore, PutCondition},
    with_retries, within,
};

/// The most concurrent calls of this process.
const IN_FLIGHT: usize = 10;

/// How long `DescribeTasks` is repeated for a task that ECS doesn't know: `DescribeTasks` lags behind `RunTask`.
const DESCRIBE_LAG: Duration = Duration::from_secs(30);

/// AWS, as one dispatcher process calls it.
#[derive(Debug)]
pub(super) struct AwsCalls {
    /// Names the value that an error is about.
    config: Arc<DispatcherConfig>,
    ecs: EcsClient,
    sqs: SqsClient,
    objects: ObjectStore,
    gate: PaceGate,
    permits: Semaphore,
}

impl AwsCalls {
    pub(super) async fn new(config: Arc<DispatcherConfig>, aws: &AwsClients) -> Self {
        Self {
            config,
            ecs: EcsClient::new(aws),
            sqs: SqsClient::new(aws).await,
            objects: ObjectStore::new(aws),
            gate: PaceGate::new(),
            permits: Semaphore::new(IN_FLIGHT),
        }
    }

    /// One `RunTask` call, at the pace of the process; `None` if there is no time for it.
    pub(super) async fn run_task(
        &self,
        request: &RunTaskRequest<'_>,
        deadline: WorkDeadline,
    ) -> Option<Result<RunTaskOutput, AwsError>> {
        self.gate.pass(deadline.end()).await?;
        let permit = self.permit(deadline).await?;
        let sent = self.gate.now();
        let answer = self.ecs.run_task(&self.config, request, deadline.call()?).await;
        match answer.as_ref().map_err(AwsError::retry_reason) {
            Err(Some(RetryReason::Throttled)) => self.gate.throttled(sent),
            Err(Some(RetryReason::Transient)) => {}
            _ => self.gate.answered(),
        }
        drop(permit);
        Some(answer)
    }

    /// A task by its ARN; `None` if ECS doesn't know it even after the lag of `DescribeTasks`.
    pub(super) async fn find_task(
        &self,
        cluster: &str,
        arn: &str,
        deadline: WorkDeadline,
    ) -> Result<Option<Task>, String> {
        let begin = Instant::now();
        let mut asked = 0;
        loop {
            let arns = [arn.to_owned()];
            if let Some(task) = self.describe_tasks(cluster, &arns, deadline).await?.into_iter().next() {
                return Ok(Some(task));
            }
            let left = DESCRIBE_LAG.saturating_sub(begin.elapsed());
            if left.is_zero() {
                return Ok(None);
            }
            let pause = backoff(asked + 3, fastrand::f64()).max(Duration::from_millis(200)).min(left);
            if !deadline.pause(pause).await {
                return Err(format!(
                    "there was no time left to look up the task {arn}; set the dispatcher's timeout to a minute"
                ));
            }
            asked += 1;
        }
    }

    /// Those of these tasks that ECS knows; at most 100.
    pub(super) async fn describe_tasks(
        &self,
        cluster: &str,
        arns: &[String],
        deadline: WorkDeadline,
    ) -> Result<Vec<Task>, String> {
        self.with_retries("DescribeTasks", deadline, |bound| self.ecs.describe_tasks(cluster, arns, bound)).await
    }

    /// The ARNs of the cluster's tasks of this kind, all pages of them.
    pub(super) async fn list_tasks(
        &self,
        cluster: &str,
        filter: TaskFilter<'_>,
        status: TaskStatus,
        deadline: WorkDeadline,
    ) -> Result<Vec<String>, String> {
        let (mut arns, mut next) = (Vec::new(), None);
        loop {
            let list = |bound| self.ecs.list_tasks(cluster, filter, status, next.clone(), bound);
            let page = self.with_retries("ListTasks", deadline, list).await?;
            arns.extend(page.arns);
            next = page.next;
            if next.is_none() {
                return Ok(arns);
            }
        }
    }

    /// Where a task's container logs to; `None` if that is unknown.
    pub(super) async fn task_log(&self, definition: &str, container: &str, deadline: WorkDeadline) -> Option<TaskLog> {
        // Only a person who reads the dead letter needs it, so there is one try.
        let _permit = self.permit(deadline).await?;
        let described = self.ecs.task_log(definition, container, deadline.call()?).await;
        described
            .inspect_err(|error| info!("{}", error_line("DescribeTaskDefinition", error, &self.config)))
            .ok()
            .flatten()
    }

    /// Stores an event for the runner. It is idempotent: the same event has the same key.
    pub(super) async fn put_event(
        &self,
        bucket: &str,
        key: &str,
        event: &str,
        deadline: WorkDeadline,
    ) -> Result<(), String> {
        let json = Bytes::copy_from_slice(event.as_bytes());
        let put = |bound| within(bound, self.objects.put_json(bucket, key, json.clone(), &PutCondition::None));
        self.with_retries("PutObject", deadline, put).await.map(drop)
    }

    /// Whether an object exists.
    pub(super) async fn has_object(&self, bucket: &str, key: &str, deadline: WorkDeadline) -> Result<bool, String> {
        self.with_retries("HeadObject", deadline, |bound| within(bound, self.objects.exists(bucket, key))).await
    }

    /// Deletes an object; succeeds if it does not exist.
    pub(super) async fn delete_object(&self, bucket: &str, key: &str, deadline: WorkDeadline) -> Result<(), String> {
        self.with_retries("DeleteObject", deadline, |bound| within(bound, self.objects.delete(bucket, key))).await
    }

    /// Sends a dead letter.
    pub(super) async fn send_dead_letter(
        &self,
        url: &str,
        letter: &DeadLetter,
        deadline: WorkDeadline,
    ) -> Result<(), String> {
        self.with_retries("SendMessage", deadline, |bound| self.sqs.send(url, letter, bound)).await
    }

    /// Hides a message for this long from now on.
    pub(super) async fn change_visibility(
        &self,
        queue: &QueueArn<'_>,
        receipt: &str,
        delay: Duration,
        deadline: WorkDeadline,
    ) -> Result<(), String> {
        let change = |bound| self.sqs.change_visibility(queue, receipt, delay, bound);
        self.with_retries("ChangeMessageVisibility", deadline, change).await
    }

    /// Repeats a call until it succeeds or fails permanently.
    async fn with_retries<T, F: Future<Output = Result<T, AwsError>>>(
        &self,
        name: &str,
        deadline: WorkDeadline,
        call: impl Fn(Duration) -> F,
    ) -> Result<T, String> {
        let permitted = |_| {
            let call = &call;
            async move {
                // The error of a call for which there was no time is `None`.
                let _permit = self.permit(deadline).await.ok_or(None)?;
                call(deadline.call().ok_or(None)?).await.map_err(Some)
            }
        };
        let is_retryable = |error: &Option<AwsError>, retry| {
            let retryable = error.as_ref().filter(|error| error.retry_reason().is_some());
            retryable.inspect(|error| info!(retry, "{}", error_line(name, error, &self.config))).is_some()
        };
        with_retries(deadline, permitted, is_retryable).await.map_err(|end| match end {
            RetryEnd::NoTime | RetryEnd::Failed(None) => no_time(name),
            RetryEnd::Failed(Some(error)) => error_line(name, &error, &self.config),
        })
    }

    /// A permit for one of the concurrent calls; `None` if there is no time to wait for one.
    async fn permit(&self, deadline: WorkDeadline) -> Option<SemaphorePermit<'_>> {
        timeout_at(deadline.end(), self.permits.acquire()).await.ok()?.ok()
    }
}

/// The error of a call for which there was no time, with what to fix.
pub(super) fn no_time(call: &str) -> String {
    format!("there was no time left for {call}; set the dispatcher's timeout to a minute; it is tried again")
}
