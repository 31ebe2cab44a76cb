//! Delivery of a result to its `OnSuccess` destination.

use std::{collections::BTreeMap, sync::Arc};

use super::{invoke::accept_event, service::LambdaService};
use serde_json::Value;

/// Delivers a record to a destination, and returns whether the destination accepted it. If not, the record is lost, as
/// in Lambda (`DestinationDeliveryFailures`).
pub(super) fn deliver(lambda: &Arc<LambdaService>, destination: &str, function_arn: &str, record: String) -> bool {
    let service = destination.split(':').nth(2).unwrap_or_default();
    match service {
        "sqs" => lambda.sqs.deliver(destination, record, BTreeMap::new(), None),
        "sns" => lambda.sns.publish(destination, record),
        "events" => {
            let detail: Value = serde_json::from_str(&record).unwrap_or_default();
            let detail_type = "Lambda Function Invocation Result - Success";
            lambda.buses.put(destination, detail_type, &[destination, function_arn], &detail)
        }
        "lambda" => accept_event(lambda, destination, None, record.into()).is_ok(),
        _ => false,
    }
}
