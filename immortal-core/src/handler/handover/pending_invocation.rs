//! The current invocation, as far as a hand-over reports it.

use std::sync::Arc;

use hyper::{
    header::{HeaderName, HeaderValue},
    http::response::Parts,
};
use lambda_runtime::{Config, LambdaInvocation};
use serde_json::value::RawValue;

use crate::{context::Context, names::header};

static INVOCATION_ID: HeaderName = HeaderName::from_static(header::INVOCATION_ID);
static CLIENT_CONTEXT: HeaderName = HeaderName::from_static(header::CLIENT_CONTEXT);
static COGNITO_IDENTITY: HeaderName = HeaderName::from_static(header::COGNITO_IDENTITY);

#[derive(Default)]
pub(super) struct PendingInvocation {
    request_id: String,
    function_arn: String,
    xray_trace_id: Option<String>,
    tenant_id: Option<String>,
    config: Arc<Config>,
    /// Only the Runtime API's own headers say this, and the next two.
    invocation_id: Vec<u8>,
    client_context: Option<HeaderValue>,
    identity: Option<HeaderValue>,
}

impl PendingInvocation {
    /// Stores an invocation in the previous one's allocations, because most are never handed over. A plain clone
    /// of the context costs 4 % of a warm invocation's instructions more. Headers that most don't have aren't looked
    /// for where the context is without them.
    pub(super) fn keep(&mut self, LambdaInvocation { parts, context, .. }: &LambdaInvocation) {
        self.request_id.clone_from(&context.request_id);
        self.function_arn.clone_from(&context.invoked_function_arn);
        self.xray_trace_id.clone_from(&context.xray_trace_id);
        self.tenant_id.clone_from(&context.tenant_id);
        self.config.clone_from(&context.env_config);
        // A copy: the value itself would keep the client's read buffer alive.
        self.invocation_id.clear();
        self.invocation_id.extend_from_slice(header(parts, &INVOCATION_ID).map_or(b"", HeaderValue::as_bytes));
        self.client_context = context.client_context.as_ref().and_then(|_| header(parts, &CLIENT_CONTEXT).cloned());
        self.identity = context.identity.as_ref().and_then(|_| header(parts, &COGNITO_IDENTITY).cloned());
    }

    pub(super) fn request_id(&self) -> &str {
        &self.request_id
    }

    pub(super) fn invocation_id(&self) -> Option<&str> {
        std::str::from_utf8(&self.invocation_id).ok().filter(|id| !id.is_empty())
    }

    pub(super) fn into_context(self) -> Context {
        Context {
            aws_request_id: self.request_id,
            function_name: self.config.function_name.clone(),
            function_version: self.config.version.clone(),
            // If the header is missing, `lambda_runtime` has a sentence here.
            invoked_function_arn: Some(self.function_arn).filter(|arn| arn.starts_with("arn:")).unwrap_or_default(),
            memory_limit_in_mb: self.config.memory.to_string(),
            log_group_name: self.config.log_group.clone(),
            log_stream_name: self.config.log_stream.clone(),
            xray_trace_id: self.xray_trace_id,
            tenant_id: self.tenant_id,
            client_context: self.client_context.as_ref().and_then(json),
            identity: self.identity.as_ref().and_then(json),
        }
    }
}

/// Compared one by one: with so few headers, hashing the name takes longer.
fn header<'a>(parts: &'a Parts, wanted: &HeaderName) -> Option<&'a HeaderValue> {
    parts.headers.iter().find_map(|(name, value)| (name == wanted).then_some(value))
}

fn json(header: &HeaderValue) -> Option<Box<RawValue>> {
    RawValue::from_string(header.to_str().ok()?.to_owned()).ok()
}

#[cfg(test)]
mod tests {
    use hyper::Response;

    use super::*;

    const ARN: &str = "arn:aws:lambda:eu-central-1:123456789012:function:ingest";

    fn invocation(request_id: &str, headers: &[(&'static str, &'static str)]) -> LambdaInvocation {
        let (mut parts, ()) = Response::new(()).into_parts();
        let needed = [("lambda-runtime-deadline-ms", "1"), ("lambda-runtime-invoked-function-arn", ARN)];
        for (name, value) in needed.iter().chain(headers) {
            parts.headers.insert(*name, HeaderValue::from_static(value));
        }
        let config = Config { function_name: "ingest".to_owned(), memory: 512, ..Config::default() };
        let context = lambda_runtime::Context::new(request_id, Arc::new(config), &parts.headers).expect("its headers");
        LambdaInvocation { parts, body: bytes::Bytes::new(), context }
    }

    #[test]
    fn all_that_an_invocation_says_is_kept_and_nothing_of_the_one_before() {
        let all = [
            (header::INVOCATION_ID, "i-1"),
            (header::TRACE_ID, "Root=1"),
            (header::TENANT_ID, "acme"),
            (header::CLIENT_CONTEXT, r#"{"custom":{"a":"b"}}"#),
            (header::COGNITO_IDENTITY, r#"{"cognitoIdentityId":"i","cognitoIdentityPoolId":"p"}"#),
        ];
        let table = [
            (
                all.as_slice(),
                Some("i-1"),
                [Some("Root=1"), Some("acme"), Some(r#"{"custom":{"a":"b"}}"#), Some(all[4].1)],
            ),
            (&[], None, [None; 4]),
        ];
        let mut pending = PendingInvocation::default();
        for (headers, invocation_id, expected) in table {
            pending.keep(&invocation("r-1", &all));
            pending.keep(&invocation("r-2", headers));
            assert_eq!((pending.request_id(), pending.invocation_id()), ("r-2", invocation_id));
            let context = std::mem::take(&mut pending).into_context();
            let json = |raw: &Option<Box<RawValue>>| raw.as_ref().map(|raw| raw.get().to_owned());
            let said = [
                context.xray_trace_id.clone(),
                context.tenant_id.clone(),
                json(&context.client_context),
                json(&context.identity),
            ];
            assert_eq!(said.each_ref().map(Option::as_deref), expected);
            assert_eq!(
                (
                    context.aws_request_id.as_str(),
                    context.invoked_function_arn.as_str(),
                    context.function_name.as_str()
                ),
                ("r-2", ARN, "ingest")
            );
            assert_eq!(context.memory_limit_in_mb, "512");
        }
    }
}
