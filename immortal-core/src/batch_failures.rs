//! The messages of a batch that failed, according to a function's response.

use std::collections::BTreeSet;

use serde_json::Value;

/// Which messages of a batch failed, by Lambda's rules for `ReportBatchItemFailures`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BatchFailures {
    /// All messages, because Lambda can't read the response.
    All,
    /// The messages with these ids; none if the list is empty.
    Named(BTreeSet<String>),
}

impl BatchFailures {
    /// Parses the response of a function that was invoked with the messages of these ids.
    ///
    /// An invalid list fails the whole batch: invalid JSON, an id that is empty, null, of another message or under
    /// another key.
    ///
    /// Source:
    /// <https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html#services-sqs-batchfailurereporting>
    #[must_use]
    pub fn from_response(response: &[u8], batch: &[&str]) -> Self {
        let none = || Self::Named(BTreeSet::new());
        if response.is_empty() {
            return none();
        }
        let list = match serde_json::from_slice::<Value>(response) {
            Err(_) => return Self::All,
            Ok(Value::Object(mut object)) => object.remove("batchItemFailures").unwrap_or_default(),
            // `null`, or a response that is not an object: nothing is reported.
            Ok(_) => return none(),
        };
        let list = match list {
            Value::Array(list) => list,
            Value::Null => return none(),
            _ => return Self::All,
        };
        let id = |item: &Value| {
            let id = item.get("itemIdentifier")?.as_str()?;
            batch.contains(&id).then(|| id.to_owned())
        };
        list.iter().map(id).collect::<Option<_>>().map_or(Self::All, Self::Named)
    }

    /// Whether the message of this id failed.
    #[must_use]
    pub fn include(&self, id: &str) -> bool {
        match self {
            Self::All => true,
            Self::Named(ids) => ids.contains(id),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_sound_list_saves_a_batch() {
        let named = |ids: &[&str]| BatchFailures::Named(ids.iter().map(|id| (*id).to_owned()).collect());
        let table = [
            ("", named(&[])),
            ("null", named(&[])),
            ("{}", named(&[])),
            (r#""done""#, named(&[])),
            (r#"{"batchItemFailures":null}"#, named(&[])),
            (r#"{"batchItemFailures":[]}"#, named(&[])),
            (r#"{"batchItemFailures":[{"itemIdentifier":"a"}]}"#, named(&["a"])),
            (r#"{"batchItemFailures":[{"itemIdentifier":"a"},{"itemIdentifier":"b"}]}"#, named(&["a", "b"])),
            (r#"{"batchItemFailures":[{"itemIdentifier":""}]}"#, BatchFailures::All),
            (r#"{"batchItemFailures":[{"itemIdentifier":null}]}"#, BatchFailures::All),
            (r#"{"batchItemFailures":[{"itemidentifier":"a"}]}"#, BatchFailures::All),
            (r#"{"batchItemFailures":[{"itemIdentifier":"z"}]}"#, BatchFailures::All),
            (r#"{"batchItemFailures":[{"itemIdentifier":"a"},{"itemIdentifier":"z"}]}"#, BatchFailures::All),
            (r#"{"batchItemFailures":"a"}"#, BatchFailures::All),
            (r#"{"batchItemFailures":["#, BatchFailures::All),
            ("done", BatchFailures::All),
        ];
        for (response, expected) in table {
            let failures = BatchFailures::from_response(response.as_bytes(), &["a", "b"]);
            assert_eq!(failures, expected, "{response}");
            let holds_a = expected == BatchFailures::All || response.contains(r#":"a""#);
            assert_eq!((failures.include("a"), failures.include("c")), (holds_a, expected == BatchFailures::All));
        }
    }
}
