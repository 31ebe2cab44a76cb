//! What a message of the dead-letter queue says: whose event it is, and why it was given up.

use immortal_core::names::{GIVEN_UP, env};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, value::RawValue};

use super::span::{between, moment};
use crate::aws::ReceivedMessage;

/// A dead letter, without its event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DeadLetterSummary {
    pub(crate) request_id: Option<String>,
    /// The series that was given up.
    pub(crate) series: u32,
    /// The number of the last attempt, where it is known.
    pub(crate) attempts: Option<u32>,
    /// Why it was given up, and what to fix.
    pub(crate) reason: String,
    /// The ARN of the last task.
    pub(crate) task: Option<String>,
    pub(crate) given_up: Option<String>,
    pub(crate) age_seconds: u64,
    /// Where the event is, when it isn't in the message.
    pub(crate) event_object: Option<String>,
    pub(crate) message_id: String,
}

/// Where the event of a dead letter is.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum LetterEvent {
    Text(String),
    /// `s3://bucket/key`.
    Object(String),
}

impl DeadLetterSummary {
    pub(crate) fn from_message(message: &ReceivedMessage, now: Timestamp) -> Self {
        let body: Value = serde_json::from_str(&message.body).unwrap_or_default();
        let attribute = |name: &str| message.attributes.text(name).map(str::to_owned);
        let series = body["immortal"]["series"].as_u64().and_then(|next| u32::try_from(next).ok());
        Self {
            request_id: request_id(message, &body),
            series: series.unwrap_or(0).saturating_sub(1),
            attempts: message.attributes.text("ImmortalAttempts").and_then(|text| text.parse().ok()),
            reason: reason(message, &body),
            task: attribute("ImmortalTask").or_else(|| text(&body["detail"]["taskArn"])),
            given_up: message.sent.map(moment),
            age_seconds: message.sent.map_or(0, |sent| between(sent, now).as_secs()),
            event_object: text(&body["immortal"]["eventObject"]),
            message_id: message.id.clone(),
        }
    }

    /// Whether it is about this request; a message without one is named by its own id.
    pub(crate) fn is_about(&self, request_id: &str) -> bool {
        self.request_id.as_deref() == Some(request_id) || self.message_id == request_id
    }

    /// How it is called where it is listed.
    pub(crate) fn name(&self) -> &str {
        self.request_id.as_deref().unwrap_or(&self.message_id)
    }
}

/// The event of a dead letter, as bytes of it: in Lambda's record, or the body of another message.
pub(crate) fn event(message: &ReceivedMessage) -> LetterEvent {
    #[derive(serde::Deserialize)]
    struct FailureRecord<'a> {
        #[serde(rename = "requestContext")]
        _context: serde::de::IgnoredAny,
        #[serde(rename = "requestPayload", borrow)]
        payload: &'a RawValue,
    }
    let body: Value = serde_json::from_str(&message.body).unwrap_or_default();
    if let Some(object) = text(&body["immortal"]["eventObject"]) {
        return LetterEvent::Object(object);
    }
    let record = serde_json::from_str::<FailureRecord<'_>>(&message.body);
    LetterEvent::Text(record.map_or_else(|_| message.body.clone(), |record| record.payload.get().to_owned()))
}

fn request_id(message: &ReceivedMessage, body: &Value) -> Option<String> {
    // Ours, then Lambda's `DeadLetterConfig`, then its failure record, then a stopped task's event.
    let attributes = ["ImmortalRequestId", "RequestID"];
    let attribute = attributes.iter().find_map(|name| message.attributes.text(name)).map(str::to_owned);
    attribute
        .or_else(|| text(&body["requestContext"]["requestId"]))
        .or_else(|| stopped_task_request_id(&body["detail"]))
}

fn stopped_task_request_id(detail: &Value) -> Option<String> {
    let overrides = detail["overrides"]["containerOverrides"].as_array().into_iter().flatten();
    let variables = overrides.filter_map(|one| one["environment"].as_array()).flatten();
    let mut contexts = variables.filter(|variable| variable["name"] == env::CONTEXT);
    let context = contexts.find_map(|variable| serde_json::from_str::<Value>(variable["value"].as_str()?).ok());
    context.and_then(|context| text(&context["awsRequestId"])).or_else(|| text(&detail["startedBy"]))
}

/// The body has it in full; the attribute, which a record has that was refused as it came, is cut at 1 KB.
fn reason(message: &ReceivedMessage, body: &Value) -> String {
    let response = &body["responsePayload"];
    let full = response["errorMessage"].as_str().filter(|_| response["errorType"] == GIVEN_UP);
    let ours = full.or_else(|| message.attributes.text("ImmortalReason"));
    // Source of the attributes: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html
    let of_rule = message.attributes.text("ERROR_MESSAGE").filter(|_| message.attributes.text("RULE_ARN").is_some());
    match (ours, of_rule) {
        (Some(reason), _) => reason.to_owned(),
        (None, Some(error)) => {
            format!("EventBridge could not put this stopped task into the failure queue: {error}")
        }
        (None, None) => {
            "the failure queue's redrive policy moved it here: the dispatcher failed on it each time; look at the \
             dispatcher's log"
                .to_owned()
        }
    }
}

