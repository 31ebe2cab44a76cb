//! A failed invocation, and the context that is rebuilt for it from whatever tells of it.

use std::fmt;

use super::{
    cause::Cause,
    handed_over,
    object::{Object, is_json},
};
use crate::{
    context::Context,
    function::{FunctionArn, FunctionName},
};

/// Who the dispatcher is, and whose failures it handles.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The dispatcher itself.
    pub own: FunctionArn,
    /// The primary; a qualifier is the version to run where a failure names none.
    pub primary: FunctionArn,
}

/// A failed invocation of the primary.
#[derive(Clone)]
pub struct Failure {
    /// The event, byte for byte.
    pub event: String,
    /// The context.
    pub context: Context,
    /// How the invocation ended.
    pub cause: Cause,
}

/// An event is never logged, so it isn't shown here either.
impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { event, context, cause } = self;
        write!(f, "Failure({}, {} bytes, {cause:?})", context.aws_request_id, event.len())
    }
}

/// A record that the dispatcher doesn't take: why, and what to mend.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Refusal(pub String);

impl Refusal {
    pub(super) fn new(why: impl Into<String>) -> Self {
        Self(why.into())
    }
}

impl Identity {
    /// Whether a text names the primary, by name or in full.
    #[must_use]
    pub fn is_primary(&self, text: &str) -> bool {
        self.resolve(text).is_some_and(|function| function.is_same_function(&self.primary))
    }

    pub(super) fn is_own(&self, text: &str) -> bool {
        self.resolve(text).is_some_and(|function| function.is_same_function(&self.own))
    }

    /// Whether a context names the primary: with all that it says of it, and with something at least.
    #[must_use]
    pub fn is_of_primary(&self, context: &Context) -> bool {
        let names = [&context.invoked_function_arn, &context.function_name];
        let mut said = names.into_iter().filter(|name| !name.is_empty()).peekable();
        said.peek().is_some() && said.all(|name| self.is_primary(name))
    }

    fn resolve(&self, text: &str) -> Option<FunctionArn> {
        Some(text.parse::<FunctionName>().ok()?.within(&self.own))
    }
}

/// What the primary's `DeadLetterConfig` sends: the event, and two attributes.
pub(super) fn from_dead_letter(
    event: &str,
    request_id: &str,
    message: &str,
    identity: &Identity,
) -> Result<Failure, Refusal> {
    if request_id.is_empty() {
        return Err(Refusal::new("its RequestID attribute is empty"));
    }
    if !is_json(event) {
        return Err(Refusal::new(format!("the event of request {request_id} is no JSON")));
    }
    let named = Named { request_id: request_id.to_owned(), arn: None, version: None };
    let context = context(named, message, identity)?;
    Ok(Failure { event: event.to_owned(), context, cause: Cause::of_text(message) })
}

/// A destination record that names the primary.
pub(super) fn from_record(record: &Object<'_>, identity: &Identity) -> Result<Failure, Refusal> {
    let request = record.object("requestContext");
    let text = |key: &str| request.as_ref().and_then(|request| request.text(key)).unwrap_or_default();
    let request_id = text("requestId");
    if request_id.is_empty() {
        return Err(Refusal::new("its destination record has no requestContext.requestId"));
    }
    let Some(event) = record.raw("requestPayload") else {
        return Err(Refusal::new(format!(
            "the destination record of request {request_id} has no requestPayload, so its event is lost to it; \
             a topic takes 256 KB, a queue 1 MB: send failures to a queue"
        )));
    };
    let response = record.object("responseContext");
    let answer = record.object("responsePayload");
    let said = |key: &str| answer.as_ref().and_then(|answer| answer.text(key));
    let message = said("errorMessage").unwrap_or_default();
    let named = Named {
        request_id,
        arn: Some(text("functionArn")),
        version: response.as_ref().and_then(|response| response.text("executedVersion")),
    };
    Ok(Failure {
        event: event.to_owned(),
        context: context(named, &message, identity)?,
        cause: Cause::of_record(&text("condition"), response.is_some(), said("errorType").as_deref(), &message),
    })
}

