//! The order: what the dispatcher passes to the runner, as variables of one container override.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::{
    context::{Context, is_printable},
    names::env,
};

/// What the runner is to run. `E` is the event: its form in the order or, in the dispatcher, the event before a form is
/// chosen.
#[derive(Clone, Debug)]
pub struct Order<E = EventForm> {
    /// The event.
    pub event: E,
    /// The context of the invocation that failed.
    pub context: Context,
    /// A handler that overrides the function's own.
    pub handler_path: Option<String>,
    /// The number of the attempt: 1, 2, …
    pub attempt: u32,
    /// How many attempts before this one were interrupted.
    pub interruptions: u32,
    /// How long the attempt may run, in seconds.
    pub limit: Option<u64>,
    /// Which series of attempts this is: 0, or the number of redrives before it.
    pub series: u32,
    /// What triggered the primary, if that changes the meaning of a response.
    pub source: Option<EventSource>,
    /// When the invocation failed, in Unix milliseconds, where Lambda's record says so; nothing but metrics depend on
    /// it.
    pub failed_at: Option<i64>,
}

/// What triggered the primary, if that changes the meaning of a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EventSource {
    /// A queue: the response may name the message as failed.
    Sqs,
}

impl EventSource {
    /// Its name in the order.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Sqs => "sqs",
        }
    }
}

/// The three forms of an event in an order, by size.
#[derive(Clone, PartialEq, Eq)]
pub enum EventForm {
    /// The event itself, as JSON.
    Inline(String),
    /// The event gzipped, as base64.
    Gzip(String),
    /// Where the event is: `s3://bucket/key`.
    S3(String),
}

/// Leaves out the event, which is never logged.
impl fmt::Debug for EventForm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Inline(event) => write!(f, "Inline({} bytes)", event.len()),
            Self::Gzip(event) => write!(f, "Gzip({} bytes)", event.len()),
            Self::S3(uri) => write!(f, "S3({uri})"),
        }
    }
}

/// An order that can never run, with all its errors.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the order can't be run: {}; a task is started by the dispatcher, or with these variables set by hand", .0.join("; "))]
pub struct MalformedOrder(pub Vec<String>);

impl<E> Order<E> {
    /// The same order with another event.
    pub fn map_event<F>(self, map: impl FnOnce(E) -> F) -> Order<F> {
        let Self { event, context, handler_path, attempt, interruptions, limit, series, source, failed_at } = self;
        Order { event: map(event), context, handler_path, attempt, interruptions, limit, series, source, failed_at }
    }

    /// The order as variables, with its event in this form, always in the same sequence: the same order is the same
    /// bytes.
    #[must_use]
    pub fn to_variables(&self, event: &EventForm) -> Vec<(&'static str, String)> {
        let event = match event {
            EventForm::Inline(event) => (env::EVENT, event.clone()),
            EventForm::Gzip(event) => (env::EVENT_GZIP, event.clone()),
            EventForm::S3(uri) => (env::EVENT_S3, uri.clone()),
        };
        let context = serde_json::to_string(&self.context).unwrap_or_default();
        let mut variables = vec![event, (env::CONTEXT, context)];
        variables.extend(self.handler_path.clone().map(|path| (env::HANDLER_PATH, path)));
        variables.push((env::ATTEMPT, self.attempt.to_string()));
        if self.interruptions > 0 {
            variables.push((env::INTERRUPTIONS, self.interruptions.to_string()));
        }
        variables.extend(self.limit.map(|limit| (env::LIMIT, limit.to_string())));
        if self.series > 0 {
            variables.push((env::SERIES, self.series.to_string()));
        }
        variables.extend(self.source.map(|source| (env::SOURCE, source.name().to_owned())));
        variables.extend(self.failed_at.map(|at| (env::FAILED_AT, at.to_string())));
        variables
    }
}

