//! The errors that are reported to Lambda, and their length limits.

use std::{any::Any, fmt};

use lambda_runtime::Diagnostic;

use super::{bounds::HandlerError, own_error::diagnostic_of};
use crate::names::UNREADABLE_EVENT;

/// The longest message, in bytes of its JSON.
///
/// Lambda puts it beside the event into its record of the failure, which is an SQS message of 1 MiB at most; a record
/// that is too large is dropped, and its event with it.
///
/// Source: <https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html>, `DestinationDeliveryFailures`.
const LONGEST_MESSAGE: usize = 64 * 1024;

/// The longest error type, in bytes of its JSON. It is also sent as a header.
const LONGEST_TYPE: usize = 1024;

/// The prefix that `lambda_runtime` adds to the message of a panic.
const PANICKED: &str = "Lambda panicked: ";

/// A handler's error: the diagnostic for Lambda, and the `Debug` output for the log.
pub(crate) struct HandlerFailure {
    diagnostic: Diagnostic,
    shown: String,
}

impl fmt::Debug for HandlerFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl From<HandlerFailure> for Diagnostic {
    fn from(failure: HandlerFailure) -> Self {
        failure.diagnostic
    }
}

impl HandlerFailure {
    pub(super) fn from_error(error: impl HandlerError) -> Self {
        let shown = format!("{error:?}");
        Self { shown, diagnostic: bounded(diagnostic_of(error)) }
    }

    pub(super) fn unreadable_event(error: &serde_path_to_error::Error<serde_json::Error>, wanted: &str) -> Self {
        let place = match error.path().to_string() {
            path if path == "." => String::new(),
            path => format!("{path}: "),
        };
        let why = without_value(&error.inner().to_string());
        // A `DeadLetterConfig` passes on the message alone, by whose beginning the dispatcher knows the type.
        let message = format!("{UNREADABLE_EVENT}: the event can't be read as `{wanted}`: {place}{why}");
        Self::from_parts(UNREADABLE_EVENT, message)
    }

    pub(super) fn unwritable_response(error: &serde_json::Error) -> Self {
        let message = format!("the handler's response can't be written as JSON: {error}");
        Self::from_parts("Immortal.UnwritableResponse", message)
    }

    fn from_parts(error_type: &str, message: String) -> Self {
        let diagnostic = bounded(Diagnostic { error_type: error_type.to_owned(), error_message: message });
        Self { shown: diagnostic.error_message.clone(), diagnostic }
    }
}

/// The message of a JSON error without the event's value that it quotes, since the message is logged: `invalid type:
/// string "secret", expected u64` becomes `invalid type: string, expected u64`.
fn without_value(message: &str) -> String {
    let is_quoting = ["invalid type: ", "invalid value: ", "unknown variant "].iter().any(|it| message.starts_with(it));
    // A string may hold the separator, and what is expected holds no value.
    let parts = if is_quoting { message.rsplit_once(", expected ") } else { None };
    match parts {
        Some((found, expected)) => {
            let kind = found.split(['"', '`']).next().unwrap_or_default().trim_end();
            format!("{kind}, expected {expected}")
        }
        None => message.to_owned(),
    }
}

/// The same error, no longer than Lambda can record beside all but the largest events.
pub(super) fn bounded(Diagnostic { error_type, error_message }: Diagnostic) -> Diagnostic {
    Diagnostic { error_type: cut(error_type, LONGEST_TYPE), error_message: cut(error_message, LONGEST_MESSAGE) }
}

/// The same panic, whose message `lambda_runtime` tells Lambda.
pub(super) fn bounded_panic(panic: Box<dyn Any + Send>) -> Box<dyn Any + Send> {
    match panic_message(&*panic) {
        Some(message) => Box::new(cut(message.to_owned(), LONGEST_MESSAGE - PANICKED.len())),
        None => panic,
    }
}

/// The message of a panic, if it is text.
pub(super) fn panic_message(panic: &(dyn Any + Send)) -> Option<&str> {
    panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str))
}

/// Truncates a text so that its JSON has at most this many bytes, and marks it as truncated.
fn cut(mut text: String, longest: usize) -> String {
    let note = format!("… (cut here: it has {} bytes)", text.len());
    let (mut length, mut end) = (0, 0);
    for (at, char) in text.char_indices() {
        length += json_length(char);
        if length <= longest - note.len() {
            end = at + char.len_utf8();
        } else if length > longest {
            text.truncate(end);
            return text + &note;
        }
    }
    text
}

