//! Gives jobs up: sends dead letters, and settles unfinished records.

use std::time::Duration;

use serde_json::value::RawValue;
use tracing::warn;

use super::{
    batch::{Dispatcher, RecordScope},
    dead_letter::{DeadLetter, GivenUpEvent, GivenUpJob},
    event_form::JobEvent,
    launch::event_key,
    queue_arn::QueueArn,
    task::Task,
    unfinished::{RecordEnd, RecordResult, UnfinishedRecord},
};
use crate::{aws, context::Context, function::FunctionArn, order::Order};

/// A record that can't start for this long after it was sent is given up: SQS drops it after 14 days.
///
/// Source: `botocore:sqs:CreateQueueRequest`, `MessageRetentionPeriod`.
const OLDEST_RECORD: Duration = Duration::from_hours(12 * 24);

/// A record that was received this often is given up: after 1,000 receives at most, SQS moves it without a reason.
///
/// Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-configure-dead-letter-queue.html>.
const MOST_RECEIVES: u32 = 990;

/// A record that was received more often is tried again each 15 minutes only, so that its receives last for ten days.
const FREQUENT_RECEIVES: u32 = 50;

/// The longest visibility timeout that is set at once.
const LONGEST_DELAY: Duration = Duration::from_mins(15);

impl Dispatcher {
    /// Gives a job up after this many attempts, with the reason and what to fix. `task` is the one that stopped, where
    /// there was one.
    pub(super) async fn give_up(
        &self,
        scope: &RecordScope,
        order: &Order<JobEvent>,
        attempts: u32,
        task: Option<&Task>,
        why: &str,
    ) -> UnfinishedRecord {
        let context = &with_function_arn(&order.context, &scope.functions.primary);
        let request_id = &context.aws_request_id;
        let mut reason = format!("gave up on request {request_id} of {}: {why}", scope.functions.primary.name);
        if let Some(log) = self.log_of(scope, task).await {
            reason.push_str(&log);
        }
        reason.push_str(
            "; to run it again, redrive the dead-letter queue to the failure queue, which begins a new series of attempts",
        );
        warn!(request_id, attempt = order.attempt, decision = "given up", "{reason}");
        let job = |event| GivenUpJob {
            context,
            event,
            series: order.series,
            source: order.source,
            attempts,
            task: task.map(|task| task.arn.as_str()),
            reason: &reason,
        };
        let timestamp = aws::timestamp(scope.now);
        if let Some(uri) = order.event.object_uri() {
            return given_up(DeadLetter::from_job(&job(GivenUpEvent::Object(uri)), &timestamp));
        }
        let text = order.event.text().ok().flatten();
        let Some(event) = text.as_deref().and_then(|text| serde_json::from_str::<&RawValue>(text).ok()) else {
            return given_up(scope.as_received(&reason, request_id));
        };
        let letter = DeadLetter::from_job(&job(GivenUpEvent::Text(event)), &timestamp);
        if letter.fits() {
            return given_up(letter);
        }
        // With what Lambda's record has beside it, the event is too large for a message.
        let key = event_key(scope, order, event.get());
        let Some(bucket) = self.config.transport.bucket() else {
            return given_up(scope.as_received(&reason, request_id));
        };
        match self.calls.put_event(bucket, &key, event.get(), scope.deadline).await {
            Ok(()) => {
                let uri = format!("s3://{bucket}/{key}");
                given_up(DeadLetter::from_job(&job(GivenUpEvent::Object(&uri)), &timestamp))
            }
            Err(error) => {
                UnfinishedRecord::Returned(format!("{reason}; and its event can't be kept for that: {error}"))
            }
        }
    }

    /// Where the log of a task is, as the end of a sentence.
    async fn log_of(&self, scope: &RecordScope, task: Option<&Task>) -> Option<String> {
        let task = task?;
        let definition = task.definition.as_deref().unwrap_or(&self.config.task_definition);
        let log = self.calls.task_log(definition, &self.config.container, scope.deadline).await?;
        let id = task.arn.rsplit('/').next().unwrap_or(&task.arn);
        Some(format!("; its log: group {}, stream {}/{id}", log.group, log.stream_prefix))
    }

