//! The headers of an invocation.

use std::{
    fmt::Write as _,
    hash::{BuildHasher, Hasher, RandomState},
};

use hyper::{HeaderMap, header::HeaderValue};

use super::state::OfferedInvocation;
use crate::names::header;

/// The headers of an offered invocation; values that are not valid in a header are left out.
pub(super) fn for_offer(offer: &OfferedInvocation) -> HeaderMap {
    let invocation = &offer.invocation;
    let all = [
        (header::REQUEST_ID, Some(invocation.request_id.clone())),
        (header::INVOCATION_ID, Some(offer.id.clone())),
        (header::DEADLINE_MS, Some(invocation.deadline_ms.to_string())),
        (header::FUNCTION_ARN, Some(invocation.function_arn.clone())),
        (header::TRACE_ID, invocation.trace_id.clone()),
        (header::TENANT_ID, invocation.tenant_id.clone()),
        (header::CLIENT_CONTEXT, invocation.client_context.as_deref().map(ascii_json)),
        (header::COGNITO_IDENTITY, invocation.cognito_identity.as_deref().map(ascii_json)),
    ];
    let mut headers = HeaderMap::new();
    for (name, value) in all {
        if let Some(Ok(value)) = value.as_deref().map(HeaderValue::from_str) {
            headers.insert(name, value);
        }
    }
    headers
}

/// The same JSON in visible ASCII on one line, as headers require.
///
/// JSON is ASCII outside strings, so other characters are in strings and can be escaped.
fn ascii_json(json: &str) -> String {
    let mut ascii = String::with_capacity(json.len());
    let mut units = [0; 2];
    for character in json.chars() {
        match character {
            '\n' | '\r' | '\t' => ascii.push(' '),
            ' '..='~' => ascii.push(character),
            _ => {
                for unit in character.encode_utf16(&mut units) {
                    // Writing to a string can't fail.
                    let _ = write!(ascii, "\\u{unit:04x}");
                }
            }
        }
    }
    ascii
}

/// An id in the form of a random UUID, like Lambda's; it only needs to be unique.
pub(super) fn unique_id() -> String {
    let random = || RandomState::new().build_hasher().finish();
    let (high, low) = (random(), random());
    format!(
        "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
        high >> 32,
        (high >> 16) & 0xffff,
        high & 0xfff,
        0x8000 | (low >> 48) & 0x3fff,
        low & 0xffff_ffff_ffff
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime_api::Invocation;

    #[test]
    fn json_of_any_kind_fits_a_header() {
        for (json, expected) in [
            (r#"{"a":1}"#, r#"{"a":1}"#),
            ("{\n\t\"a\":1}", r#"{  "a":1}"#),
            ("\"é\u{1f980}\u{7f}\"", r#""\u00e9\ud83e\udd80\u007f""#),
        ] {
            assert_eq!(ascii_json(json), expected);
        }
    }

    #[test]
    fn a_value_that_no_header_holds_is_left_out() {
        let invocation = Invocation {
            request_id: "r-1".into(),
            deadline_ms: 7,
            trace_id: Some("line\nbreak".into()),
            tenant_id: Some("acme".into()),
            ..Invocation::default()
        };
        let headers = for_offer(&OfferedInvocation { invocation, id: "i-1".into() });
        let names: Vec<_> = headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
        assert_eq!(
            names,
            [
                (header::REQUEST_ID, b"r-1".as_slice()),
                (header::INVOCATION_ID, b"i-1"),
                (header::DEADLINE_MS, b"7"),
                (header::FUNCTION_ARN, b""),
                (header::TENANT_ID, b"acme"),
            ]
        );
    }

    #[test]
    fn ids_are_uuids_and_differ() {
        let (one, two) = (unique_id(), unique_id());
        assert_ne!(one, two);
        let lengths: Vec<_> = one.split('-').map(str::len).collect();
        assert_eq!(lengths, [8, 4, 4, 4, 12], "{one}");
        assert_eq!(one.as_bytes()[14], b'4');
    }
}
