//! A failed invocation, and its context, rebuilt from the record.

use std::fmt;

use super::{
    dead_letter::DeadLetterMark,
    event_form::JobEvent,
    failure_cause::FailureCause,
    handed_over,
    json_object::{JsonObject, is_json},
};
use crate::{
    aws,
    context::{Context, is_printable},
    function::{FunctionArn, FunctionName},
    names::GIVEN_UP,
    order::{EventForm, EventSource},
};

/// The dispatcher's identity, and the function whose failures it handles.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KnownFunctions {
    /// The dispatcher itself.
    pub(crate) own: FunctionArn,
    /// The primary; a qualifier is the version to run where a failure names none.
    pub(crate) primary: FunctionArn,
    /// The ARNs of the queues that trigger the primary.
    pub(crate) source_queues: Vec<String>,
}

/// A failed invocation of the primary.
#[derive(Clone)]
pub(crate) struct InvocationFailure {
    /// The event, byte for byte: itself, or where a dead letter has left it.
    pub(crate) event: JobEvent,
    pub(crate) context: Context,
    /// How the invocation ended.
    pub(crate) cause: FailureCause,
    /// The series of attempts that it begins: 0, or more for a dead letter that was redriven.
    pub(crate) series: u32,
    pub(crate) source: Option<EventSource>,
    /// When it failed, in Unix milliseconds, where the record says so.
    pub(crate) failed_at: Option<i64>,
}

/// Leaves out the event, which is never logged.
impl fmt::Debug for InvocationFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { event, context, cause, series, source: _, failed_at: _ } = self;
        write!(f, "Failure({}, {event:?}, {cause:?}, series {series})", context.aws_request_id)
    }
}

/// A record that the dispatcher refuses, with the reason and what to fix.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct RefusedRecord(pub String);

impl RefusedRecord {
    pub(super) fn new(why: impl Into<String>) -> Self {
        Self(why.into())
    }
}

/// Refuses what a header or a line of the log can't hold: the runner sends it as one and writes it into the other.
pub(super) fn refuse_unprintable(what: &str, text: &str) -> Result<(), RefusedRecord> {
    if is_printable(text) {
        return Ok(());
    }
    Err(RefusedRecord::new(format!(
        "the {what} {} holds other characters than printable ASCII, which neither a header nor a line of the log can \
         hold; Lambda writes none, so find out who sent it",
        shown(text)
    )))
}

/// Untrusted text for the log: quoted, escaped and truncated.
pub(super) fn shown(text: &str) -> String {
    const LONGEST: usize = 256;
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{:?}…", &text[..end]),
        None => format!("{text:?}"),
    }
}

impl KnownFunctions {
    /// Whether a text names the primary, by name or in full.
    #[must_use]
    pub(crate) fn is_primary(&self, text: &str) -> bool {
        self.resolve(text).is_some_and(|function| function.is_same_function(&self.primary))
    }

    pub(super) fn is_own(&self, text: &str) -> bool {
        self.resolve(text).is_some_and(|function| function.is_same_function(&self.own))
    }

    /// The first name in a context that isn't the primary's; what is empty names nothing.
    #[must_use]
    pub(crate) fn foreign_name<'a>(&self, context: &'a Context) -> Option<&'a str> {
        let names = [context.invoked_function_arn.as_str(), context.function_name.as_str()];
        names.into_iter().find(|name| !name.is_empty() && !self.is_primary(name))
    }

    fn resolve(&self, text: &str) -> Option<FunctionArn> {
        Some(text.parse::<FunctionName>().ok()?.within(&self.own))
    }
}

/// A message of a queue that triggers the primary, and the event that was made of it.
pub(super) fn from_source_message(
    id: &str,
    event: String,
    functions: &KnownFunctions,
) -> Result<InvocationFailure, RefusedRecord> {
    if id.is_empty() {
        return Err(RefusedRecord::new("it is an SQS message without a messageId"));
    }
    refuse_unprintable("message id", id)?;
    let named = Named { request_id: id.to_owned(), arn: None, version: None };
    Ok(InvocationFailure {
        event: JobEvent::Text(event),
        context: context(named, None, functions)?,
        // The message says nothing of how the function failed on it, nor whether it was ever invoked with it.
        cause: FailureCause::NeverRan,
        series: 0,
        source: Some(EventSource::Sqs),
        failed_at: None,
    })
}

/// What the primary's `DeadLetterConfig` sends: the event, and two attributes.
pub(super) fn from_dead_letter(
    event: &str,
    request_id: &str,
    message: &str,
    functions: &KnownFunctions,
) -> Result<InvocationFailure, RefusedRecord> {
    if request_id.is_empty() {
        return Err(RefusedRecord::new("its RequestID attribute is empty"));
    }
    refuse_unprintable("request id", request_id)?;
    if !is_json(event) {
        return Err(RefusedRecord::new(format!(
            "the event of request {request_id} is not valid JSON; Lambda writes the event itself into the body"
        )));
    }
    let named = Named { request_id: request_id.to_owned(), arn: None, version: None };
    let handed_over = handed_over::context(None, message, request_id);
    let context = context(named, handed_over, functions)?;
    Ok(InvocationFailure {
        event: JobEvent::Text(event.to_owned()),
        context,
        cause: FailureCause::from_text(message),
        series: 0,
        source: None,
        failed_at: None,
    })
}