/// What a record itself says of the invocation; it goes before what a hand-over says.
struct Named {
    request_id: String,
    arn: Option<String>,
    version: Option<String>,
}

fn context(named: Named, message: &str, identity: &Identity) -> Result<Context, Refusal> {
    let handed = handed_over::context(message).unwrap_or_default();
    for name in [&handed.invoked_function_arn, &handed.function_name] {
        if !name.is_empty() && !identity.is_primary(name) {
            return Err(another_function(&named.request_id, name, identity));
        }
    }
    let filled = |text: String| Some(text).filter(|text| !text.is_empty());
    let qualifier = |arn: &str| arn.parse::<FunctionName>().ok().and_then(|name| name.qualifier);
    let version = (named.version.and_then(filled))
        .or_else(|| named.arn.as_deref().and_then(qualifier))
        .or_else(|| filled(handed.function_version))
        .or_else(|| qualifier(&handed.invoked_function_arn))
        .or_else(|| identity.primary.qualifier.clone());
    let arn = (named.arn.and_then(filled))
        .or_else(|| filled(handed.invoked_function_arn))
        .unwrap_or_else(|| identity.primary.to_string());
    Ok(Context {
        aws_request_id: named.request_id,
        function_name: identity.primary.name.clone(),
        function_version: version.unwrap_or_else(|| "$LATEST".to_owned()),
        invoked_function_arn: arn,
        ..handed
    })
}

