//! The lines about the dispatcher.

use immortal_emulator::EntryKind;

use super::{LineKind, is_metric, waits::PlannedWaits};

/// What is shown of a line that the dispatcher wrote: its level and message, without the spans around it and without the
/// ids of request, record and task, which other lines have.
pub(super) fn log(line: &str) -> Option<String> {
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

pub(super) fn line(what: &EntryKind, waits: &PlannedWaits) -> Option<(LineKind, String)> {
    Some(match what {
        EntryKind::Started { .. } => (LineKind::Step, "the dispatcher begins".to_owned()),
        EntryKind::Answered { body } => answered(body, waits),
        EntryKind::Failed { error_type, message } => {
            (LineKind::Bad, format!("the dispatcher failed: {error_type}: {message}"))
        }
        EntryKind::TimedOut { after } => {
            (LineKind::Bad, format!("the dispatcher was killed after {} s", after.as_secs()))
        }
        EntryKind::Retrying { after } => {
            (LineKind::Step, format!("Lambda tries again in {:.1} s", after.as_secs_f64()))
        }
        EntryKind::Discarded => (LineKind::Bad, "the event is gone: nothing catches what fails".to_owned()),
        _ => return None,
    })
}

/// Of the records that a partial batch response names, some wait by plan.
fn answered(body: &[u8], waits: &PlannedWaits) -> (LineKind, String) {
    let response: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
    let named = response.get("batchItemFailures").and_then(serde_json::Value::as_array).map_or(&[][..], Vec::as_slice);
    let waits = |item: &&serde_json::Value| item["itemIdentifier"].as_str().is_some_and(|id| waits.hold(id));
    let waiting = named.iter().filter(waits).count();
    match (named.len() - waiting, waiting) {
        (0, 0) => (LineKind::Step, "the dispatcher is done".to_owned()),
        (0, waiting) => (LineKind::Step, format!("the dispatcher lets {waiting} of its records wait")),
        (records, _) => (LineKind::Bad, format!("the dispatcher gives back {records} of its records")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_its_log_the_message_is_shown() {
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
            assert_eq!(log(&line).as_deref(), expected, "{line}");
        }
    }
}
