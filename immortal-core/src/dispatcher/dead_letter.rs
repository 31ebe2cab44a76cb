//! A dead letter: an event that was given up, in the shape of Lambda's failure record, with the reason and the data for
//! a redrive.
//!
//! A redrive puts it into the failure queue again, where it is read as what it looks like, a destination record, and
//! begins the next series of attempts.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::message_attribute::MessageAttribute;
use crate::{
    context::Context,
    invocation_record::{InvocationRecord, RecordCondition},
    names::GIVEN_UP,
    order::EventSource,
};

/// The largest message that SQS takes, in bytes, attributes included.
///
/// Source: `botocore:sqs:SendMessageRequest`, 1 MiB.
const LARGEST_MESSAGE: usize = 1_048_576;
/// The longest value of an attribute, in bytes: as long as Lambda's own `ErrorMessage` at most.
const LONGEST_VALUE: usize = 1024;
/// How many attributes a message may have.
///
/// Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html>
const MOST_ATTRIBUTES: usize = 10;

/// A message for the dead-letter queue.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct DeadLetter {
    pub(crate) body: String,
    pub(crate) attributes: Vec<MessageAttribute>,
    /// Why it is a dead letter, in one line.
    pub(crate) reason: String,
}

/// Leaves out the body, which contains an event.
impl std::fmt::Debug for DeadLetter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "DeadLetter({} bytes, {:?})", self.body.len(), self.attributes)
    }
}

/// The job of a dead letter.
#[derive(Clone, Debug)]
pub(crate) struct GivenUpJob<'a> {
    /// The context of attempt 0.
    pub(crate) context: &'a Context,
    pub(crate) event: GivenUpEvent<'a>,
    /// The series that was given up: 0, or the number of redrives before it.
    pub(crate) series: u32,
    pub(crate) source: Option<EventSource>,
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

/// What a redrive needs, in addition to the members of Lambda's record.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DeadLetterMark {
    /// The series that the redrive begins.
    pub(crate) series: u32,
    /// The context of attempt 0.
    #[serde(default)]
    pub(crate) context: Option<Context>,
    /// What triggered the primary, where that changes how a response is read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) source: Option<EventSource>,
    /// Where the event is, when it isn't in the record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) event_object: Option<String>,
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
    pub(crate) fn from_job(job: &GivenUpJob<'_>, timestamp: &str) -> Self {
        let context = job.context;
        let (payload, object) = match job.event {
            GivenUpEvent::Text(event) => (Some(event), None),
            GivenUpEvent::Object(uri) => (None, Some(uri.to_owned())),
        };
        let mark = DeadLetterMark {
            series: job.series.saturating_add(1),
            context: Some(context.clone()),
            source: job.source,
            event_object: object,
        };
        let response = ResponsePayload { error_type: GIVEN_UP, error_message: job.reason };
        let ended = (RecordCondition::RetriesExhausted, 1);
        let record = InvocationRecord::new(timestamp, context, ended, payload, response, Some(mark));
        let attributes = attributes(job.reason, &context.aws_request_id, Some(job.attempts), job.task);
        Self { body: record.to_json(), attributes, reason: one_line(job.reason) }
    }

    /// The dead letter of a refused record, with its unchanged body.
    #[must_use]
    pub(crate) fn from_record(body: &str, reason: &str, request_id: &str) -> Self {
        let attributes = attributes(reason, request_id, None, None);
        Self { body: body.to_owned(), attributes, reason: one_line(reason) }
    }

    /// The same with the attributes of its record, which say how the body is to be read, or are a part of the event:
    /// where there isn't room for all, ours are left out, and the log alone says why.
    #[must_use]
    pub(crate) fn with_attributes(mut self, of_record: &[MessageAttribute]) -> Self {
        let own = std::mem::take(&mut self.attributes);
        let is_own = |name: &str| own.iter().any(|one| one.name == name);
        self.attributes = of_record.iter().filter(|one| !is_own(&one.name)).cloned().collect();
        let others = self.attributes.len();
        self.attributes.extend(own);
        while self.attributes.len() > others && !self.fits() {
            self.attributes.pop();
        }
        self
    }

    /// Whether SQS accepts the message.
    #[must_use]
    pub(crate) fn fits(&self) -> bool {
        let attributes: usize = self.attributes.iter().map(MessageAttribute::length).sum();
        self.attributes.len() <= MOST_ATTRIBUTES && self.body.len() + attributes <= LARGEST_MESSAGE
    }
}

fn attributes(reason: &str, request_id: &str, attempts: Option<u32>, task: Option<&str>) -> Vec<MessageAttribute> {
    let all = [
        ("ImmortalReason", reason.to_owned()),
        ("ImmortalRequestId", request_id.to_owned()),
        ("ImmortalAttempts", attempts.map(|attempts| attempts.to_string()).unwrap_or_default()),
        ("ImmortalTask", task.unwrap_or_default().to_owned()),
    ];
    let printable = all.into_iter().map(|(name, value)| (name, one_line(&value)));
    printable.filter(|(_, value)| !value.is_empty()).map(|(name, value)| MessageAttribute::text(name, value)).collect()
}

/// SQS rejects attributes that are empty or not valid in XML; readers need one line.
fn one_line(text: &str) -> String {
    let line = text.chars().map(|char| if char.is_ascii_graphic() || char == ' ' { char } else { '?' });
    line.take(LONGEST_VALUE).collect::<String>().trim().to_owned()
}

#[cfg(test)]
#[path = "dead_letter_tests.rs"]
mod tests;