pub(super) fn another_function(request_id: &str, named: &str, identity: &Identity) -> Refusal {
    Refusal::new(format!(
        "request {request_id} is of the function {named:?}, and this dispatcher is that of {}; give each function \
         its own failure queue, or set IMMORTAL_FUNCTION",
        identity.primary
    ))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::dispatcher) const PRIMARY: &str = "arn:aws:lambda:eu-central-1:111111111111:function:ingest";

    pub(in crate::dispatcher) fn identity() -> Identity {
        Identity { own: format!("{PRIMARY}Dlq").parse().expect("an ARN"), primary: PRIMARY.parse().expect("an ARN") }
    }

    fn record(json: &str) -> Result<Failure, Refusal> {
        from_record(&Object::read(json).expect("an object"), &identity())
    }

    #[test]
    fn a_dead_letter_knows_its_request_and_nothing_else() {
        let event = " {\"n\" : 1.0, \"n\":2 }\n";
        let failure = from_dead_letter(event, "r-1", "no such table", &identity()).expect("a failure");
        assert_eq!((failure.event.as_str(), failure.cause), (event, Cause::Handler));
        let context = failure.context;
        assert_eq!((context.aws_request_id.as_str(), context.function_name.as_str()), ("r-1", "ingest"));
        assert_eq!((context.function_version.as_str(), context.invoked_function_arn.as_str()), ("$LATEST", PRIMARY));
        assert_eq!((context.memory_limit_in_mb.as_str(), context.log_group_name.as_str()), ("", ""));
        assert!(context.xray_trace_id.is_none() && context.tenant_id.is_none());
    }

    #[test]
    fn the_configured_qualifier_is_the_version_where_nothing_else_names_one() {
        let identity = Identity { primary: format!("{PRIMARY}:live").parse().expect("an ARN"), ..identity() };
        let failure = from_dead_letter("1", "r-1", "", &identity).expect("a failure");
        assert_eq!(failure.context.function_version, "live");
        assert_eq!(failure.context.invoked_function_arn, format!("{PRIMARY}:live"));
    }

    #[test]
    fn a_hand_over_fills_in_the_rest() {
        let message = format!(
            "Immortal.HandedOver: before the deadline {{\"awsRequestId\":\"other\",\"functionName\":\"ingest\",\
             \"functionVersion\":\"7\",\"invokedFunctionArn\":\"{PRIMARY}:live\",\"memoryLimitInMB\":\"512\",\
             \"logGroupName\":\"g\",\"logStreamName\":\"s\",\"xrayTraceId\":\"Root=1\",\"tenantId\":\"acme\"}}"
        );
        let failure = from_dead_letter("1", "r-1", &message, &identity()).expect("a failure");
        let context = failure.context;
        assert_eq!(failure.cause, Cause::Time);
        assert_eq!(context.aws_request_id, "r-1", "the attribute's");
        assert_eq!(context.function_version, "7");
        assert_eq!(context.invoked_function_arn, format!("{PRIMARY}:live"));
        assert_eq!((context.memory_limit_in_mb.as_str(), context.log_stream_name.as_str()), ("512", "s"));
        assert_eq!((context.xray_trace_id.as_deref(), context.tenant_id.as_deref()), (Some("Root=1"), Some("acme")));
    }

    #[test]
    fn a_hand_over_of_another_function_is_refused() {
        for context in [
            r#"{"functionName":"other"}"#,
            r#"{"functionName":"ingest","invokedFunctionArn":"function-arn:x"}"#,
            r#"{"functionName":"ingest","invokedFunctionArn":"arn:aws:lambda:eu-central-1:222222222222:function:ingest"}"#,
        ] {
            let message = format!("Immortal.HandedOver: x {context}");
            let refusal = from_dead_letter("1", "r-1", &message, &identity()).expect_err(context);
            assert!(refusal.0.contains("r-1") && refusal.0.contains("IMMORTAL_FUNCTION"), "{refusal}");
        }
        let cut = r#"Immortal.HandedOver: x {"functionName":"other""#;
        assert!(from_dead_letter("1", "r-1", cut, &identity()).is_ok(), "what is cut names nothing");
    }

    #[test]
    fn a_record_names_function_and_version() {
        let failure = record(&format!(
            r#"{{"requestContext":{{"requestId":"r-1","functionArn":"{PRIMARY}:live","condition":"RetriesExhausted"}},
                "requestPayload":{{"a":1.50, "a":null}},
                "responseContext":{{"statusCode":200,"executedVersion":"7","functionError":"Unhandled"}},
                "responsePayload":{{"errorType":"Immortal.HandedOver",
                  "errorMessage":"Immortal.HandedOver: x {{\"functionVersion\":\"9\",\"invokedFunctionArn\":\"{PRIMARY}\",\"tenantId\":\"acme\"}}"}}}}"#
        ))
        .expect("a failure");
        assert_eq!(failure.event, r#"{"a":1.50, "a":null}"#);
        assert_eq!(failure.context.function_version, "7", "the record's, not the hand-over's");
        assert_eq!(failure.context.invoked_function_arn, format!("{PRIMARY}:live"));
        assert_eq!(failure.context.tenant_id.as_deref(), Some("acme"));
        assert_eq!(failure.cause, Cause::Time);
    }

    #[test]
    fn a_record_of_what_never_ran_has_the_arns_version() {
        for (qualifier, version) in [(":$LATEST", "$LATEST"), (":3", "3"), ("", "$LATEST")] {
            let failure = record(&format!(
                r#"{{"requestContext":{{"requestId":"r-1","functionArn":"{PRIMARY}{qualifier}","condition":"EventAgeExceeded"}},"requestPayload":null}}"#
            ))
            .expect("a failure");
            assert_eq!((failure.context.function_version.as_str(), failure.cause), (version, Cause::NeverRan));
            assert_eq!(failure.event, "null");
        }
    }

    #[test]
    fn what_lacks_something_is_refused_with_what() {
        let table = [
            (r#"{"requestContext":{"functionArn":"x"},"requestPayload":1}"#, "requestId"),
            (r#"{"requestContext":{"requestId":"r-1","functionArn":"x"}}"#, "requestPayload"),
        ];
        for (json, named) in table {
            assert!(record(json).expect_err(json).0.contains(named), "{json}");
        }
        assert!(from_dead_letter("{", "r-1", "", &identity()).is_err());
        assert!(from_dead_letter("{}", "", "", &identity()).is_err());
    }

    #[test]
    fn an_event_is_never_shown() {
        let failure = from_dead_letter(r#"{"secret":1}"#, "r-1", "", &identity()).expect("a failure");
        assert!(!format!("{failure:?}").contains("secret"));
    }
}
