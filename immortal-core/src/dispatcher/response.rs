//! The dispatcher's response to Lambda: the records that go back.

use serde::Serialize;

/// A partial batch response.
///
/// Source: <https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html>; an empty list is a success.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct BatchResponse {
    batch_item_failures: Vec<BatchItemFailure>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct BatchItemFailure {
    item_identifier: String,
}

/// The invocation fails: there is no queue, or a record has no name by which it could go back.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct BatchFailed(pub String);

/// How a record ended: well, or with the reason for which it goes back.
pub(crate) type RecordOutcome = Result<(), String>;

/// The answer to a batch; each outcome goes with its message's id, and a message may have several.
pub(crate) fn batch_response(outcomes: Vec<(Option<String>, RecordOutcome)>) -> Result<BatchResponse, BatchFailed> {
    let mut response = BatchResponse::default();
    for (id, outcome) in outcomes {
        match (id, outcome) {
            (_, Ok(())) => {}
            (Some(item_identifier), Err(_)) => {
                let item = BatchItemFailure { item_identifier };
                if !response.batch_item_failures.contains(&item) {
                    response.batch_item_failures.push(item);
                }
            }
            (None, Err(why)) => return Err(BatchFailed(format!("a record without a messageId failed: {why}"))),
        }
    }
    Ok(response)
}

/// The answer where there is no queue: all is well, or the first reason why not.
pub(crate) fn single_response(outcomes: Vec<RecordOutcome>) -> Result<BatchResponse, BatchFailed> {
    match outcomes.into_iter().find_map(Result::err) {
        Some(why) => Err(BatchFailed(why)),
        None => Ok(BatchResponse::default()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_fails_is_named() {
        let outcomes = vec![
            (Some("a".into()), Ok(())),
            (Some("b".into()), Err("x".into())),
            (Some("c".into()), Err("y".into())),
            (Some("c".into()), Err("z".into())),
        ];
        let json = serde_json::to_string(&batch_response(outcomes).expect("all have names")).expect("plain data");
        assert_eq!(json, r#"{"batchItemFailures":[{"itemIdentifier":"b"},{"itemIdentifier":"c"}]}"#);
        let well = batch_response(vec![(Some("a".into()), Ok(())), (None, Ok(()))]).expect("all is well");
        assert_eq!(serde_json::to_string(&well).expect("plain data"), r#"{"batchItemFailures":[]}"#);
    }

    #[test]
    fn who_has_no_name_fails_the_invocation() {
        let outcomes = vec![(Some("a".into()), Ok(())), (None, Err("x".into()))];
        assert!(batch_response(outcomes).expect_err("it can't be named").0.contains('x'));
        assert_eq!(single_response(vec![Ok(()), Err("x".into())]), Err(BatchFailed("x".into())));
        assert_eq!(single_response(vec![Ok(())]), Ok(BatchResponse::default()));
    }
}
