//! An asynchronous invocation: its tries, the delays between them, and its destination.

use super::{
    failure, function::FailureTarget, invocation::InvocationRequest, record::record, service::LambdaService, success,
    version::FunctionVersion,
};
use crate::platform::{EntryKind, EntrySource};
use std::{collections::BTreeMap, sync::Arc, time::Duration};

/// <https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html>: one minute before the first
/// retry, two before the second.
const RETRY_DELAY: Duration = Duration::from_mins(1);

pub(super) async fn run_with_retries(
    lambda: &Arc<LambdaService>,
    version: Arc<FunctionVersion>,
    request: InvocationRequest,
) {
    let source = EntrySource::Lambda { function: version.function.name.clone(), request_id: request.id.clone() };
    let tries = u32::from(version.function.retries) + 1;
    let mut attempt = 1;
    let failed = loop {
        match version.run(&lambda.platform, &request, attempt).await {
            Ok(response) => {
                if let Some(destination) = &version.function.on_success {
                    let record = record(&lambda.platform, &version, &request, (true, &response), attempt);
                    let is_delivered = success::deliver(lambda, destination, &version.qualified_arn(), record);
                    let destination = destination.clone();
                    let delivered = EntryKind::ResultDelivered { destination: destination.clone() };
                    let what = if is_delivered { delivered } else { EntryKind::ResultDropped { destination } };
                    lambda.platform.journal.record(source, what);
                }
                return;
            }
            Err(failed) if attempt == tries => break failed,
            Err(_) => {
                let after = lambda.platform.scaled(RETRY_DELAY * attempt);
                lambda.platform.journal.record(source.clone(), EntryKind::Retrying { after });
                lambda.platform.clock.sleep(after).await;
                attempt += 1;
            }
        }
    };
    let sent = match &version.function.on_failure {
        Some(FailureTarget::OnFailure(queue)) => {
            let record = record(&lambda.platform, &version, &request, (false, &failed.payload), tries);
            lambda.sqs.deliver(queue, record, BTreeMap::new(), Some(&request.id))
        }
        Some(FailureTarget::DeadLetterConfig(queue)) => {
            let body = String::from_utf8_lossy(&request.event).into_owned();
            lambda.sqs.deliver(queue, body, failure::dead_letter_attributes(&request, &failed), Some(&request.id))
        }
        None => false,
    };
    if !sent {
        lambda.platform.journal.record(source, EntryKind::Discarded);
    }
}
