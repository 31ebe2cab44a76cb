//! One invocation of the dispatcher: handles its records concurrently, each until it is in a task, done, given up or
//! returned.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use serde_json::value::RawValue;
use tokio::task::JoinSet;
use tracing::{Instrument, field::Empty, info_span, warn};

use super::{
    calls::AwsCalls,
    config::DispatcherConfig,
    dead_letter::DeadLetter,
    decision_metrics::{self, RecordSubject},
    input::{self, DispatcherInput, QueueMessage, RecordContent, RecordReading},
    invocation_failure::{KnownFunctions, RefusedRecord},
    launch::TaskCount,
    next_step::is_interrupted,
    response::{BatchFailed, BatchResponse, RecordOutcome, batch_response, single_response},
    stopped_task::refused,
};
use crate::{
    aws::{AwsClients, WorkDeadline},
    function::FunctionArn,
    manifest::Manifest,
    metrics::{self, Metric},
};

/// The dispatcher, made once per process.
#[derive(Debug)]
pub(super) struct Dispatcher {
    pub(super) config: Arc<DispatcherConfig>,
    pub(super) manifest: Manifest,
    pub(super) calls: AwsCalls,
}

/// The context of handling one record.
#[derive(Clone, Debug)]
pub(super) struct RecordScope {
    pub(super) functions: Arc<KnownFunctions>,
    pub(super) message: Option<QueueMessage>,
    /// The record's unchanged body; without a queue, the whole payload.
    pub(super) original: Arc<str>,
    pub(super) deadline: WorkDeadline,
    /// The time of day at which the invocation began, in Unix milliseconds.
    pub(super) now: i64,
    begun: Instant,
    pub(super) tasks: Arc<TaskCount>,
    /// The age of the oldest record that goes back and doesn't wait by plan, in milliseconds.
    oldest_returned: Arc<AtomicU64>,
}

impl RecordScope {
    /// How long ago the record's message was sent; nothing without a queue.
    pub(super) fn age(&self) -> Duration {
        self.since(self.sent())
    }

    /// How many times the record's message was received, this time included; 1 without a queue.
    pub(super) fn receives(&self) -> u32 {
        self.message.as_ref().map_or(1, |message| message.receive_count)
    }

    /// When the record's message was sent, in Unix milliseconds.
    pub(super) fn sent(&self) -> Option<i64> {
        self.message.as_ref()?.sent
    }

    /// How long ago a moment was, in Unix milliseconds; nothing for one that isn't known, or is still to come.
    pub(super) fn since(&self, moment: Option<i64>) -> Duration {
        let since = moment.and_then(|moment| u64::try_from(self.now.saturating_sub(moment)).ok());
        Duration::from_millis(since.unwrap_or_default())
    }

    /// The record as it came, as a dead letter.
    pub(super) fn as_received(&self, reason: &str, request_id: &str) -> DeadLetter {
        let letter = DeadLetter::from_record(&self.original, reason, request_id);
        match &self.message {
            Some(message) => letter.with_attributes(&message.attributes),
            None => letter,
        }
    }

    /// What the record is about, as far as it is counted.
    fn subject(&self, read: &Result<RecordContent, RefusedRecord>) -> RecordSubject {
        let sent = self.sent();
        match read {
            Ok(RecordContent::Failure(failure)) => RecordSubject::Failure {
                cause: failure.cause,
                // A source queue's message was sent long before the function failed on it.
                failed_at: failure.failed_at.or(sent.filter(|_| failure.source.is_none() || failure.series > 0)),
            },
            Ok(RecordContent::Task { task, .. }) => {
                RecordSubject::StoppedTask { is_interrupted: is_interrupted(task), stopped_at: task.stopped_at }
            }
            Err(_) => RecordSubject::Refused,
        }
    }

    /// Counts the record among those that go back.
    pub(super) fn note_returned(&self) {
        let age = u64::try_from(self.age().as_millis()).unwrap_or(u64::MAX);
        self.oldest_returned.fetch_max(age, Ordering::Relaxed);
    }
}

impl Dispatcher {
    pub(super) async fn new(config: DispatcherConfig, manifest: Manifest, aws: &AwsClients) -> Self {
        let config = Arc::new(config);
        Self { calls: AwsCalls::new(Arc::clone(&config), aws).await, config, manifest }
    }

