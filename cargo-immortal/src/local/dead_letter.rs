//! A dead letter, as a person reads it.

use immortal_emulator::Message;
use serde_json::Value;

/// Why the event was given up, and what to fix. The body has it in full; the attribute, which a record has that was
/// refused as it came, is cut at 1 KB.
pub(crate) fn reason(message: &Message) -> Option<String> {
    let attribute = message.attributes.get("ImmortalReason")?;
    let body: Value = serde_json::from_str(&message.body).unwrap_or_default();
    let response = &body["responsePayload"];
    let is_own = response["errorType"] == immortal_core::names::GIVEN_UP;
    let full = response["errorMessage"].as_str().filter(|_| is_own);
    Some(full.unwrap_or(&attribute.value).to_owned())
}

/// A dead letter that gives this reason.
#[cfg(test)]
pub(crate) fn example(reason: &str) -> Message {
    let attribute = |(name, value): (&str, &str)| (name.to_owned(), immortal_emulator::MessageAttribute::text(value));
    let response = serde_json::json!({ "errorType": "Immortal.GivenUp", "errorMessage": reason });
    Message {
        id: "m-9".into(),
        body: serde_json::json!({ "requestPayload": {}, "responsePayload": response }).to_string(),
        attributes: [("ImmortalReason", "cut"), ("ImmortalAttempts", "3")].map(attribute).into(),
        receive_count: 0,
        sent: 0,
        source: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reason_is_told_in_full_where_the_body_has_it() {
        let letter = example("why, and what to fix");
        assert_eq!(reason(&letter).as_deref(), Some("why, and what to fix"));
        let failed = r#"{"responsePayload":{"errorType":"Boom","errorMessage":"no"}}"#;
        for body in ["", "{}", failed] {
            assert_eq!(reason(&Message { body: body.into(), ..letter.clone() }).as_deref(), Some("cut"), "{body}");
        }
        assert_eq!(reason(&Message { attributes: [].into(), ..letter }), None, "moved by the queue's redrive policy");
    }
}
