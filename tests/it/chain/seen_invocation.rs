//! The fixtures' report of an invocation.

/// What the fixtures' handler saw in one attempt.
#[derive(Clone, Debug)]
pub(crate) struct SeenInvocation {
    /// The event's bytes.
    pub(crate) event: String,
    pub(crate) context: serde_json::Value,
    pub(crate) attempt: u64,
}

impl SeenInvocation {
    pub(crate) fn parse(json: &str) -> Self {
        #[derive(serde::Deserialize)]
        struct Line<'a> {
            #[serde(borrow)]
            event: &'a serde_json::value::RawValue,
            context: serde_json::Value,
            attempt: u64,
        }
        let line: Line<'_> = serde_json::from_str(json).expect("the fixture writes JSON");
        Self { event: line.event.get().to_owned(), context: line.context, attempt: line.attempt }
    }

    /// The part of the context that must be the same in every attempt: all but deadline and log stream. A destination
    /// record spells the ARN of an unqualified invocation with `:$LATEST`.
    pub(crate) fn comparable_context(&self) -> serde_json::Value {
        let mut context = self.context.clone();
        let arn = context["invoked_function_arn"].as_str().unwrap_or_default();
        context["invoked_function_arn"] = arn.trim_end_matches(":$LATEST").into();
        if let Some(fields) = context.as_object_mut() {
            fields.remove("deadline");
            fields.remove("xray_trace_id");
        }
        if let Some(fields) = context["env_config"].as_object_mut() {
            fields.remove("log_stream");
        }
        context
    }
}
