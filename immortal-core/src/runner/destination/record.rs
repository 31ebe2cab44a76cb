//! The record of a success, in the forms that fit.

use serde::Serialize;
use serde_json::value::RawValue;

use crate::{
    context::Context,
    invocation_record::{InvocationRecord, RecordCondition},
};

/// A successful invocation.
#[derive(Debug)]
pub(super) struct SuccessRecord<'a> {
    pub(super) context: &'a Context,
    pub(super) attempt: u32,
    /// The time of day, as RFC 3339.
    pub(super) timestamp: &'a str,
    pub(super) event: Option<&'a RawValue>,
    pub(super) response: Option<Box<RawValue>>,
}

/// How much of the record is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum RecordForm {
    Whole,
    WithoutEvent,
    /// Without event and response, with the address of the complete record: `s3://bucket/key`.
    Address(String),
}

/// The members that immortal adds to Lambda's.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct RecordMark<'a> {
    record_object: &'a str,
}

impl SuccessRecord<'_> {
    /// The record as JSON, with event and response byte for byte.
    pub(super) fn to_json(&self, form: &RecordForm) -> String {
        let (event, response, mark) = match form {
            RecordForm::Whole => (self.event, self.response.as_deref(), None),
            RecordForm::WithoutEvent => (None, self.response.as_deref(), None),
            RecordForm::Address(uri) => (None, None, Some(RecordMark { record_object: uri })),
        };
        // Each attempt was an invocation, and the first was Lambda's.
        let ended = (RecordCondition::Success, self.attempt.saturating_add(1));
        InvocationRecord::new(self.timestamp, self.context, ended, event, response, mark).to_json()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_lambdas_record() {
        let context = Context {
            aws_request_id: "r-1".into(),
            function_version: "7".into(),
            invoked_function_arn: "arn:aws:lambda:eu-central-1:111111111111:function:ingest:live".into(),
            ..Context::default()
        };
        let record = SuccessRecord {
            context: &context,
            attempt: 2,
            timestamp: "2026-11-26T00:00:00.000Z",
            event: serde_json::from_str(r#"{"n": 1e2}"#).ok(),
            response: serde_json::from_str(r#"{"m":  2.0}"#).ok(),
        };
        let begin = r#"{"version":"1.0","timestamp":"2026-11-26T00:00:00.000Z","requestContext":{"requestId":"r-1","functionArn":"arn:aws:lambda:eu-central-1:111111111111:function:ingest:live","condition":"Success","approximateInvokeCount":3},"requestPayload":"#;
        let context = r#","responseContext":{"statusCode":200,"executedVersion":"7"},"responsePayload":"#;
        let table = [
            (RecordForm::Whole, r#"{"n": 1e2}"#, r#"{"m":  2.0}}"#),
            (RecordForm::WithoutEvent, "null", r#"{"m":  2.0}}"#),
            (RecordForm::Address("s3://b/k".into()), "null", r#"null,"immortal":{"recordObject":"s3://b/k"}}"#),
        ];
        for (form, event, end) in table {
            assert_eq!(record.to_json(&form), format!("{begin}{event}{context}{end}"));
        }
    }
}
