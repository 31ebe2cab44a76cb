//! A task that changed its state, on its way to the next attempt.

use tracing::{Span, info, warn};

use super::{
    dispatch::{Dispatcher, Scope},
    failure::{Identity, Refusal},
    input::EventChannel,
    response::Outcome,
    start::{PATIENCE, Plan},
    task::Task,
    task_order::{self, TaskOrder},
    token::Origin,
    watch::{self, Next},
};
use crate::order::Order;

impl Dispatcher {
    /// A task that changed its state.
    pub(super) async fn state_change(&self, scope: &Scope, event: Task, channel: EventChannel) -> Outcome {
        let arn = event.arn.clone();
        if !event.is_stopped() {
            info!(task = arn, decision = "ignored", "it is {} and not STOPPED", event.status);
            return Ok(());
        }
        let Some(order) = self.order_of(scope, &event).await? else { return Ok(()) };
        let refused = |refusal: Refusal| {
            warn!(task = event.arn, decision = "refused", "{refusal}");
            refusal.0
        };
        task_order::refuse_forged(&order).map_err(refused)?;
        let request_id = order.context.aws_request_id.clone();
        Span::current().record("request_id", &request_id);
        let redriven = channel == EventChannel::Queue;
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
        let order = match channel {
            EventChannel::Direct => order,
            EventChannel::Relayed | EventChannel::Queue => {
                task_order::restrict(order, &self.config, &scope.identity).map_err(refused)?
            }
        };
        info!(request_id, task = arn, decision = "next attempt", attempt = next.attempt, next.interruptions);
        if next.failed_start {
            let delay = watch::start_delay(next.interruptions);
            // Half of the time there is must do; the other half is for the call.
            tokio::time::sleep(delay.min(scope.deadline.left() / 2)).await;
        }
        let spot = watch::on_spot(&self.manifest, next.interruptions, next.spot_is_full);
        let order = watch::next_order(&order, &next);
        self.start(scope, Plan { origin: Origin::Task(arn), order, formed: true, spot }).await
    }

    /// The order of a stopped task, asked for where the event's can't be read; `None` where there is nothing to do.
    async fn order_of(&self, scope: &Scope, event: &Task) -> Result<Option<Order>, String> {
        let arn = event.arn.as_str();
        let first = match self.order_in(event, &scope.identity) {
            Ok(order) => return Ok(order),
            Err(problem) => problem,
        };
        info!(task = arn, "the order in its event can't be read, so DescribeTasks is asked: {first}");
        let cluster = event.cluster.as_deref().unwrap_or(&self.config.cluster);
        let problem = match self.look_up(scope, cluster, arn, PATIENCE).await {
            Ok(Some(task)) => match self.order_in(&task, &scope.identity) {
                Ok(order) => return Ok(order),
                Err(problem) => format!("ECS's own description has the same fault ({problem})"),
            },
            Ok(None) => "ECS doesn't know the task any more".to_owned(),
            Err(why) => why,
        };
        warn!(task = arn, decision = "back", "{first}; {problem}");
        Err(format!(
            "the stopped task {arn} can't have a next attempt, because the order in its event can't be read ({first}): \
             {problem}; find the request by the task's startedBy in the log, and invoke the function with its event again"
        ))
    }

    /// The order in one description of a stopped task; an error says why it can't be read, though it is needed.
    fn order_in(&self, task: &Task, identity: &Identity) -> Result<Option<Order>, String> {
        let arn = task.arn.as_str();
        match task_order::read(task, &self.config, identity) {
            TaskOrder::Ours(order) => return Ok(Some(*order)),
            TaskOrder::Foreign(why) => info!(task = arn, decision = "ignored", "{why}"),
            TaskOrder::Unreadable(problem) if task.exit_code(&self.config.container) == Some(0) => {
                info!(task = arn, decision = "done", "the handler succeeded, and its order can't be read: {problem}");
            }
            TaskOrder::Unreadable(problem) => return Err(problem),
        }
        Ok(None)
    }
}
