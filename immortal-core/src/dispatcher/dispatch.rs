//! The dispatcher at work: records side by side, each until it is in a task, or goes back with a reason.

use std::{sync::Arc, time::Duration};

use serde_json::value::RawValue;
use tokio::{
    sync::{Semaphore, SemaphorePermit},
    task::JoinSet,
    time::timeout_at,
};
use tracing::{Instrument, field::Empty, info, info_span, warn};

use super::{
    answer::{AwsError, Ran, RetryReason, mend},
    config::Config,
    deadline::{Deadline, backoff, within},
    ecs::{Ecs, Request},
    failure::{Identity, Refusal},
    input::{self, Input, Message, Reading, Subject},
    pace::Gate,
    response::{Failed, Outcome, Response, of_batch, of_single},
};
use crate::{
    aws::{Aws, s3::ObjectStore},
    function::FunctionArn,
    manifest::Manifest,
};

/// Calls of this process that are under way at a time.
const IN_FLIGHT: usize = 10;

/// The dispatcher, made once per process.
#[derive(Debug)]
pub(super) struct Dispatcher {
    pub(super) config: Config,
    pub(super) manifest: Manifest,
    pub(super) ecs: Ecs,
    objects: ObjectStore,
    pub(super) gate: Gate,
    calls: Semaphore,
}

/// What a record is handled with: who we are, its message, and the time there is.
#[derive(Clone, Debug)]
pub(super) struct Scope {
    pub(super) identity: Arc<Identity>,
    pub(super) message: Option<Message>,
    pub(super) deadline: Deadline,
}

impl Dispatcher {
    pub(super) fn new(config: Config, manifest: Manifest, aws: &Aws) -> Self {
        Self {
            config,
            manifest,
            ecs: Ecs::new(aws),
            objects: ObjectStore::new(aws),
            gate: Gate::new(),
            calls: Semaphore::new(IN_FLIGHT),
        }
    }

    /// Handles one invocation; `own_arn` is the ARN under which the dispatcher itself was invoked.
    pub(super) async fn handle(
        self: Arc<Self>,
        payload: &RawValue,
        own_arn: &str,
        deadline: Deadline,
    ) -> Result<Response, Failed> {
        let identity = Arc::new(self.identity(own_arn)?);
        let scope = |message| Scope { identity: Arc::clone(&identity), message, deadline };
        match input::read(payload.get(), &identity) {
            Input::Batch(records) => {
                let each = |(message, reading): (Option<Message>, Reading)| {
                    let scope = scope(message);
                    reading.into_iter().map(move |read| (scope.clone(), read))
                };
                let records: Vec<_> = records.into_iter().flat_map(each).collect();
                let id = |(scope, _): &(Scope, _)| scope.message.as_ref().map(|message| message.id.clone());
                let ids: Vec<_> = records.iter().map(id).collect();
                let outcomes = self.side_by_side(records).await;
                of_batch(ids.into_iter().zip(outcomes).collect())
            }
            Input::Single(reading) => {
                let records = reading.into_iter().map(|read| (scope(None), read)).collect();
                of_single(self.side_by_side(records).await)
            }
        }
    }

    async fn side_by_side(self: Arc<Self>, records: Vec<(Scope, Result<Subject, Refusal>)>) -> Vec<Outcome> {
        let unfinished = || Err("the dispatcher itself failed on it; its log says where".to_owned());
        let mut outcomes: Vec<Outcome> = records.iter().map(|_| unfinished()).collect();
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

    async fn record(&self, scope: &Scope, read: Result<Subject, Refusal>) -> Outcome {
        match read {
            Ok(Subject::Failure(failure)) => self.failure(scope, *failure).await,
            Ok(Subject::Task { task, redriven }) => self.task(scope, *task, redriven).await,
            Err(refusal) => {
                warn!(decision = "refused", "{refusal}");
                Err(refusal.0)
            }
        }
    }

    fn identity(&self, own_arn: &str) -> Result<Identity, Failed> {
        let primary = &self.config.primary;
        let own = match (own_arn.parse::<FunctionArn>(), primary.to_arn()) {
            (Ok(own), _) => own,
            // Some emulators invoke with no real ARN: then the primary's says where this is.
            (Err(_), Some(primary)) => FunctionArn { name: self.config.own_name.clone(), qualifier: None, ..primary },
            (Err(error), None) => {
                return Err(Failed(format!(
                    "the dispatcher was invoked as {own_arn:?}: {error}; set IMMORTAL_FUNCTION to the primary's full ARN"
                )));
            }
        };
        Ok(Identity { primary: primary.within(&own), own })
    }

    /// Makes a call until it is answered, or refused for good; the pause between two tries is at least `backoff`'s.
    pub(super) async fn persist<T, F: Future<Output = Result<T, AwsError>>>(
        &self,
        name: &str,
        deadline: Deadline,
        call: impl Fn(Duration) -> F,
    ) -> Result<T, String> {
        let mut retry = 0;
        loop {
            let no_time = || no_time(name);
            let permit = self.permit(deadline).await.ok_or_else(no_time)?;
            let answer = call(deadline.call().ok_or_else(no_time)?).await;
            drop(permit);
            let error = match answer {
                Ok(done) => return Ok(done),
                Err(error) => error,
            };
            let why = mend(name, &error, &self.config);
            if error.retry_reason().is_none() || !deadline.pause(backoff(retry, fastrand::f64())).await {
                return Err(why);
            }
            info!(retry, "{why}");
            retry += 1;
        }
    }

    /// Puts an event where the runner finds it. The same event is the same bytes under the same key: twice is once.
    pub(super) async fn put_event(&self, scope: &Scope, bucket: &str, key: &str, event: &str) -> Result<(), String> {
        let put = |bound| within(bound, self.objects.put_json(bucket, key, event));
        self.persist("PutObject", scope.deadline, put).await
    }

    /// A place among the calls that may be under way; `None` where there is no time to wait for one.
    async fn permit(&self, deadline: Deadline) -> Option<SemaphorePermit<'_>> {
        timeout_at(deadline.end(), self.calls.acquire()).await.ok()?.ok()
    }

    /// One `RunTask` call, at the pace of the process.
    pub(super) async fn run_task(&self, request: &Request<'_>, deadline: Deadline) -> Option<Result<Ran, AwsError>> {
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
}

/// There was no time for a call: what to mend.
pub(super) fn no_time(call: &str) -> String {
    format!("there was no time left for {call}; give the dispatcher a timeout of a minute, and it is tried again")
}
