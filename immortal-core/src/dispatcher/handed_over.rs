//! The message by which a primary gives an event up itself, and the context that it carries.

use crate::{context::Context, names::HANDED_OVER};

/// The context in a hand-over's message; `None` where it is no hand-over, or where its JSON is missing or cut.
#[must_use]
pub fn context(message: &str) -> Option<Context> {
    let rest = message.strip_prefix(HANDED_OVER)?.strip_prefix(": ")?;
    let json = rest.get(rest.find('{')?..)?;
    // A transport may add to the message's end: one value is read, and what follows it isn't.
    serde_json::Deserializer::from_str(json).into_iter::<Context>().next()?.ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_context_is_read_from_the_first_brace() {
        let json = r#"{"awsRequestId":"r-1","functionName":"ingest","identity":{"a":"}"},"tenantId":"ä{"}"#;
        let message = format!("Immortal.HandedOver: 10 s before the deadline of 900 s {json}");
        let read = context(&message).expect("whole");
        assert_eq!((read.aws_request_id.as_str(), read.function_name.as_str()), ("r-1", "ingest"));
        assert_eq!(read.identity.expect("as it came").get(), r#"{"a":"}"}"#);
        assert_eq!(read.tenant_id.as_deref(), Some("ä{"));
        assert!(context(&format!("{message}\n  at somewhere")).is_some(), "what follows doesn't matter");
    }

    #[test]
    fn what_is_cut_or_missing_is_survived() {
        let message = r#"Immortal.HandedOver: before the deadline {"awsRequestId":"r-1","functionName":"ingest"}"#;
        for cut in 0..message.len() {
            assert!(context(&message[..cut]).is_none(), "{}", &message[..cut]);
        }
        for other in [
            "",
            "{}",
            "Immortal.HandedOver",
            "Immortal.HandedOver:{}",
            "a Immortal.HandedOver: {}",
            "Immortal.HandedOver: x [1]",
        ] {
            assert!(context(other).is_none(), "{other}");
        }
    }
}
