//! A dead letter: an event that was given up, in the shape of Lambda's own failure record, with why and how to go on.
//!
//! A redrive puts it into the failure queue again, where it is read as what it looks like, a destination record, and
//! begins the next series of attempts.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::{context::Context, names::GIVEN_UP};

/// The largest message that SQS takes, in bytes, attributes included.
///
/// Source: `botocore:sqs:SendMessageRequest`, 1 MiB.
const LARGEST_MESSAGE: usize = 1_048_576;
/// The longest value of an attribute, in bytes: as long as Lambda's own `ErrorMessage` at most.
const LONGEST_VALUE: usize = 1024;

/// A message for the dead-letter queue.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct DeadLetter {
    pub(crate) body: String,
    /// The attributes, all of the type `String`, by name.
    pub(crate) attributes: Vec<(&'static str, String)>,
}

/// A body holds an event, which is never shown.
impl std::fmt::Debug for DeadLetter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "DeadLetter({} bytes, {:?})", self.body.len(), self.attributes)
    }
}

/// What a dead letter tells of a job.
#[derive(Clone, Debug)]
pub(crate) struct GivenUpJob<'a> {
    /// The context of attempt 0.
    pub(crate) context: &'a Context,
    pub(crate) event: GivenUpEvent<'a>,
    /// The series that was given up: 0, or the number of redrives before it.
    pub(crate) series: u32,
    /// The number of the last attempt; 0 where none was started.
    pub(crate) attempts: u32,
    /// The ARN of the last task.
    pub(crate) task: Option<&'a str>,
    /// Why it was given up, and what to fix.
    pub(crate) reason: &'a str,
}

/// Where the event of a dead letter is.
#[derive(Clone, Copy)]
pub(crate) enum GivenUpEvent<'a> {
    /// In the letter.
    Text(&'a RawValue),
    /// In an object, as `s3://bucket/key`.
    Object(&'a str),
}

impl std::fmt::Debug for GivenUpEvent<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Text(event) => write!(f, "Text({} bytes)", event.get().len()),
            Self::Object(uri) => write!(f, "Object({uri})"),
        }
    }
}

/// How a redriven job goes on; beside the fields of Lambda's record.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DeadLetterMark {
    /// The series that the redrive begins.
    pub(crate) series: u32,
    /// The context of attempt 0.
    #[serde(default)]
    pub(crate) context: Option<Context>,
    /// Where the event is, when it isn't in the record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) event_object: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct FailureRecord<'a> {
    version: &'static str,
    timestamp: &'a str,
    request_context: RequestContext<'a>,
    request_payload: Option<&'a RawValue>,
    response_context: ResponseContext<'a>,
    response_payload: ResponsePayload<'a>,
    immortal: DeadLetterMark,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RequestContext<'a> {
    request_id: &'a str,
    function_arn: String,
    condition: &'static str,
    approximate_invoke_count: u32,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ResponseContext<'a> {
    status_code: u16,
    executed_version: &'a str,
    function_error: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ResponsePayload<'a> {
    error_type: &'static str,
    error_message: &'a str,
}

impl DeadLetter {
    /// The dead letter of a job. `timestamp` is the time of day, as RFC 3339.
    #[must_use]
    pub(crate) fn of_job(job: &GivenUpJob<'_>, timestamp: &str) -> Self {
        let context = job.context;
        let version = if context.function_version.is_empty() { "$LATEST" } else { &context.function_version };
        let (payload, object) = match job.event {
            GivenUpEvent::Text(event) => (Some(event), None),
            GivenUpEvent::Object(uri) => (None, Some(uri.to_owned())),
        };
        let record = FailureRecord {
            version: "1.0",
            timestamp,
            request_context: RequestContext {
                request_id: &context.aws_request_id,
                function_arn: qualified(&context.invoked_function_arn, version),
                condition: "RetriesExhausted",
                approximate_invoke_count: 1,
            },
            request_payload: payload,
            response_context: ResponseContext {
                status_code: 200,
                executed_version: version,
                function_error: "Unhandled",
            },
            response_payload: ResponsePayload { error_type: GIVEN_UP, error_message: job.reason },
            immortal: DeadLetterMark {
                series: job.series.saturating_add(1),
                context: Some(context.clone()),
                event_object: object,
            },
        };
        let attributes = attributes(job.reason, &context.aws_request_id, Some(job.attempts), job.task);
        // Plain data: it can't fail.
        Self { body: serde_json::to_string(&record).unwrap_or_default(), attributes }
    }

    /// The dead letter of a record that is refused: its body as it was.
    #[must_use]
    pub(crate) fn of_record(body: &str, reason: &str, request_id: &str) -> Self {
        Self { body: body.to_owned(), attributes: attributes(reason, request_id, None, None) }
    }