    /// Handles one invocation. `own_arn` is the ARN under which the dispatcher itself was invoked, `now` the time of
    /// day in Unix milliseconds.
    pub(super) async fn handle(
        self: Arc<Self>,
        payload: &RawValue,
        own_arn: &str,
        deadline: WorkDeadline,
        now: i64,
    ) -> Result<BatchResponse, BatchFailed> {
        let scope = RecordScope {
            functions: Arc::new(self.known_functions(own_arn)?),
            message: None,
            original: payload.get().into(),
            deadline,
            now,
            begun: Instant::now(),
            tasks: Arc::default(),
            oldest_returned: Arc::default(),
        };
        let oldest_returned = Arc::clone(&scope.oldest_returned);
        let response = match input::read(payload.get(), &scope.functions) {
            DispatcherInput::Batch(records) => {
                let each = |(message, reading): (Option<QueueMessage>, RecordReading)| {
                    let original = message.as_ref().map_or(&scope.original, |message| &message.original).clone();
                    let scope = RecordScope { message, original, ..scope.clone() };
                    reading.into_iter().map(move |read| (scope.clone(), read))
                };
                let records: Vec<_> = records.into_iter().flat_map(each).collect();
                let id = |(scope, _): &(RecordScope, _)| scope.message.as_ref().map(|message| message.id.clone());
                let ids: Vec<_> = records.iter().map(id).collect();
                let outcomes = Arc::clone(&self).side_by_side(records).await;
                batch_response(ids.into_iter().zip(outcomes).collect())
            }
            DispatcherInput::Single(reading) => {
                let records = reading.into_iter().map(|read| (scope.clone(), read)).collect();
                single_response(Arc::clone(&self).side_by_side(records).await)
            }
        };
        let oldest_returned = Duration::from_millis(oldest_returned.load(Ordering::Relaxed));
        self.print_metrics(now, &[decision_metrics::oldest_returned(oldest_returned)]);
        response
    }

    async fn side_by_side(
        self: Arc<Self>,
        records: Vec<(RecordScope, Result<RecordContent, RefusedRecord>)>,
    ) -> Vec<RecordOutcome> {
        let unfinished = || Err("the dispatcher itself failed on it; its log says where".to_owned());
        let mut outcomes: Vec<RecordOutcome> = records.iter().map(|_| unfinished()).collect();
        let mut running = JoinSet::new();
        for (number, (scope, read)) in records.into_iter().enumerate() {
            let dispatcher = Arc::clone(&self);
            let message = scope.message.as_ref().map(|message| message.id.clone()).unwrap_or_default();
            let handled = async move { (number, dispatcher.record(&scope, read).await) };
            running.spawn(handled.instrument(info_span!("record", message, request_id = Empty)));
        }
        while let Some(joined) = running.join_next().await {
            match joined {
                Ok((number, outcome)) => {
                    if let Some(place) = outcomes.get_mut(number) {
                        *place = outcome;
                    }
                }
                Err(panicked) => warn!(error = %panicked, "a record's dispatch panicked; the record goes back"),
            }
        }
        outcomes
    }

    async fn record(&self, scope: &RecordScope, read: Result<RecordContent, RefusedRecord>) -> RecordOutcome {
        let subject = scope.subject(&read);
        let result = match read {
            Ok(RecordContent::Failure(failure)) => self.failed_invocation(scope, *failure).await,
            Ok(RecordContent::Task { task, channel }) => self.stopped_task(scope, *task, channel).await,
            Err(refusal) => Err(refused(scope, &refusal, "")),
        };
        let end = match result {
            Ok(end) => end,
            Err(unfinished) => self.settle(scope, unfinished).await?,
        };
        let elapsed = i64::try_from(scope.begun.elapsed().as_millis()).unwrap_or_default();
        let now = scope.now.saturating_add(elapsed);
        self.print_metrics(now, &decision_metrics::for_decision(subject, end, now));
        Ok(())
    }

    fn print_metrics(&self, now: i64, metrics: &[Metric]) {
        if self.config.has_metrics {
            metrics::print(std::io::stdout().lock(), &self.config.primary.name, now, metrics);
        }
    }

    fn known_functions(&self, own_arn: &str) -> Result<KnownFunctions, BatchFailed> {
        let primary = &self.config.primary;
        let own = match (own_arn.parse::<FunctionArn>(), primary.to_arn()) {
            (Ok(own), _) => own,
            // Some emulators invoke without a real ARN: then region and account are those of the primary's.
            (Err(_), Some(primary)) => FunctionArn { name: self.config.own_name.clone(), qualifier: None, ..primary },
            (Err(error), None) => {
                return Err(BatchFailed(format!(
                    "the dispatcher was invoked as {own_arn:?}: {error}; set IMMORTAL_FUNCTION to the primary's full ARN"
                )));
            }
        };
        Ok(KnownFunctions { primary: primary.within(&own), own, source_queues: self.config.source_queues.clone() })
    }
}
