//! What is known of the invocation at hand: all that a hand-over tells of it.

use hyper::http::response::Parts;
use lambda_runtime::LambdaInvocation;
use serde_json::value::RawValue;

use crate::{context::Context, names::header};

/// The invocation that is handed over, should its deadline come near.
#[derive(Default)]
pub(super) struct PendingInvocation {
    context: lambda_runtime::Context,
    invocation_id: Option<String>,
    /// As the Runtime API's header has it, and the next one: `lambda_runtime` has read them into types of its own.
    client_context: Option<String>,
    identity: Option<String>,
}

impl PendingInvocation {
    /// Keeps what an invocation says, in place of the one before it.
    pub(super) fn keep(&mut self, LambdaInvocation { parts, context, .. }: &LambdaInvocation) {
        *self = Self {
            context: context.clone(),
            invocation_id: text(parts, header::INVOCATION_ID),
            client_context: text(parts, header::CLIENT_CONTEXT),
            identity: text(parts, header::COGNITO_IDENTITY),
        };
    }

    pub(super) fn request_id(&self) -> &str {
        &self.context.request_id
    }

    pub(super) fn invocation_id(&self) -> Option<&str> {
        self.invocation_id.as_deref().filter(|id| !id.is_empty())
    }

    pub(super) fn into_context(self) -> Context {
        let lambda_runtime::Context { request_id, invoked_function_arn, xray_trace_id, tenant_id, env_config, .. } =
            self.context;
        Context {
            aws_request_id: request_id,
            function_name: env_config.function_name.clone(),
            function_version: env_config.version.clone(),
            // Where the header is missing, `lambda_runtime` has a sentence here.
            invoked_function_arn: Some(invoked_function_arn).filter(|arn| arn.starts_with("arn:")).unwrap_or_default(),
            memory_limit_in_mb: env_config.memory.to_string(),
            log_group_name: env_config.log_group.clone(),
            log_stream_name: env_config.log_stream.clone(),
            xray_trace_id,
            tenant_id,
            client_context: self.client_context.and_then(json),
            identity: self.identity.and_then(json),
        }
    }
}

fn text(parts: &Parts, header: &str) -> Option<String> {
    parts.headers.get(header)?.to_str().ok().map(str::to_owned)
}

fn json(text: String) -> Option<Box<RawValue>> {
    RawValue::from_string(text).ok()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use hyper::{Response, header::HeaderValue};
    use lambda_runtime::Config;

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