/// A destination record that names the primary.
pub(super) fn from_record(
    record: &JsonObject<'_>,
    functions: &KnownFunctions,
) -> Result<InvocationFailure, RefusedRecord> {
    let request = record.object("requestContext");
    let text = |key: &str| request.as_ref().and_then(|request| request.text(key)).unwrap_or_default();
    let request_id = text("requestId");
    if request_id.is_empty() {
        return Err(RefusedRecord::new("its destination record has no requestContext.requestId"));
    }
    refuse_unprintable("request id", &request_id)?;
    let answer = record.object("responsePayload");
    let said = |key: &str| answer.as_ref().and_then(|answer| answer.text(key));
    let (error_type, message) = (said("errorType"), said("errorMessage").unwrap_or_default());
    let redrive = match error_type.as_deref() {
        Some(GIVEN_UP) => redrive(record, &request_id)?,
        _ => None,
    };
    let event = match redrive.as_ref().and_then(|redrive| redrive.event_object.clone()) {
        Some(uri) => JobEvent::Formed(EventForm::S3(uri)),
        None => JobEvent::Text(payload(record, &request_id)?.to_owned()),
    };
    let response = record.object("responseContext");
    let carried = match &redrive {
        Some(redrive) => redrive.context.clone().filter(|context| context.aws_request_id == request_id),
        None => handed_over::context(error_type.as_deref(), &message, &request_id),
    };
    // A job continues with exactly the context that it had.
    let is_whole = redrive.is_some() && carried.is_some();
    let named = Named {
        request_id,
        arn: Some(text("functionArn")).filter(|_| !is_whole),
        version: response.as_ref().filter(|_| !is_whole).and_then(|response| response.text("executedVersion")),
    };
    let cause = match redrive {
        Some(_) => FailureCause::Redriven,
        None => FailureCause::from_record(&text("condition"), response.is_some(), error_type.as_deref(), &message),
    };
    // The time of a dead letter is when it was given up.
    let timestamp = record.text("timestamp").filter(|_| redrive.is_none());
    let failed_at = timestamp.and_then(|timestamp| aws::unix_milliseconds(&timestamp)).filter(|at| *at > 0);
    let (series, source) = redrive.map_or((0, None), |redrive| (redrive.series, redrive.source));
    Ok(InvocationFailure { event, context: context(named, carried, functions)?, cause, series, source, failed_at })
}

/// How a dead letter that was redriven goes on; `None` where it doesn't say, as one of the first version.
fn redrive(record: &JsonObject<'_>, request_id: &str) -> Result<Option<DeadLetterMark>, RefusedRecord> {
    let Some(json) = record.raw("immortal").filter(|json| *json != "null") else { return Ok(None) };
    let read = serde_json::from_str::<DeadLetterMark>(json);
    let continuation = read.map_err(|error| {
        RefusedRecord::new(format!(
            "the dead letter of request {request_id} can't be read in its field immortal: {}",
            shown(&error.to_string())
        ))
    })?;
    Ok(Some(continuation).filter(|continuation| continuation.series > 0))
}

fn payload<'a>(record: &JsonObject<'a>, request_id: &str) -> Result<&'a str, RefusedRecord> {
    record.raw("requestPayload").ok_or_else(|| {
        RefusedRecord::new(format!(
            "the destination record of request {request_id} has no requestPayload, so its event is lost to it; \
             a topic takes 256 KB, a queue 1 MB: send failures to a queue"
        ))
    })
}

/// What a record itself says of the invocation; it goes before what a hand-over says.
struct Named {
    request_id: String,
    arn: Option<String>,
    version: Option<String>,
}

fn context(named: Named, handed_over: Option<Context>, functions: &KnownFunctions) -> Result<Context, RefusedRecord> {
    let handed = handed_over.unwrap_or_default();
    if let Some(name) = functions.foreign_name(&handed) {
        return Err(another_function(&named.request_id, name, functions));
    }
    let filled = |text: String| Some(text).filter(|text| !text.is_empty());
    let qualifier = |arn: &str| arn.parse::<FunctionName>().ok().and_then(|name| name.qualifier);
    let version = (named.version.and_then(filled))
        .or_else(|| named.arn.as_deref().and_then(qualifier))
        .or_else(|| filled(handed.function_version))
        .or_else(|| qualifier(&handed.invoked_function_arn))
        .or_else(|| functions.primary.qualifier.clone())
        .unwrap_or_else(|| "$LATEST".to_owned());
    refuse_unprintable(&format!("version of request {}", named.request_id), &version)?;
    let arn = (named.arn.and_then(filled))
        .or_else(|| filled(handed.invoked_function_arn))
        .unwrap_or_else(|| functions.primary.to_string());
    Ok(Context {
        aws_request_id: named.request_id,
        function_name: functions.primary.name.clone(),
        function_version: version,
        invoked_function_arn: arn,
        ..handed
    })
}

pub(super) fn another_function(request_id: &str, named: &str, functions: &KnownFunctions) -> RefusedRecord {
    RefusedRecord::new(format!(
        "request {} is of the function {}, and this dispatcher is that of {}; give each function its own failure queue, \
         or set IMMORTAL_FUNCTION",
        shown(request_id),
        shown(named),
        functions.primary
    ))
}

#[cfg(test)]
pub(super) mod tests;
