//! The invocation that `/next` returns.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;

use super::identity::FunctionIdentity;
use crate::{context::Context, runtime_api::Invocation};

/// How far ahead the handler's deadline is: a later one would overflow Node's timers, and Fargate guarantees no more.
const DEADLINE: Duration = Duration::from_hours(14 * 24);

/// The invocation of an order, with its context.
pub(super) fn for_context(context: &Context, identity: &FunctionIdentity, event: Bytes) -> Invocation {
    Invocation {
        request_id: context.aws_request_id.clone(),
        event,
        deadline_ms: deadline_ms(),
        function_arn: identity.arn.clone(),
        trace_id: context.xray_trace_id.clone(),
        client_context: context.client_context.as_ref().map(|json| json.get().to_owned()),
        cognito_identity: context.identity.as_ref().map(|json| json.get().to_owned()),
        tenant_id: context.tenant_id.clone(),
    }
}

/// The deadline, in Unix milliseconds.
fn deadline_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default() + DEADLINE;
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