    /// The same with these attributes too, which say how its body is to be read.
    #[must_use]
    pub(crate) fn with_attributes(mut self, more: &[(&'static str, String)]) -> Self {
        let printable = more.iter().map(|(name, value)| (*name, printable(value)));
        self.attributes.extend(printable.filter(|(_, value)| !value.is_empty()));
        self
    }

    /// Whether SQS takes it.
    #[must_use]
    pub(crate) fn fits(&self) -> bool {
        const TYPE: usize = "String".len();
        let attributes: usize = self.attributes.iter().map(|(name, value)| name.len() + TYPE + value.len()).sum();
        self.body.len() + attributes <= LARGEST_MESSAGE
    }
}

fn attributes(
    reason: &str,
    request_id: &str,
    attempts: Option<u32>,
    task: Option<&str>,
) -> Vec<(&'static str, String)> {
    let all = [
        ("ImmortalReason", reason.to_owned()),
        ("ImmortalRequestId", request_id.to_owned()),
        ("ImmortalAttempts", attempts.map(|attempts| attempts.to_string()).unwrap_or_default()),
        ("ImmortalTask", task.unwrap_or_default().to_owned()),
    ];
    all.into_iter().map(|(name, value)| (name, printable(&value))).filter(|(_, value)| !value.is_empty()).collect()
}

/// SQS refuses a message whose attribute is empty or holds what XML can't; who reads it wants one line.
fn printable(text: &str) -> String {
    let line = text.chars().map(|char| if char.is_ascii_graphic() || char == ' ' { char } else { '?' });
    line.take(LONGEST_VALUE).collect::<String>().trim().to_owned()
}

/// The ARN as Lambda's records have it, which always names what was invoked.
fn qualified(arn: &str, version: &str) -> String {
    match arn.matches(':').count() {
        6 => format!("{arn}:{version}"),
        _ => arn.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARN: &str = "arn:aws:lambda:eu-central-1:111111111111:function:ingest";

    fn context() -> Context {
        Context {
            aws_request_id: "r-1".into(),
            function_name: "ingest".into(),
            function_version: "7".into(),
            invoked_function_arn: ARN.into(),
            ..Context::default()
        }
    }

    fn job<'a>(context: &'a Context, event: GivenUpEvent<'a>, reason: &'a str) -> GivenUpJob<'a> {
        GivenUpJob { context, event, series: 0, attempts: 3, task: Some("arn:task"), reason }
    }

    #[test]
    fn it_is_lambdas_record_with_how_to_go_on() {
        let event: &RawValue = serde_json::from_str(r#"{"n": 1e2}"#).expect("JSON");
        let context = context();
        let letter = DeadLetter::of_job(&job(&context, GivenUpEvent::Text(event), "why"), "2026-11-26T00:00:00Z");
        let expected = format!(
            r#"{{"version":"1.0","timestamp":"2026-11-26T00:00:00Z","requestContext":{{"requestId":"r-1","functionArn":"{ARN}:7","condition":"RetriesExhausted","approximateInvokeCount":1}},"requestPayload":{{"n": 1e2}},"responseContext":{{"statusCode":200,"executedVersion":"7","functionError":"Unhandled"}},"responsePayload":{{"errorType":"Immortal.GivenUp","errorMessage":"why"}},"immortal":{{"series":1,"context":{}}}}}"#,
            serde_json::to_string(&context).expect("plain data")
        );
        assert_eq!(letter.body, expected);
        let attributes: Vec<_> = letter.attributes.iter().map(|(name, value)| (*name, value.as_str())).collect();
        assert_eq!(
            attributes,
            [
                ("ImmortalReason", "why"),
                ("ImmortalRequestId", "r-1"),
                ("ImmortalAttempts", "3"),
                ("ImmortalTask", "arn:task")
            ]
        );
    }

    #[test]
    fn an_event_in_s3_stays_there() {
        let context = context();
        let job = GivenUpJob { series: 4, ..job(&context, GivenUpEvent::Object("s3://b/k"), "why") };
        let letter = DeadLetter::of_job(&job, "");
        let record: serde_json::Value = serde_json::from_str(&letter.body).expect("JSON");
        assert_eq!(record["requestPayload"], serde_json::Value::Null);
        assert_eq!(record["immortal"]["eventObject"], "s3://b/k");
        assert_eq!(record["immortal"]["series"], 5);
    }

    #[test]
    fn attributes_are_printable_and_never_empty() {
        let letter = DeadLetter::of_record("{", "no\nJSON: \u{e4}", "");
        assert_eq!(letter.attributes, [("ImmortalReason", "no?JSON: ?".to_owned())]);
        let long = DeadLetter::of_record("", &"x".repeat(5_000), " ");
        assert_eq!(long.attributes.iter().map(|(_, value)| value.len()).collect::<Vec<_>>(), [1024]);
    }

    #[test]
    fn a_message_of_a_mebibyte_fits() {
        let overhead = "ImmortalReason".len() + "String".len() + 1;
        for (length, fits) in [(LARGEST_MESSAGE - overhead, true), (LARGEST_MESSAGE - overhead + 1, false)] {
            assert_eq!(DeadLetter::of_record(&"x".repeat(length), "y", "").fits(), fits, "{length}");
        }
    }
}
