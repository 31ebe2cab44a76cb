//! The life of an asynchronous invocation: tries, waits, and at last the failure queue.

use std::{sync::Arc, time::Duration};

use super::{Version, failure, sandbox::Request};
use crate::{FailureTarget, Place, What, cloud::Cloud};

/// <https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html>: one minute before the first
/// retry, two before the second.
const WAIT: Duration = Duration::from_mins(1);

pub(super) async fn live(cloud: Arc<Cloud>, version: Arc<Version>, request: Request) {
    let place = Place::Lambda { function: version.function.name.clone(), request_id: request.id.clone() };
    let tries = u32::from(version.function.retries) + 1;
    let mut attempt = 1;
    let failed = loop {
        match version.run(&cloud, &request, attempt).await {
            Ok(_) => return,
            Err(failed) if attempt == tries => break failed,
            Err(_) => {
                let after = cloud.scaled(WAIT * attempt);
                cloud.journal.note(place.clone(), What::Retrying { after });
                cloud.sleep(after).await;
                attempt += 1;
            }
        }
    };
    let sent = match &version.function.on_failure {
        Some(FailureTarget::OnFailure(queue)) => {
            let record = failure::destination_record(&cloud, &version, &request, &failed, tries);
            cloud.queues.deliver(&cloud, queue, record, failure::no_attributes(), Some(&request.id))
        }
        Some(FailureTarget::DeadLetterConfig(queue)) => {
            let body = String::from_utf8_lossy(&request.event).into_owned();
            cloud.queues.deliver(&cloud, queue, body, failure::attributes(&request, &failed), Some(&request.id))
        }
        None => false,
    };
    if !sent {
        cloud.journal.note(place, What::Discarded);
    }
}
