//! The message of a hand-over: what the primary writes is read by the dispatcher, and nothing else is.

use super::message;
use crate::{context::Context, dispatcher::handed_over, names::HANDED_OVER};

/// The longest message, unless what is never left out is longer.
const LONGEST: usize = 1000;

pub fn check(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    check_foreign_message(text);
    if let Ok(context) = serde_json::from_str(text) {
        check_own_message(context);
    }
}

/// A message that anyone may have written, of the request `r-1`.
fn check_foreign_message(text: &str) {
    for error_type in [None, Some(""), Some(HANDED_OVER), Some("MyError")] {
        let Some(context) = handed_over::context(error_type, text, "r-1") else { continue };
        assert_eq!(context.aws_request_id, "r-1");
        assert_ne!(error_type, Some("MyError"));
        assert!(error_type == Some(HANDED_OVER) || text.starts_with(HANDED_OVER));
        let longer = format!("{text}\n  at somewhere {{");
        assert!(handed_over::context(error_type, &longer, "r-1").is_some(), "what follows doesn't matter");
    }
}

/// A context that a hand-over reports.
fn check_own_message(context: Context) {
    let json = |context: &Context| serde_json::to_string(context).expect("plain data");
    let message = message::write(context.clone());
    for error_type in [None, Some(HANDED_OVER)] {
        let read = handed_over::context(error_type, &message, &context.aws_request_id).expect("our own message");
        let needed = Context {
            aws_request_id: context.aws_request_id.clone(),
            function_name: context.function_name.clone(),
            function_version: context.function_version.clone(),
            invoked_function_arn: context.invoked_function_arn.clone(),
            memory_limit_in_mb: context.memory_limit_in_mb.clone(),
            ..read.clone()
        };
        assert_eq!(json(&read), json(&needed), "what is needed is never left out");
        let is_bare = json(&read) == json(&bare(&read));
        assert!(message.len() <= LONGEST || is_bare, "{} bytes", message.len());
        let whole = json(&context).len() + HANDED_OVER.len() + 100 <= LONGEST;
        assert!(!whole || json(&read) == json(&context), "what fits is whole");
    }
}

/// A context without what may be left out.
fn bare(context: &Context) -> Context {
    Context {
        log_group_name: String::new(),
        log_stream_name: String::new(),
        xray_trace_id: None,
        tenant_id: None,
        client_context: None,
        identity: None,
        ..context.clone()
    }
}
