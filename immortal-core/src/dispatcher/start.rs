//! One event on its way into one task: the ladder, the call, and what its answer means.

use std::time::Duration;

use tokio::time::Instant;
use tracing::{Span, info, warn};

use super::{
    answer::{RetryReason, Started, Verdict, judge},
    config::{Transport, family},
    deadline::backoff,
    dispatch::{Dispatcher, Scope, no_time},
    ecs::Request,
    failure::Failure,
    ladder::{self, Rung},
    lookup::{self, Age, Fate},
    overrides::{LONGEST, Overrides},
    response::Outcome,
    task::Task,
    token::{self, Origin},
    watch::{self, Next},
};
use crate::{
    context::Context,
    names::env,
    order::{EventForm, Order},
};

/// How long a task that ECS doesn't know is asked for: `DescribeTasks` lags behind `RunTask`.
const PATIENCE: Duration = Duration::from_secs(30);

/// What is to be started.
struct Plan {
    origin: Origin,
    order: Order,
    /// Whether the order's event already has the form in which it travels.
    formed: bool,
    spot: bool,
}

/// Whether a task that `RunTask` names has the event.
enum Standing {
    InHand(&'static str),
    Redrive(&'static str),
}

impl Dispatcher {
    /// A failed invocation becomes attempt 1.
    pub(super) async fn failure(&self, scope: &Scope, failure: Failure) -> Outcome {
        let Failure { event, context, cause } = failure;
        let request_id = context.aws_request_id.clone();
        Span::current().record("request_id", &request_id);
        if !cause.is_for(self.manifest.on) {
            warn!(request_id, decision = "back", "the handler itself returned an error, and on = \"killed\"");
            return Err(format!(
                "the handler itself failed on request {request_id}, and `on = \"killed\"` gives only killed \
                 invocations another life; mend the event or the handler, or set `on = \"any\"`"
            ));
        }
        let origin = Origin::Invocation {
            function: scope.identity.primary.unqualified(),
            request_id: request_id.clone(),
            attempt: 1,
        };
        let order = Order {
            event: EventForm::Inline(event),
            context,
            handler_path: None,
            attempt: 1,
            interruptions: 0,
            limit: self.manifest.limit.map(|limit| limit.div_ceil(1000)),
        };
        let spot = watch::on_spot(&self.manifest, 0, false);
        self.start(scope, Plan { origin, order, formed: false, spot }).await
    }

    /// A task that changed its state.
    pub(super) async fn task(&self, scope: &Scope, event: Task, redriven: bool) -> Outcome {
        let arn = event.arn.clone();
        if !event.is_stopped() {
            info!(task = arn, decision = "ignored", "it is {} and not STOPPED", event.status);
            return Ok(());
        }
        let Some(environment) = self.told(scope, &event).await? else {
            info!(task = arn, decision = "ignored", "it is no task of this dispatcher");
            return Ok(());
        };
        let lookup = |name: &str| environment.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
        let context = lookup(env::CONTEXT).and_then(|context| serde_json::from_str::<Context>(&context).ok());
        if !context.is_some_and(|context| scope.identity.is_of_primary(&context)) {
            info!(task = arn, decision = "ignored", "its order names another function, or none");
            return Ok(());
        }
        let order = Order::from_variables(lookup).map_err(|error| {
            warn!(task = arn, decision = "given up", "{error}");
            format!("the stopped task {arn} can't have a next attempt: {error}")
        })?;
        let request_id = order.context.aws_request_id.clone();
        Span::current().record("request_id", &request_id);
        let next = match watch::decide(&event, &self.config.container, &order, &self.manifest, redriven) {
            Next::Done(why) => {
                info!(request_id, task = arn, decision = "done", attempt = order.attempt, "{why}");
                return Ok(());
            }
            Next::GivenUp(why) => {
                warn!(request_id, task = arn, decision = "given up", attempt = order.attempt, "{why}");
                return Err(why);
            }
            Next::Attempt(next) => next,
        };
        info!(request_id, task = arn, decision = "next attempt", attempt = next.attempt, next.interruptions);
        if next.failed_start {
            let pause = watch::pause(order.interruptions, fastrand::f64());
            // Half of the time there is must do; the other half is for the call.
            tokio::time::sleep(pause.min(scope.deadline.left() / 2)).await;
        }
        let spot = watch::on_spot(&self.manifest, next.interruptions, next.spot_is_full);
        let mut order = watch::next_order(&order, &next);
        if scope.message.is_some() {
            // Who may write to the queue must not choose the code that runs; what ECS itself says of a task may.
            order.handler_path = None;
        }
        self.start(scope, Plan { origin: Origin::Task(arn), order, formed: true, spot }).await
    }

    /// What the task's container was told, asked for where the event doesn't say; `None` where the task isn't ours.
    async fn told(&self, scope: &Scope, event: &Task) -> Result<Option<Vec<(String, String)>>, String> {
        let container = &self.config.container;
        if let Some(environment) = event.environment(container) {
            return Ok(Some(environment.to_vec()));
        }
        if !event.overrides.is_empty() && event.overrides.iter().all(|told| told.name != *container) {
            return Ok(None);
        }
        let foreign = event
            .definition
            .as_deref()
            .is_some_and(|definition| family(definition) != family(&self.config.task_definition));
        let cluster = event.cluster.as_deref().unwrap_or(&self.config.cluster);
        let patience = if foreign { Duration::ZERO } else { PATIENCE };
        match self.look_up(scope, cluster, &event.arn, patience).await {
            Ok(Some(task)) => Ok(task.environment(container).map(<[_]>::to_vec)),
            Ok(None) | Err(_) if foreign => Ok(None),
            Ok(None) => Err(format!(
                "the stopped task {} came without its overrides, and ECS doesn't know it any more, so its event can't \
                 be told from it; find it by the task's startedBy in the log",
                event.arn
            )),
            Err(why) => Err(format!("the stopped task {} came without its overrides: {why}", event.arn)),
        }
    }

    async fn start(&self, scope: &Scope, plan: Plan) -> Outcome {
        let request_id = plan.order.context.aws_request_id.clone();
        match self.try_start(scope, &plan, &request_id).await {
            Ok(()) => Ok(()),
            Err(why) => {
                warn!(request_id, attempt = plan.order.attempt, decision = "back", "{why}");
                Err(format!("request {request_id}, attempt {}: {why}", plan.order.attempt))
            }
        }
    }

    async fn try_start(&self, scope: &Scope, plan: &Plan, request_id: &str) -> Outcome {
        let deadline = scope.deadline;
        let (mut spot, mut redrive, mut retry) = (plan.spot, None, 0);
        let (mut rung, mut overrides) = self.form(scope, plan, None, request_id).await?;
        loop {
            let request = Request {
                token: plan.origin.token(redrive, plan.spot && !spot),
                started_by: token::started_by(request_id),
                spot,
                overrides: &overrides,
            };
            let token = &request.token;
            let Some(answer) = self.run_task(&request, deadline).await else {
                return Err(no_time("RunTask"));
            };
            let again = match judge(answer, &self.config) {
                Verdict::Started(started) => match self.standing(scope, &started).await? {
                    Standing::InHand(what) => {
                        let Started { arn, .. } = &started;
                        info!(
                            request_id,
                            token,
                            task = arn,
                            attempt = plan.order.attempt,
                            ?rung,
                            spot,
                            decision = what
                        );
                        return Ok(());
                    }
                    Standing::Redrive(what) if redrive.is_none() => {
                        info!(request_id, token, task = started.arn, decision = "redrive", "the older task {what}");
                        redrive = scope.message.as_ref().map(|message| message.id.as_str());
                        continue;
                    }
                    Standing::Redrive(what) => {
                        return Err(format!(
                            "the task of this very redrive, {}, {what}; redrive it again",
                            started.arn
                        ));
                    }
                },
                Verdict::TooLong(why) => {
                    info!(request_id, token, ?rung, decision = "one rung down", "{why}");
                    let lowest = || format!("RunTask: {why}; shorten its context, that is clientContext and identity");
                    let floor = rung.below().ok_or_else(lowest)?;
                    (rung, overrides) = self.form(scope, plan, Some(floor), request_id).await?;
                    continue;
                }
                Verdict::Back(why) => return Err(why),
                Verdict::Again(again) => again,
            };
            info!(request_id, token, retry, decision = "again", "{}", again.why);
            // Without Spot capacity it is FARGATE, after a definite answer only: an unanswered call may have started a task.
            spot = spot && again.kind != RetryReason::NoCapacity;
            // After a throttle the pace of the whole process is the pause; this one only parts the records.
            let nth = if again.kind == RetryReason::Throttled { retry.min(2) } else { retry };
            if !deadline.pause(backoff(nth, fastrand::f64())).await {
                return Err(format!(
                    "{}; it was tried {} times, and goes back to be tried again",
                    again.why,
                    retry + 1
                ));
            }
            retry += 1;
        }
    }

    /// The order in the first form that fits, its event put into the bucket where that is the form.
    async fn form(
        &self,
        scope: &Scope,
        plan: &Plan,
        floor: Option<Rung>,
        request_id: &str,
    ) -> Result<(Rung, Overrides), String> {
        let with = |event| {
            let order = Order { event, ..plan.order.clone() };
            Overrides::new(&self.config.container, &order, &self.manifest)
        };
        if plan.formed && floor.is_none() && self.config.transport.takes(&plan.order.event) {
            let overrides = with(plan.order.event.clone());
            if overrides.length() <= LONGEST {
                return Ok((ladder::rung_of(&plan.order.event), overrides));
            }
        }
        let event = match ladder::event_of(&plan.order.event) {
            Ok(Some(event)) => event,
            Ok(None) => return Err("its order is too long even with the event in S3; shorten its context".to_owned()),
            Err(broken) => {
                return Err(format!("its order holds no event: {broken}; send the event itself to the failure queue"));
            }
        };
        let key = token::object_key(&scope.identity.primary.name, request_id, &event);
        let transport = &self.config.transport;
        let (rung, overrides) = ladder::climb_down(&event, transport, &key, floor.unwrap_or(Rung::Inline), with)
            .map_err(|error| error.to_string())?;
        if let (Rung::S3, Transport::Inline { bucket: Some(bucket) } | Transport::Bucket(bucket)) = (rung, transport) {
            self.put_event(scope, bucket, &key, &event).await?;
        }
        Ok((rung, overrides))
    }

    /// Whether a named task has the event, or has failed before this message asked for it anew.
    async fn standing(&self, scope: &Scope, started: &Started) -> Result<Standing, String> {
        let age = lookup::age(started, scope.message.as_ref());
        let (Some(message), Age::Older | Age::Unknown) = (&scope.message, age) else {
            return Ok(Standing::InHand("started"));
        };
        let Some(task) = self.look_up(scope, &self.config.cluster, &started.arn, PATIENCE).await? else {
            return Ok(Standing::Redrive("is gone"));
        };
        Ok(match lookup::fate(&task, &self.config.container, message) {
            Fate::Fresh => Standing::InHand("started"),
            Fate::UnderWay => Standing::InHand("under way already"),
            Fate::Handled => Standing::InHand("handled already"),
            Fate::Failed => Standing::Redrive("has failed"),
        })
    }

    /// Looks a task up; `None` where ECS hasn't known it for so long.
    async fn look_up(
        &self,
        scope: &Scope,
        cluster: &str,
        arn: &str,
        patience: Duration,
    ) -> Result<Option<Task>, String> {
        let begin = Instant::now();
        let mut asked = 0;
        loop {
            let describe = |bound| self.ecs.describe_task(cluster, arn, bound);
            if let Some(task) = self.persist("DescribeTasks", scope.deadline, describe).await? {
                return Ok(Some(task));
            }
            let left = patience.saturating_sub(begin.elapsed());
            if left.is_zero() {
                return Ok(None);
            }
            let pause = backoff(asked + 3, fastrand::f64()).max(Duration::from_millis(200)).min(left);
            if !scope.deadline.pause(pause).await {
                return Err(format!(
                    "there was no time left to look the task {arn} up; give the dispatcher a timeout of a minute"
                ));
            }
            asked += 1;
        }
    }
}
