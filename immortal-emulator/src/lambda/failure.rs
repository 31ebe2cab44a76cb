//! The message attributes of an event in a `DeadLetterConfig` queue.

use std::collections::BTreeMap;

use super::invocation::{InvocationFailure, InvocationRequest};
use crate::sqs::MessageAttribute;

/// The attributes that Lambda adds to a message whose body is the failed event.
///
/// Source: <https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html#invocation-dlq>
pub(super) fn dead_letter_attributes(
    request: &InvocationRequest,
    failed: &InvocationFailure,
) -> BTreeMap<String, MessageAttribute> {
    // "The first 1 KB of the error message."
    let end = failed.message.floor_char_boundary(1024);
    let mut attributes = BTreeMap::from([
        ("RequestID".to_owned(), MessageAttribute::text(&request.id)),
        ("ErrorCode".to_owned(), MessageAttribute::number(200)),
    ]);
    // SQS rejects empty attributes.
    if end > 0 {
        attributes.insert("ErrorMessage".to_owned(), MessageAttribute::text(&failed.message[..end]));
    }
    attributes
}
