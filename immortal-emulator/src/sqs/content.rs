//! The limits of a message, and its MD5 digests.

use std::collections::BTreeMap;

use md5::{Digest as _, Md5};

use super::queue::MessageAttribute;
use crate::platform::{ApiError, hex};

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html>: 1 MiB, with the names,
/// types and values of the attributes.
const MAX_MESSAGE_SIZE: usize = 1 << 20;
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html>
const MAX_ATTRIBUTES: usize = 10;

pub(super) fn fits(body: &str, attributes: &BTreeMap<String, MessageAttribute>) -> bool {
    let length = |(name, attribute): (&String, &MessageAttribute)| {
        name.len() + attribute.data_type.len() + attribute.bytes().unwrap_or_default().len()
    };
    body.len() + attributes.iter().map(length).sum::<usize>() <= MAX_MESSAGE_SIZE
}

/// Rejects what SQS rejects in a message.
pub(crate) fn check(body: &str, attributes: &BTreeMap<String, MessageAttribute>) -> Result<(), ApiError> {
    let invalid = |message: String| Err(ApiError::new(400, "InvalidParameterValue", message));
    if body.is_empty() {
        return Err(ApiError::new(400, "MissingParameter", "The request must contain the parameter MessageBody."));
    }
    if !fits(body, attributes) {
        let reason = format!("Message must be shorter than {MAX_MESSAGE_SIZE} bytes.");
        return invalid(format!("One or more parameters are invalid. Reason: {reason}"));
    }
    if attributes.len() > MAX_ATTRIBUTES {
        return invalid(format!(
            "Number of message attributes [{}] exceeds the allowed maximum [10].",
            attributes.len()
        ));
    }
    for (name, attribute) in attributes {
        if let Some(problem) = attribute_problem(name, attribute) {
            return invalid(format!("The message attribute '{name}' {problem}"));
        }
    }
    let texts = attributes.values().map(|attribute| attribute.value.as_str());
    if std::iter::once(body).chain(texts).any(|text| !text.chars().all(is_allowed)) {
        let message = "Invalid characters found. Valid characters are #x9 | #xA | #xD | #x20 to #xD7FF | #xE000 to \
                       #xFFFD | #x10000 to #x10FFFF";
        return Err(ApiError::new(400, "InvalidMessageContents", message));
    }
    Ok(())
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-metadata.html>
fn attribute_problem(name: &str, attribute: &MessageAttribute) -> Option<&'static str> {
    let MessageAttribute { data_type, value } = attribute;
    let is_allowed_in_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    let reserved = ["aws.", "amazon."].iter().any(|prefix| name.to_ascii_lowercase().starts_with(prefix));
    let dots = name.starts_with('.') || name.ends_with('.') || name.contains("..");
    if name.is_empty() || name.len() > 256 || !name.chars().all(is_allowed_in_name) || reserved || dots {
        return Some("has an invalid name.");
    }
    match data_type.split('.').next().unwrap_or_default() {
        _ if data_type.len() > 256 => Some("has a type that is longer than 256 bytes."),
        "String" | "Number" | "Binary" if value.is_empty() => Some("must contain a non-empty message attribute value."),
        "Number" if value.parse::<f64>().is_err() => Some("must contain a number."),
        "Binary" if attribute.bytes().is_none() => Some("must contain base64."),
        "String" | "Number" | "Binary" => None,
        _ => Some("has an invalid type: there are String, Number and Binary."),
    }
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html>
fn is_allowed(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

pub(crate) fn body_digest(body: &str) -> String {
    hex(&Md5::digest(body))
}

/// Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-metadata.html>,
/// "Calculating the MD5 message digest for message attributes".
pub(crate) fn attributes_digest(attributes: &BTreeMap<String, MessageAttribute>) -> String {
    let mut digest = Md5::new();
    let mut part = |bytes: &[u8], transport: Option<u8>| {
        if let Some(transport) = transport {
            digest.update([transport]);
        }
        digest.update(u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes());
        digest.update(bytes);
    };
    for (name, attribute) in attributes {
        part(name.as_bytes(), None);
        part(attribute.data_type.as_bytes(), None);
        let transport = if attribute.is_binary() { 2 } else { 1 };
        part(&attribute.bytes().unwrap_or_default(), Some(transport));
    }
    hex(&digest.finalize())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invalid_messages_are_rejected_as_by_sqs() {
        let text = |value: &str| MessageAttribute { data_type: "String".into(), value: value.into() };
        let table = [
            ("A", text("b"), "x", None),
            ("A.b-c_1", MessageAttribute { data_type: "Number.int".into(), value: "-1.5".into() }, "x", None),
            ("A", MessageAttribute::binary([0, 255]), "x", None),
            (
                "A",
                MessageAttribute { data_type: "Binary.png".into(), value: "no base64".into() },
                "x",
                Some("InvalidParameterValue"),
            ),
            ("A", text("b"), "", Some("MissingParameter")),
            ("A", text("b"), "\u{1}", Some("InvalidMessageContents")),
            ("A", text("\u{fffe}"), "x", Some("InvalidMessageContents")),
            ("A", text(""), "x", Some("InvalidParameterValue")),
            (
                "A",
                MessageAttribute { data_type: "Number".into(), value: "one".into() },
                "x",
                Some("InvalidParameterValue"),
            ),
            ("A", MessageAttribute { data_type: "Text".into(), value: "b".into() }, "x", Some("InvalidParameterValue")),
            ("", text("b"), "x", Some("InvalidParameterValue")),
            ("A B", text("b"), "x", Some("InvalidParameterValue")),
            ("AWS.A", text("b"), "x", Some("InvalidParameterValue")),
            (".A", text("b"), "x", Some("InvalidParameterValue")),
        ];
        for (name, attribute, body, code) in table {
            let checked = check(body, &[(name.to_owned(), attribute.clone())].into());
            assert_eq!(checked.err().map(|error| error.code).as_deref(), code, "{name:?} {attribute:?} {body:?}");
        }
    }

    #[test]
    fn attributes_count_towards_the_mebibyte() {
        let attributes = [("Name".to_owned(), MessageAttribute::text("value"))].into();
        let most = MAX_MESSAGE_SIZE - "NameStringvalue".len();
        assert!(check(&"x".repeat(most), &attributes).is_ok());
        assert!(check(&"x".repeat(most + 1), &attributes).is_err());
        let many = (0..11).map(|number| (format!("A{number}"), MessageAttribute::number(number))).collect();
        assert!(check("x", &many).is_err());
    }
}
