//! Decides whether the event of a failed invocation gets an attempt on Fargate.

use tracing::{Span, info};

use super::{
    batch::{Dispatcher, RecordScope},
    failure_cause::FailureCause,
    invocation_failure::InvocationFailure,
    launch::LaunchPlan,
    next_step::{begins_on_spot, first_size},
    stopped_task::refused,
    task_order,
    token::TokenOrigin,
    unfinished::{RecordEnd, RecordResult},
};
use crate::order::Order;

impl Dispatcher {
    /// A failed invocation becomes attempt 1 of its series.
    pub(super) async fn failed_invocation(&self, scope: &RecordScope, failure: InvocationFailure) -> RecordResult {
        let InvocationFailure { event, context, cause, series, source, failed_at } = failure;
        let request_id = context.aws_request_id.clone();
        Span::current().record("request_id", &request_id);
        task_order::refuse_other_object(event.object_uri(), &request_id, &self.config, &scope.functions)
            .map_err(|refusal| refused(scope, &refusal, &request_id))?;
        let order = Order {
            event,
            context,
            handler_path: None,
            attempt: 1,
            interruptions: 0,
            limit: self.manifest.limit.map(|limit| limit.div_ceil(1000)),
            series,
            source,
            failed_at,
        };
        if cause == FailureCause::Superseded {
            info!(request_id, decision = "done", "another attempt has taken its place");
            return Ok(RecordEnd::Nothing);
        }
        if !cause.is_for(self.manifest.on) {
            return Err(self.give_up(scope, &order, 0, None, no_attempt(cause)).await);
        }
        let origin =
            TokenOrigin::Invocation { function: scope.functions.primary.unqualified(), request_id, attempt: 1, series };
        let plan = LaunchPlan {
            origin,
            order,
            spot: begins_on_spot(&self.manifest),
            size: first_size(&self.manifest),
            age: scope.age(),
        };
        let result = self.launch(scope, &plan).await;
        self.give_up_if_too_old(scope, &plan.order, 0, result).await
    }
}

/// Why a failure of this cause gets no attempt, and what to fix.
fn no_attempt(cause: FailureCause) -> &'static str {
    if cause == FailureCause::UnreadableEvent {
        "its event can't be read as the handler's type, which no attempt would change; fix the handler's type or the event"
    } else {
        "the handler returned an error, and `on = \"killed\"` gives only killed invocations an attempt on Fargate; fix \
         the handler or the event, or set `on = \"any\"`"
    }
}
