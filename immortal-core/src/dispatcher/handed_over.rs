//! Reads the context from the error message of a hand-over.

use super::failure_cause::is_handed_over;
use crate::{context::Context, names::HANDED_OVER};

/// The context in the message of a hand-over; it starts at the first brace.
///
/// `None` where the error's type, or without one its text, is not that of a hand-over; where the context is that of
/// another request, as in an error that a handler passes on; and where its JSON is missing or cut.
#[must_use]
pub(crate) fn context(error_type: Option<&str>, message: &str, request_id: &str) -> Option<Context> {
    let by_type = error_type.filter(|error_type| !error_type.is_empty()).map(|error_type| error_type == HANDED_OVER);
    if !by_type.unwrap_or_else(|| is_handed_over(message)) {
        return None;
    }
    let json = message.get(message.find('{')?..)?;
    // A transport may add to the message's end: one value is read, and what follows it isn't.
    let context = serde_json::Deserializer::from_str(json).into_iter::<Context>().next()?.ok()?;
    (context.aws_request_id == request_id).then_some(context)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_context_is_read_from_the_first_brace() {
        let json = r#"{"awsRequestId":"r-1","functionName":"ingest","identity":{"a":"}"},"tenantId":"ä{"}"#;
        let message = format!("Immortal.HandedOver: 10 s before the deadline of 900 s {json}");
        let read = context(None, &message, "r-1").expect("whole");
        assert_eq!((read.aws_request_id.as_str(), read.function_name.as_str()), ("r-1", "ingest"));
        assert_eq!(read.identity.expect("as it came").get(), r#"{"a":"}"}"#);
        assert!(context(None, &format!("{message}\n  at somewhere"), "r-1").is_some(), "what follows doesn't matter");
    }

    #[test]
    fn only_a_hand_over_of_this_very_request_has_one() {
        let message = r#"Immortal.HandedOver: near the deadline {"awsRequestId":"r-1","functionName":"ingest"}"#;
        let quoted = format!("downstream said: {message}");
        let table = [
            (None, message, "r-1", true),
            (Some(""), message, "r-1", true),
            (Some(HANDED_OVER), message, "r-1", true),
            (Some("MyError"), message, "r-1", false),
            (Some("Sandbox.Timedout"), message, "r-1", false),
            (None, quoted.as_str(), "r-1", false),
            (None, message, "r-2", false),
            (Some(HANDED_OVER), message, "r-2", false),
            (Some(HANDED_OVER), "Immortal.HandedOver: x {\"functionName\":\"ingest\"}", "r-1", false),
        ];
        for (error_type, message, request_id, expected) in table {
            let read = context(error_type, message, request_id);
            assert_eq!(read.is_some(), expected, "{error_type:?} {message} {request_id}");
        }
    }

    #[test]
    fn what_is_cut_or_missing_is_survived() {
        let message = r#"Immortal.HandedOver: before the deadline {"awsRequestId":"r-1","functionName":"ingest"}"#;
        for cut in 0..message.len() {
            assert!(context(Some(HANDED_OVER), &message[..cut], "r-1").is_none(), "{}", &message[..cut]);
        }
        for other in ["", "{}", "Immortal.HandedOver", "Immortal.HandedOver: x [1]"] {
            assert!(context(Some(HANDED_OVER), other, "r-1").is_none(), "{other}");
        }
    }
}
