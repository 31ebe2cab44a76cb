//! The way of a result to its `OnSuccess` destination.

use std::{collections::BTreeMap, sync::Arc};

use super::{invoke::accept, service::LambdaService};
use serde_json::Value;

/// Hands a record to a destination. One that isn't there, or doesn't take it, loses it, as in Lambda
/// (`DestinationDeliveryFailures`).
pub(super) fn deliver(lambda: &Arc<LambdaService>, destination: &str, function_arn: &str, record: String) {
    let service = destination.split(':').nth(2).unwrap_or_default();
    match service {
        "sqs" => {
            lambda.sqs.deliver(destination, record, BTreeMap::new(), None);
        }
        "sns" => {
            lambda.sns.publish(destination, record);
        }
        "events" => {
            let detail: Value = serde_json::from_str(&record).unwrap_or_default();
            let detail_type = "Lambda Function Invocation Result - Success";
            lambda.buses.put(destination, detail_type, &[destination, function_arn], &detail);
        }
        "lambda" => drop(accept(lambda, destination, None, record.into())),
        _ => {}
    }
}
