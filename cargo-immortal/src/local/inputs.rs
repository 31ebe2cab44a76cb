//! The files that the flags name, read before anything is built.

use std::{io::Read, path::Path};

use bytes::Bytes;
use serde_json::value::RawValue;

use super::{LocalArgs, source_message::SourceMessage};
use crate::{failure::CommandError, value::ObjectPut};

/// What Windows' editors put before UTF-8. Lambda gets the event without it: JSON has none.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// What the files hold.
#[derive(Debug)]
pub(crate) struct LocalInputs {
    pub(crate) trigger: LocalTrigger,
    /// What lies in S3 before.
    pub(crate) objects: Vec<(ObjectPut, Bytes)>,
}

/// How the event comes to the function.
#[derive(Debug)]
pub(crate) enum LocalTrigger {
    /// By an asynchronous invocation, as the file has it.
    Invocation(Bytes),
    /// As a message of a queue.
    Queue(SourceMessage),
}

impl LocalInputs {
    pub(crate) fn read(args: &LocalArgs) -> Result<Self, CommandError> {
        let (name, file) = if args.event == Path::new("-") {
            ("the event on standard input".to_owned(), read_stdin()?)
        } else {
            (format!("the event {}", args.event.display()), read("the event", &args.event)?)
        };
        let trigger = trigger(file, args.sqs).map_err(|problem| CommandError::WrongUse(format!("{name} {problem}")))?;
        let object = |put: &ObjectPut| Ok((put.clone(), read("the object", &put.file)?));
        let objects = args.put.iter().map(object).collect::<Result<_, CommandError>>()?;
        Ok(Self { trigger, objects })
    }
}

fn read(what: &str, file: &Path) -> Result<Bytes, CommandError> {
    match std::fs::read(file) {
        Ok(bytes) => Ok(bytes.into()),
        Err(error) => Err(CommandError::WrongUse(format!("{what} {} can't be read: {error}", file.display()))),
    }
}

fn read_stdin() -> Result<Bytes, CommandError> {
    let mut bytes = Vec::new();
    match std::io::stdin().lock().read_to_end(&mut bytes) {
        Ok(_) => Ok(bytes.into()),
        Err(error) => Err(CommandError::WrongUse(format!("the event can't be read from standard input: {error}"))),
    }
}

fn trigger(file: Bytes, sqs: bool) -> Result<LocalTrigger, String> {
    let text = text(file)?;
    if sqs {
        SourceMessage::from_event(&text).map(LocalTrigger::Queue)
    } else {
        event(text).map(LocalTrigger::Invocation)
    }
}

/// The text that a file holds, or what is wrong with the file.
fn text(file: Bytes) -> Result<Bytes, String> {
    if let Some(encoding) = wide_encoding(&file) {
        return Err(format!("is in {encoding}, and Lambda takes UTF-8: save it as UTF-8"));
    }
    Ok(if file.starts_with(BYTE_ORDER_MARK) { file.slice(BYTE_ORDER_MARK.len()..) } else { file })
}

/// The event that a text is, or what is wrong with it.
fn event(event: Bytes) -> Result<Bytes, String> {
    match serde_json::from_slice::<&RawValue>(&event) {
        Ok(_) => Ok(event),
        Err(error) => Err(format!("is not valid JSON: {error}")),
    }
}

/// UTF-16 or UTF-32, by its byte order mark, or by where the zeros are: JSON begins with an ASCII character.
///
/// Source: <https://www.rfc-editor.org/rfc/rfc4627#section-3>.
fn wide_encoding(file: &[u8]) -> Option<&'static str> {
    match file {
        [0xff, 0xfe, 0, 0, ..] | [0, 0, 0xfe, 0xff, ..] | [1..=255, 0, 0, 0, ..] | [0, 0, 0, 1..=255, ..] => {
            Some("UTF-32")
        }
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] | [1..=255, 0, ..] | [0, 1..=255, ..] => Some("UTF-16"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVENT: &str = r#"{"name":"Åda 😀"}"#;

    fn utf_16(mark: bool, bytes: impl Fn(u16) -> [u8; 2]) -> Vec<u8> {
        let mark = mark.then_some(0xfeff);
        mark.into_iter().chain(EVENT.encode_utf16()).flat_map(bytes).collect()
    }

    fn utf_32(mark: bool, bytes: impl Fn(u32) -> [u8; 4]) -> Vec<u8> {
        let mark = mark.then_some(0xfeff);
        mark.into_iter().chain(EVENT.chars().map(u32::from)).flat_map(bytes).collect()
    }

    #[test]
    fn a_byte_order_mark_is_no_part_of_the_event() {
        let with_mark = [BYTE_ORDER_MARK, EVENT.as_bytes()].concat();
        for file in [with_mark, EVENT.into()] {
            assert_eq!(text(file.into()).and_then(event).expect("an event"), EVENT);
        }
    }

    #[test]
    fn another_encoding_is_refused_by_its_name() {
        for mark in [true, false] {
            let table = [
                (utf_16(mark, u16::to_le_bytes), "UTF-16"),
                (utf_16(mark, u16::to_be_bytes), "UTF-16"),
                (utf_32(mark, u32::to_le_bytes), "UTF-32"),
                (utf_32(mark, u32::to_be_bytes), "UTF-32"),
            ];
            for (file, encoding) in table {
                let problem = text(file.clone().into()).expect_err("it is not in UTF-8");
                assert!(problem.contains(&format!("is in {encoding},")), "{file:x?}: {problem}");
            }
        }
    }

    #[test]
    fn what_is_not_json_says_where() {
        for file in ["", "{", "\u{feff}", "name=Ada", "1 2"] {
            let problem = text(file.to_owned().into()).and_then(event).expect_err("it is not JSON");
            assert!(problem.starts_with("is not valid JSON: "), "{file:?}: {problem}");
        }
    }
}
