//! Conditional writes.
//!
//! Source: <https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html>

use axum::http::{HeaderMap, header};

use crate::platform::ApiError;

/// The condition that the present object must meet for a write to succeed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct WriteCondition {
    /// `If-Match`: the entity tag that the object must have.
    matches: Option<String>,
    /// `If-None-Match: *`: the object must not exist.
    is_new: bool,
}

impl WriteCondition {
    pub(super) fn from_headers(headers: &HeaderMap) -> Result<Self, ApiError> {
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
        match text(header::IF_NONE_MATCH) {
            None | Some("*") => Ok(Self {
                matches: text(header::IF_MATCH).map(|tag| tag.trim_matches('"').to_owned()),
                is_new: text(header::IF_NONE_MATCH).is_some(),
            }),
            Some(_) => Err(not_implemented()),
        }
    }

    /// Checks the condition against the entity tag of the present object.
    pub(super) fn check(&self, present: Option<&str>) -> Result<(), ApiError> {
        let holds = match (self.matches.as_deref(), present) {
            (Some(_), None) => return Err(no_such_key()),
            (Some(expected), Some(present)) => expected == present.trim_matches('"'),
            (None, present) => !self.is_new || present.is_none(),
        };
        let message = "At least one of the pre-conditions you specified did not hold";
        if holds { Ok(()) } else { Err(ApiError::new(412, "PreconditionFailed", message)) }
    }
}

/// Rejects conditional headers on operations for which the emulator doesn't implement them, rather than ignoring them.
pub(super) fn refuse_conditions(headers: &HeaderMap) -> Result<(), ApiError> {
    let conditional = headers.contains_key(header::IF_MATCH) || headers.contains_key(header::IF_NONE_MATCH);
    if conditional { Err(not_implemented()) } else { Ok(()) }
}

fn not_implemented() -> ApiError {
    let message = "A header you provided implies functionality that is not implemented";
    ApiError::new(501, "NotImplemented", message)
}

pub(super) fn no_such_key() -> ApiError {
    ApiError::new(404, "NoSuchKey", "The specified key does not exist.")
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn an_object_is_put_only_where_its_condition_holds() {
        let none = |value| (header::IF_NONE_MATCH, value);
        let matching = |value| (header::IF_MATCH, value);
        let table = [
            (none("*"), None, None),
            (none("*"), Some("\"a\""), Some(412)),
            (none("\"a\""), None, Some(501)),
            (matching("\"a\""), Some("\"a\""), None),
            (matching("a"), Some("\"a\""), None),
            (matching("\"a\""), Some("\"b\""), Some(412)),
            (matching("\"a\""), None, Some(404)),
        ];
        for ((name, value), present, refused) in table {
            let headers = HeaderMap::from_iter([(name, HeaderValue::from_static(value))]);
            let checked = WriteCondition::from_headers(&headers).and_then(|condition| condition.check(present));
            assert_eq!(checked.err().map(|error| error.status), refused, "{value} {present:?}");
        }
        assert!(WriteCondition::default().check(Some("\"a\"")).is_ok());
    }
}