    /// Gives a job up whose record has waited for so long that SQS would soon drop it.
    pub(super) async fn give_up_if_too_old(
        &self,
        scope: &RecordScope,
        order: &Order<JobEvent>,
        attempts: u32,
        result: RecordResult,
    ) -> RecordResult {
        match result {
            Err(UnfinishedRecord::Returned(why) | UnfinishedRecord::Waiting { why, .. })
                if has_waited_too_long(scope) =>
            {
                Err(self.give_up(scope, order, attempts, None, &format!("it waited too long: {why}")).await)
            }
            result => result,
        }
    }

    /// Settles a record that is unfinished: an error says why it goes back.
    pub(super) async fn settle(&self, scope: &RecordScope, unfinished: UnfinishedRecord) -> Result<RecordEnd, String> {
        match unfinished {
            UnfinishedRecord::GivenUp(letter) => self.send_dead_letter(scope, &letter).await,
            UnfinishedRecord::Returned(why) if has_waited_too_long(scope) => {
                let why = format!("it waited too long: {why}");
                self.send_dead_letter(scope, &scope.as_received(&why, "")).await
            }
            UnfinishedRecord::Returned(why) => {
                scope.note_returned();
                if scope.receives() > FREQUENT_RECEIVES {
                    self.wait_in_queue(scope, LONGEST_DELAY).await;
                }
                Err(why)
            }
            UnfinishedRecord::Waiting { delay, why } => {
                self.wait_in_queue(scope, delay).await;
                Err(why)
            }
        }
    }

    /// Sends a dead letter; only then is its record done.
    async fn send_dead_letter(&self, scope: &RecordScope, letter: &DeadLetter) -> Result<RecordEnd, String> {
        let Some(url) = &self.config.dead_letter_queue else {
            scope.note_returned();
            return Err(letter.reason.clone());
        };
        let sent = self.calls.send_dead_letter(url, letter, scope.deadline).await;
        sent.map(|()| RecordEnd::GivenUp).map_err(|error| {
            let why = format!("{}; and the dead letter can't be sent: {error}", letter.reason);
            warn!(decision = "back", "{why}");
            scope.note_returned();
            why
        })
    }

    /// Hides a record until it is due; if that fails, the queue's visibility timeout applies.
    async fn wait_in_queue(&self, scope: &RecordScope, delay: Duration) {
        let Some(message) = &scope.message else { return };
        let (Some(queue), Some(receipt)) = (message.queue.as_deref().and_then(QueueArn::parse), &message.receipt)
        else {
            return;
        };
        // Rounded up, because a record that is received too early waits again.
        let delay = Duration::from_secs(delay.as_millis().div_ceil(1000).try_into().unwrap_or(u64::MAX));
        let changed = self.calls.change_visibility(&queue, receipt, delay.min(LONGEST_DELAY), scope.deadline);
        if let Err(error) = changed.await {
            warn!("{error}; the record waits for the queue's visibility timeout instead");
        }
    }
}

/// Whether a record that can't start yet would soon be lost, or be moved without a reason.
fn has_waited_too_long(scope: &RecordScope) -> bool {
    scope.age() > OLDEST_RECORD || scope.receives() >= MOST_RECEIVES
}

/// A context with a function's ARN, without which its dead letter could not be redriven: the article's dispatcher gives
/// the name alone.
fn with_function_arn(context: &Context, primary: &FunctionArn) -> Context {
    let mut context = context.clone();
    if context.invoked_function_arn.is_empty() {
        context.invoked_function_arn = primary.to_string();
    }
    context
}

fn given_up(letter: DeadLetter) -> UnfinishedRecord {
    UnfinishedRecord::GivenUp(Box::new(letter))
}
