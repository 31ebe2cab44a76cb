//! The attributes of an SQS message, as they are received and as they are sent on.

use base64::prelude::{BASE64_STANDARD, Engine as _};
use serde_json::value::RawValue;

use super::json_object::JsonObject;

/// An attribute of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MessageAttribute {
    pub(crate) name: String,
    /// `String`, `Number` or `Binary`, and what its sender may have added to it.
    pub(crate) data_type: String,
    pub(crate) value: AttributeValue,
}

/// The value of an attribute; it may be a part of the event, so it is never shown.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum AttributeValue {
    Text(String),
    Binary(Vec<u8>),
}

impl std::fmt::Debug for AttributeValue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} bytes", self.length())
    }
}

impl AttributeValue {
    fn length(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Binary(bytes) => bytes.len(),
        }
    }
}

impl MessageAttribute {
    pub(crate) fn text(name: &str, value: String) -> Self {
        Self { name: name.to_owned(), data_type: "String".to_owned(), value: AttributeValue::Text(value) }
    }

    /// Its share of the message's size, in bytes.
    pub(crate) fn length(&self) -> usize {
        self.name.len() + self.data_type.len() + self.value.length()
    }

    fn read(name: &str, attribute: &JsonObject<'_>) -> Option<Self> {
        let text = || attribute.text("stringValue").map(|text| ("String", AttributeValue::Text(text)));
        let binary = || {
            let bytes = BASE64_STANDARD.decode(attribute.text("binaryValue")?).ok()?;
            Some(("Binary", AttributeValue::Binary(bytes)))
        };
        // SQS has no attribute without a value.
        let (kind, value) = text().or_else(binary).filter(|(_, value)| value.length() > 0)?;
        let data_type = attribute.text("dataType").unwrap_or_else(|| kind.to_owned());
        Some(Self { name: name.to_owned(), data_type, value })
    }
}

/// The attributes of a record, by name. One that can't be read is left out.
pub(super) fn from_record(record: &JsonObject<'_>) -> Vec<MessageAttribute> {
    let Some(attributes) = record.object("messageAttributes") else { return Vec::new() };
    let read = |(name, json): (_, &RawValue)| MessageAttribute::read(name, &JsonObject::read(json.get())?);
    let mut attributes: Vec<_> = attributes.members().filter_map(read).collect();
    attributes.sort_by(|one, other| one.name.cmp(&other.name));
    attributes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_of_all_types_are_read() {
        let record = JsonObject::read(
            r#"{"messageAttributes":{"b":{"dataType":"Binary.png","binaryValue":"AAH/"},"a":{"dataType":"String","stringValue":"x","binaryValue":null},
                "n":{"dataType":"Number","stringValue":"1e2"},"t":{"stringValue":"x"},"empty":{"stringValue":""},"no value":{"dataType":"String"},"odd":7}}"#,
        );
        let attributes = from_record(&record.expect("an object"));
        let expected = [
            MessageAttribute::text("a", "x".into()),
            MessageAttribute {
                name: "b".into(),
                data_type: "Binary.png".into(),
                value: AttributeValue::Binary(vec![0, 1, 255]),
            },
            MessageAttribute { data_type: "Number".into(), ..MessageAttribute::text("n", "1e2".into()) },
            MessageAttribute::text("t", "x".into()),
        ];
        assert_eq!(attributes, expected);
        assert_eq!(attributes.iter().map(MessageAttribute::length).collect::<Vec<_>>(), [8, 14, 10, 8]);
        assert!(!format!("{attributes:?}").contains("1e2"), "a value is never shown");
    }
}