fn text(value: &Value) -> Option<String> {
    value.as_str().filter(|text| !text.is_empty()).map(str::to_owned)
}

#[cfg(test)]
pub(crate) mod tests {
    use expect_test::expect;

    use super::*;
    use crate::aws::MessageAttributes;

    pub(crate) fn message(body: &str, attributes: &[(&str, &str)]) -> ReceivedMessage {
        ReceivedMessage {
            id: "m-1".to_owned(),
            receipt: "x".to_owned(),
            body: body.to_owned(),
            sent: Some("2026-11-26T11:00:00Z".parse().expect("a moment")),
            attributes: MessageAttributes::from_texts(attributes),
        }
    }

    fn letter(body: &str, attributes: &[(&str, &str)]) -> DeadLetterSummary {
        DeadLetterSummary::from_message(&message(body, attributes), "2026-11-26T12:00:00Z".parse().expect("a moment"))
    }

    const GIVEN_UP_BODY: &str = r#"{"requestContext":{"requestId":"r-1"},"requestPayload":{"n": 1.0},
        "responsePayload":{"errorType":"Immortal.GivenUp","errorMessage":"why, in full"},"immortal":{"series":2}}"#;

    #[test]
    fn a_letter_of_the_dispatcher() {
        let attributes = [
            ("ImmortalReason", "why, cut"),
            ("ImmortalRequestId", "r-1"),
            ("ImmortalAttempts", "3"),
            ("ImmortalTask", "arn:task"),
        ];
        let json = serde_json::to_string_pretty(&letter(GIVEN_UP_BODY, &attributes)).expect("plain data");
        expect![[r#"
            {
              "requestId": "r-1",
              "series": 1,
              "attempts": 3,
              "reason": "why, in full",
              "task": "arn:task",
              "givenUp": "2026-11-26T11:00:00Z",
              "ageSeconds": 3600,
              "eventObject": null,
              "messageId": "m-1"
            }"#]]
        .assert_eq(&json);
    }

    type Attributes<'a> = &'a [(&'a str, &'a str)];

    #[test]
    fn each_way_into_the_queue_says_whose_event_it_is() {
        let stopped = r#"{"detail":{"taskArn":"arn:task","startedBy":"hash","overrides":{"containerOverrides":[
            {"name":"runner","environment":[{"name":"AWS_LAMBDA_FUNCTION_CONTEXT","value":"{\"awsRequestId\":\"r-4\"}"}]}]}}}"#;
        let table: [(&str, Attributes<'_>, Option<&str>, &str); 6] = [
            (GIVEN_UP_BODY, &[], Some("r-1"), "why, in full"),
            (
                "{}",
                &[("RequestID", "r-2"), ("ErrorMessage", "boom")],
                Some("r-2"),
                "the failure queue's redrive policy",
            ),
            ("5", &[("ImmortalReason", "refused: no"), ("ImmortalRequestId", "r-3")], Some("r-3"), "refused: no"),
            (stopped, &[("RULE_ARN", "r"), ("ERROR_MESSAGE", "no such queue")], Some("r-4"), "EventBridge could not"),
            (r#"{"detail":{"startedBy":"r-5"}}"#, &[], Some("r-5"), "the failure queue's redrive policy"),
            ("no JSON", &[], None, "the failure queue's redrive policy"),
        ];
        for (body, attributes, request_id, reason) in table {
            let letter = letter(body, attributes);
            assert_eq!(letter.request_id.as_deref(), request_id, "{body}");
            assert!(letter.reason.starts_with(reason), "{}", letter.reason);
            assert!(letter.is_about(request_id.unwrap_or("m-1")) && !letter.is_about("r-9"), "{body}");
        }
    }

    #[test]
    fn the_event_is_given_byte_for_byte() {
        let text = |text: &str| LetterEvent::Text(text.to_owned());
        let in_s3 = r#"{"requestContext":{},"requestPayload":null,"immortal":{"eventObject":"s3://b/k"}}"#;
        let table = [
            (GIVEN_UP_BODY, text(r#"{"n": 1.0}"#)),
            (r#"{"an": "event", "n":1e2}"#, text(r#"{"an": "event", "n":1e2}"#)),
            (in_s3, LetterEvent::Object("s3://b/k".to_owned())),
        ];
        for (body, expected) in table {
            assert!(event(&message(body, &[])) == expected, "{body}");
        }
    }
}