impl Order {
    /// Parses an order from variables; an empty variable counts as absent.
    ///
    /// Without `IMMORTAL_ATTEMPT`, as from a dispatcher that isn't ours, it is attempt 1.
    pub fn from_variables(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, MalformedOrder> {
        let lookup = |name: &str| lookup(name).filter(|value| !value.is_empty());
        let mut problems = Vec::new();
        let event = event_form(&lookup, &mut problems);
        let context = context(lookup(env::CONTEXT), &mut problems);
        let attempt = number(env::ATTEMPT, lookup(env::ATTEMPT), 1, &mut problems);
        let interruptions = number(env::INTERRUPTIONS, lookup(env::INTERRUPTIONS), 0, &mut problems);
        let limit = number(env::LIMIT, lookup(env::LIMIT), 1, &mut problems);
        let series = number(env::SERIES, lookup(env::SERIES), 0, &mut problems);
        let source = source(lookup(env::SOURCE), &mut problems);
        let small = |number: Option<u64>| number.and_then(|number| u32::try_from(number).ok());
        match (event, context) {
            (Some(event), Some(context)) if problems.is_empty() => Ok(Self {
                event,
                context,
                handler_path: lookup(env::HANDLER_PATH),
                attempt: small(attempt).unwrap_or(1),
                interruptions: small(interruptions).unwrap_or(0),
                limit,
                series: small(series).unwrap_or(0),
                source,
                // An error in a value that only metrics need doesn't fail the attempt.
                failed_at: lookup(env::FAILED_AT).and_then(|at| at.parse().ok()),
            }),
            _ => Err(MalformedOrder(problems)),
        }
    }
}

fn event_form(lookup: &impl Fn(&str) -> Option<String>, problems: &mut Vec<String>) -> Option<EventForm> {
    let forms = [
        lookup(env::EVENT).map(EventForm::Inline),
        lookup(env::EVENT_GZIP).map(EventForm::Gzip),
        lookup(env::EVENT_S3).map(EventForm::S3),
    ];
    let mut forms = forms.into_iter().flatten();
    let all = format!("{}, {}, {}", env::EVENT, env::EVENT_GZIP, env::EVENT_S3);
    match (forms.next(), forms.next()) {
        (Some(EventForm::Inline(event)), None) if serde_json::from_str::<&RawValue>(&event).is_err() => {
            problems.push(format!("{} is not valid JSON", env::EVENT));
            None
        }
        (Some(form), None) => Some(form),
        (None, _) => {
            problems.push(format!("it names no event (one of {all})"));
            None
        }
        (Some(_), Some(_)) => {
            problems.push(format!("it names more than one event (only one of {all} may be set)"));
            None
        }
    }
}

fn context(json: Option<String>, problems: &mut Vec<String>) -> Option<Context> {
    let Some(json) = json else {
        problems.push(format!("{} is missing", env::CONTEXT));
        return None;
    };
    let context: Context = match serde_json::from_str(&json) {
        Ok(context) => context,
        Err(error) => {
            problems.push(format!("{} is not a valid context: {error}", env::CONTEXT));
            return None;
        }
    };
    if context.aws_request_id.is_empty() {
        problems.push(format!("{} has no awsRequestId", env::CONTEXT));
    }
    for (field, text) in [
        ("awsRequestId", &context.aws_request_id),
        ("functionName", &context.function_name),
        ("functionVersion", &context.function_version),
        ("invokedFunctionArn", &context.invoked_function_arn),
    ] {
        if !is_printable(text) {
            let name = env::CONTEXT;
            problems.push(format!("{field} in {name} is {text:?}, and may hold printable ASCII characters only"));
        }
    }
    if context.function_name.is_empty() && context.invoked_function_arn.is_empty() {
        problems.push(format!("{} has neither functionName nor invokedFunctionArn", env::CONTEXT));
    }
    Some(context)
}

/// An unknown source can't be ignored: a response that reports a failure would be taken for a success.
fn source(name: Option<String>, problems: &mut Vec<String>) -> Option<EventSource> {
    let name = name?;
    let source = Some(EventSource::Sqs).filter(|source| source.name() == name);
    if source.is_none() {
        problems.push(format!(
            "{} is {name:?}, and may only be sqs; if a newer dispatcher set it, rebuild the image with `cargo immortal runner`",
            env::SOURCE
        ));
    }
    source
}

fn number(name: &str, text: Option<String>, least: u64, problems: &mut Vec<String>) -> Option<u64> {
    let text = text?;
    match text.parse::<u64>() {
        Ok(number) if (least..=u64::from(u32::MAX)).contains(&number) => Some(number),
        _ => {
            problems.push(format!("{name} is {text:?}, and must be a whole number from {least}"));
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order() -> Order {
        Order {
            event: EventForm::Inline(r#"{"n":1}"#.into()),
            context: Context { aws_request_id: "r-1".into(), function_name: "ingest".into(), ..Context::default() },
            handler_path: None,
            attempt: 2,
            interruptions: 1,
            limit: Some(60),
            series: 3,
            source: Some(EventSource::Sqs),
            failed_at: Some(1_700_000_000_000),
        }
    }

    fn variables_of(order: &Order) -> Vec<(&'static str, String)> {
        order.to_variables(&order.event)
    }

    fn lookup(variables: &[(&str, String)]) -> impl Fn(&str) -> Option<String> {
        move |name| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| value.clone())
    }

    #[test]
    fn comes_back_as_it_went() {
        let variables = variables_of(&order());
        let back = Order::from_variables(lookup(&variables)).expect("our own order");
        assert_eq!(variables_of(&back), variables);
        assert_eq!((back.attempt, back.interruptions, back.limit, back.series), (2, 1, Some(60), 3));
        assert_eq!((back.source, back.failed_at), (Some(EventSource::Sqs), Some(1_700_000_000_000)));
    }

    #[test]
    fn leaves_out_what_there_is_not() {
        let plain = Order { interruptions: 0, limit: None, series: 0, source: None, failed_at: None, ..order() };
        let names: Vec<_> = variables_of(&plain).into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, [env::EVENT, env::CONTEXT, env::ATTEMPT]);
    }

    #[test]
    fn every_problem_is_said_at_once() {
        let variables = [
            (env::EVENT, "{".to_owned()),
            (env::CONTEXT, "{}".to_owned()),
            (env::ATTEMPT, "0".to_owned()),
            (env::LIMIT, "6h".to_owned()),
            (env::SOURCE, "kinesis".to_owned()),
        ];
        let MalformedOrder(problems) = Order::from_variables(lookup(&variables)).expect_err("nothing in it is right");
        assert_eq!(problems.len(), 6, "{problems:?}");
    }

    #[test]
    fn what_would_make_a_line_or_a_header_of_its_own_is_refused() {
        for field in ["awsRequestId", "functionName", "functionVersion", "invokedFunctionArn"] {
            for odd in ["r\nEND RequestId: forged", "r\r", "r\0", "r\u{7f}", "r\u{85}", "é"] {
                let mut context = serde_json::json!({"awsRequestId": "r-1", "functionName": "ingest"});
                context[field] = odd.into();
                let variables = [(env::EVENT, "1".to_owned()), (env::CONTEXT, context.to_string())];
                let MalformedOrder(problems) = Order::from_variables(lookup(&variables)).expect_err("it is refused");
                assert!(problems.len() == 1 && problems[0].contains(field), "{problems:?}");
                assert!(!problems[0].contains(char::is_control), "{problems:?}");
            }
        }
    }

    #[test]
    fn an_event_is_named_once() {
        let variables =
            [(env::EVENT, "1".to_owned()), (env::EVENT_S3, "s3://b/k".to_owned()), (env::CONTEXT, String::new())];
        let MalformedOrder(problems) = Order::from_variables(lookup(&variables)).expect_err("two events, no context");
        assert_eq!(problems.len(), 2, "{problems:?}");
        assert!(problems[0].contains("more than one event"), "{problems:?}");
    }

    #[test]
    fn an_event_is_never_shown() {
        assert!(!format!("{:?}", order()).contains("\"n\""));
    }
}
