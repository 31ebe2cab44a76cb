//! What the lines of dispatcher and runner say.

use immortal_core::names::{HANDED_OVER, STOPPED};

/// How the handler ended, as the runner says it in its last line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HandlerEnd<'a> {
    /// It failed: how.
    Failed(&'a str),
    /// It ended because it was told to.
    Early,
}

/// Reads a line that the runner wrote.
pub(crate) fn handler_end(line: &str) -> Option<HandlerEnd<'_>> {
    let (level, said) = line.split_once(" request{id=")?;
    let (_, end) = said.split_once("}: function ")?.1.split_once(": the handler ")?;
    if level.ends_with("ERROR") {
        return Some(HandlerEnd::Failed(end.strip_prefix("returned an error: ").unwrap_or(end)));
    }
    end.starts_with("ended early").then_some(HandlerEnd::Early)
}

/// How an attempt in Lambda ended that gave its event up in time, by the type of its error.
pub(crate) fn early_end(error_type: &str) -> Option<&'static str> {
    match error_type {
        HANDED_OVER => Some("hands the event over, before its deadline"),
        STOPPED => Some("ends early, as it was told to before its deadline"),
        _ => None,
    }
}

/// Whether a line is in the embedded metric format, which is for `CloudWatch` and not for a person:
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>
pub(crate) fn is_metric(line: &str) -> bool {
    serde_json::from_str::<serde_json::Value>(line).is_ok_and(|line| line["_aws"]["CloudWatchMetrics"].is_array())
}

/// What is shown of a line that the dispatcher wrote: its level and message, without the spans around it and without the
/// ids of request, record and task, which other lines have.
pub(crate) fn dispatcher_message(line: &str) -> Option<String> {
    if is_metric(line) {
        return None;
    }
    let line = line.trim_start();
    let Some((level, rest)) = line.split_once(' ') else { return Some(line.to_owned()) };
    if !["ERROR", "WARN", "INFO", "DEBUG", "TRACE"].contains(&level) {
        return Some(line.to_owned());
    }
    let mut message = without_spans(rest).to_owned();
    for field in ["request_id", "token", "task"] {
        message = without_field(&message, field);
    }
    Some(format!("{level:>5} {}", message.trim_start()))
}

/// The text after `name{field="value"}:name{…}: `, as `tracing` writes spans.
fn without_spans(text: &str) -> &str {
    let mut rest = text;
    while let Some(after) = after_span(rest) {
        rest = after;
    }
    rest
}

fn after_span(text: &str) -> Option<&str> {
    let (name, fields) = text.split_once('{')?;
    // A span of no fields, or a sentence that has a brace somewhere.
    if name.contains(": ") || name.contains('"') {
        return None;
    }
    let mut quoted = false;
    let mut escaped = false;
    let end = fields.char_indices().find_map(|(at, c)| {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = quoted,
            '"' => quoted = !quoted,
            '}' if !quoted => return Some(at),
            _ => (),
        }
        None
    })?;
    fields[end + 1..].strip_prefix(':')
}

/// The text without ` name="value"`.
fn without_field(text: &str, name: &str) -> String {
    let field = format!("{name}=\"");
    let found = text.match_indices(&field).find(|(at, _)| *at == 0 || text[..*at].ends_with(' '));
    let Some((start, _)) = found else { return text.to_owned() };
    let value = &text[start + field.len()..];
    let end = value.find('"').map_or(value.len(), |quote| quote + 1);
    format!("{}{}", &text[..start], value[end..].trim_start())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_the_dispatchers_log_the_message_is_shown() {
        let spans = r#"Lambda runtime invoke{requestId="r-1" xrayTraceId="Root=1;Sampled=0"}:record{m-1 request_id="r}-\"1"}: "#;
        let table = [
            (
                format!(r#" INFO {spans}request_id="r" token="2a" task="arn:x" attempt=1 decision="started""#),
                Some(r#" INFO attempt=1 decision="started""#),
            ),
            (format!(" WARN {spans}gave up on request r-1: {{why}}"), Some(" WARN gave up on request r-1: {why}")),
            ("ERROR no spans: here".to_owned(), Some("ERROR no spans: here")),
            ("panicked at src/main.rs".to_owned(), Some("panicked at src/main.rs")),
            (r#"{"_aws":{"CloudWatchMetrics":[]}}"#.to_owned(), None),
        ];
        for (line, expected) in table {
            assert_eq!(dispatcher_message(&line).as_deref(), expected, "{line}");
        }
    }

    #[test]
    fn the_runner_says_how_the_handler_ended() {
        let spans = "request{id=r-1 attempt=2}: function ingest, request r-1: the handler";
        let table = [
            (format!("ERROR {spans} returned an error: no name"), Some(HandlerEnd::Failed("no name"))),
            (format!("ERROR {spans} was killed by signal 9"), Some(HandlerEnd::Failed("was killed by signal 9"))),
            (format!(" INFO {spans} ended early, as it was told to"), Some(HandlerEnd::Early)),
            (format!(" WARN {spans} is told to stop"), None),
            ("ERROR the handler returned an error: no".to_owned(), None),
        ];
        for (line, expected) in table {
            assert_eq!(handler_end(&line), expected, "{line}");
        }
    }
}