/// The number of bytes of a character in JSON.
fn json_length(char: char) -> usize {
    match char {
        '"' | '\\' | '\n' | '\r' | '\t' | '\u{8}' | '\u{c}' => 2,
        '\0'..='\u{1f}' => 6,
        _ => char.len_utf8(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn length_in_json(text: &str) -> usize {
        serde_json::to_string(text).expect("a text").len() - 2
    }

    #[test]
    fn what_fits_is_told_whole() {
        for unit in ["x", "é", "\"", "\u{1}", "😀"] {
            let text = unit.repeat(LONGEST_MESSAGE / length_in_json(unit));
            assert_eq!(cut(text.clone(), LONGEST_MESSAGE), text, "{unit:?}");
        }
    }

    #[test]
    fn what_is_too_long_is_cut_between_characters_and_says_so() {
        for unit in ["x", "é", "\"", "\n", "\u{1}", "😀", "a\u{1f}é😀\\"] {
            for length in [LONGEST_MESSAGE + 1, LONGEST_MESSAGE + 5, 800_000] {
                let text = unit.repeat(length / length_in_json(unit) + 1);
                let told = cut(text.clone(), LONGEST_MESSAGE);
                let (kept, note) = told.rsplit_once('…').expect("a note");
                assert!(text.starts_with(kept), "{unit:?}");
                assert_eq!(note, format!(" (cut here: it has {} bytes)", text.len()));
                let length = length_in_json(&told);
                assert!((LONGEST_MESSAGE - 16..=LONGEST_MESSAGE).contains(&length), "{unit:?}: {length}");
            }
        }
    }

    #[test]
    fn what_cant_be_read_is_described_and_not_quoted() {
        #[derive(Debug, serde::Deserialize)]
        enum Size {
            #[serde(rename = "small")]
            Small,
        }
        let table = [
            (
                serde_json::from_str::<u64>("\"se\\\"cret, expected \"").expect_err("a text"),
                "invalid type: string, expected u64",
            ),
            (serde_json::from_str::<u8>("4711").expect_err("too large"), "invalid value: integer, expected u8"),
            (
                serde_json::from_str::<bool>("47.11").expect_err("a number"),
                "invalid type: floating point, expected a boolean",
            ),
            (serde_json::from_str::<u8>("true").expect_err("a boolean"), "invalid type: boolean, expected u8"),
            (serde_json::from_str::<Size>("\"secret\"").expect_err("another"), "unknown variant, expected `small`"),
            (serde_json::from_str::<[u8; 1]>("[1").expect_err("cut"), "EOF while parsing a list"),
            (serde_json::from_str::<u8>("[1]").expect_err("a list"), "invalid type: sequence, expected u8"),
        ];
        for (error, expected) in table {
            let why = without_value(&error.to_string());
            assert!(why.starts_with(expected) && why.contains(" at line 1 column "), "{why}");
            assert!(!why.contains("47") && !why.contains("cret"), "{why}");
        }
    }

    #[test]
    fn a_long_path_to_what_cant_be_read_is_cut() {
        let event = format!(r#"{{"{}":"text"}}"#, "x".repeat(800_000));
        let mut json = serde_json::Deserializer::from_str(&event);
        let read = serde_path_to_error::deserialize::<_, std::collections::BTreeMap<String, u8>>(&mut json);
        let failure = HandlerFailure::unreadable_event(&read.expect_err("it is a text"), "Sizes");
        let message = failure.diagnostic.error_message;
        assert!(message.len() <= LONGEST_MESSAGE && message.contains("… (cut here: it has "), "{}", message.len());
    }

    #[test]
    fn type_and_message_are_both_bounded() {
        let long = "é".repeat(800_000);
        let told = bounded(Diagnostic { error_type: long.clone(), error_message: long });
        assert!(told.error_type.len() <= LONGEST_TYPE, "{}", told.error_type.len());
        assert!(told.error_message.len() <= LONGEST_MESSAGE, "{}", told.error_message.len());
    }

    #[test]
    fn a_panic_is_bounded_whatever_it_was_thrown_with() {
        static LONG: std::sync::LazyLock<String> = std::sync::LazyLock::new(|| "x".repeat(800_000));
        let table: [(Box<dyn Any + Send>, Option<usize>); 4] = [
            (Box::new(LONG.clone()), Some(LONGEST_MESSAGE - PANICKED.len())),
            (Box::new(LONG.as_str()), Some(LONGEST_MESSAGE - PANICKED.len())),
            (Box::new("short"), Some(5)),
            (Box::new(1), None),
        ];
        for (panic, length) in table {
            assert_eq!(panic_message(&*bounded_panic(panic)).map(str::len), length);
        }
    }
}
