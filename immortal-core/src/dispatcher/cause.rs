//! How an invocation ended, from what Lambda says of it: what `on = killed` decides by.

use crate::{
    manifest::On,
    names::{HANDED_OVER, STOPPED, UNREADABLE_EVENT},
};

/// What ended an invocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// Its time was up: Lambda killed it, or it gave the event up itself shortly before.
    Time,
    /// Its memory was used up.
    Memory,
    /// Its process ended, or the handler panicked.
    Crash,
    /// It never ran: the event grew too old, or there was no room for it.
    NeverRan,
    /// The handler returned an error.
    Handler,
    /// The event can't be read as the handler's type: no attempt would read it better.
    UnreadableEvent,
    /// It was given up once, and a person redrove it.
    Redriven,
}

impl Cause {
    /// Whether the manifest gives a failure of this cause another attempt.
    #[must_use]
    pub fn is_for(self, on: On) -> bool {
        match self {
            Self::Handler => on == On::Any,
            Self::UnreadableEvent => false,
            Self::Time | Self::Memory | Self::Crash | Self::NeverRan | Self::Redriven => true,
        }
    }

    /// Reads a message of the primary's `DeadLetterConfig`: it has a text, and no error type.
    ///
    /// What the primary writes itself begins the text; what Lambda writes stands anywhere in it, after a request id or a
    /// time that differ from one age of Lambda to the next.
    #[must_use]
    pub fn of_text(text: &str) -> Self {
        if begins_with(text, UNREADABLE_EVENT) {
            return Self::UnreadableEvent;
        }
        if is_handed_over(text) || has_timed_out(text) {
            return Self::Time;
        }
        let signs = PHRASES.iter().chain(&LAMBDA_TYPES);
        signs.into_iter().find(|(sign, _)| text.contains(sign)).map_or(Self::Handler, |(_, cause)| *cause)
    }

    /// Reads a destination record: its condition, whether it has a response context, and its error's type and message.
    ///
    /// A type decides alone, so that a handler's own error may speak of a time-out; only a panic has no type of its
    /// own, and what Lambda itself writes of a crash may have no type at all.
    #[must_use]
    pub fn of_record(condition: &str, ran: bool, error_type: Option<&str>, message: &str) -> Self {
        if condition == "EventAgeExceeded" || !ran {
            return Self::NeverRan;
        }
        match error_type.unwrap_or_default() {
            "" => Self::of_text(message),
            HANDED_OVER | STOPPED => Self::Time,
            UNREADABLE_EVENT => Self::UnreadableEvent,
            "Runtime.ExitError" if message.contains(KILLED) => Self::Memory,
            panic if panic.contains(PANIC_TYPE) => Self::of_text(message),
            other => LAMBDA_TYPES.iter().find(|(name, _)| *name == other).map_or(Self::Handler, |(_, cause)| *cause),
        }
    }
}

/// Lambda's own error types for an invocation that it ended, or that ended without an answer. Its other types
/// (`Runtime.ImportModuleError`, `Runtime.InvalidEntrypoint`, `Function.ResponseSizeTooLarge`, …) tell of the function
/// as it was deployed or of what it answered, and count as the handler's error.
const LAMBDA_TYPES: [(&str, Cause); 5] = [
    ("Sandbox.Timedout", Cause::Time),
    ("Runtime.OutOfMemory", Cause::Memory),
    ("Runtime.ExitError", Cause::Crash),
    ("Extension.Crash", Cause::Crash),
    ("Sandbox.Failure", Cause::Crash),
];

/// The same in words.
const PHRASES: [(&str, Cause); 4] = [
    (KILLED, Cause::Memory),
    ("Runtime exited", Cause::Crash),
    ("Process exited before completing request", Cause::Crash),
    ("Lambda panicked", Cause::Crash),
];

/// How Lambda reports a process that the kernel killed, which it does for memory.
const KILLED: &str = "signal: killed";

/// A part of what `lambda_runtime` reports as the error type of every panic: the name of `Box<dyn Any + Send>`.
const PANIC_TYPE: &str = "any::Any";

/// Whether a text is that of a primary that gave the event up itself.
pub(super) fn is_handed_over(text: &str) -> bool {
    begins_with(text, HANDED_OVER) || begins_with(text, STOPPED)
}

/// Whether a text is the message of one of our own error types.
fn begins_with(text: &str, error_type: &str) -> bool {
    text.strip_prefix(error_type).is_some_and(|rest| rest.starts_with(':'))
}

/// `Task timed out after 900.00 seconds`, anywhere.
fn has_timed_out(text: &str) -> bool {
    text.split("Task timed out after ").skip(1).any(|rest| {
        let number = rest.bytes().take_while(|byte| byte.is_ascii_digit() || *byte == b'.').count();
        number > 0 && rest.get(number..).is_some_and(|rest| rest.starts_with(" second"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_says_how_it_ended() {
        let table = [
            ("Immortal.HandedOver: gave up 10 s before the deadline {\"awsRequestId\":\"r\"}", Cause::Time),
            ("Immortal.HandedOver: cu", Cause::Time),
            ("Immortal.Stopped: saved 3 of 5 parts", Cause::Time),
            ("RequestId: 1-2 Error: Task timed out after 900.00 seconds", Cause::Time),
            ("2020-11-10T05:46:57.874Z 1-2 Task timed out after 3.07 seconds\n\n", Cause::Time),
            ("2024-02-12T10:45:49.661Z  Task timed out after 30.01 seconds", Cause::Time),
            ("Task timed out after 3 seconds", Cause::Time),
            ("Task timed out after lunch", Cause::Handler),
            ("RequestId: 1-2 Error: Runtime exited with error: signal: killed", Cause::Memory),
            ("Runtime.OutOfMemory", Cause::Memory),
            ("RequestId: 1-2 Error: Runtime exited with error: exit status 101", Cause::Crash),
            ("RequestId: 1-2 Error: Runtime exited without providing a reason", Cause::Crash),
            ("Runtime.ExitError", Cause::Crash),
            ("RequestId: 1-2 Process exited before completing request", Cause::Crash),
            ("Lambda panicked: index out of bounds", Cause::Crash),
            ("RequestId: 1-2 Error: Extension.Crash", Cause::Crash),
            ("RequestId: 1-2 Error: Sandbox.Failure", Cause::Crash),
            ("no such table", Cause::Handler),
            ("Immortal.UnreadableEvent: the event can't be read as `Export`", Cause::UnreadableEvent),
            ("upstream: Immortal.UnreadableEvent: no", Cause::Handler),
            ("downstream said: Immortal.HandedOver: x", Cause::Handler),
            ("downstream said: Immortal.Stopped: x", Cause::Handler),
            ("Immortal.HandedOver", Cause::Handler),
            ("Immortal.HandedOverTwice: x", Cause::Handler),
            ("", Cause::Handler),
        ];
        for (text, expected) in table {
            assert_eq!(Cause::of_text(text), expected, "{text}");
        }
    }

    #[test]
    fn a_record_says_how_it_ended() {
        let any = "&alloc::boxed::Box<dyn core::any::Any + core::marker::Send>";
        let table = [
            ("RetriesExhausted", true, Some("Immortal.HandedOver"), "", Cause::Time),
            ("RetriesExhausted", true, Some("Sandbox.Timedout"), "RequestId: 1 Error: Task timed out", Cause::Time),
            ("RetriesExhausted", true, Some("Runtime.OutOfMemory"), "", Cause::Memory),
            ("RetriesExhausted", true, Some("Immortal.Stopped"), "saved 3 of 5 parts", Cause::Time),
            ("RetriesExhausted", true, Some("Runtime.ExitError"), "exit status 1", Cause::Crash),
            ("RetriesExhausted", true, Some("Runtime.ExitError"), "signal: killed", Cause::Memory),
            ("RetriesExhausted", true, Some("Extension.Crash"), "", Cause::Crash),
            ("RetriesExhausted", true, Some("Sandbox.Failure"), "", Cause::Crash),
            ("RetriesExhausted", true, Some(any), "Lambda panicked: x", Cause::Crash),
            ("RetriesExhausted", true, Some("MyError"), "Immortal.HandedOver: x", Cause::Handler),
            ("RetriesExhausted", true, Some("MyError"), "Lambda panicked: x", Cause::Handler),
            ("RetriesExhausted", true, Some("MyError"), "Runtime.ExitError", Cause::Handler),
            ("RetriesExhausted", true, Some("Runtime.ImportModuleError"), "no module app", Cause::Handler),
            ("RetriesExhausted", true, Some("Runtime.InvalidEntrypoint"), "no such file", Cause::Handler),
            ("RetriesExhausted", true, Some("Function.ResponseSizeTooLarge"), "6 MB", Cause::Handler),
            ("RetriesExhausted", true, Some("MyError"), "upstream: Task timed out after 3 seconds", Cause::Handler),
            ("RetriesExhausted", true, Some("Immortal.UnreadableEvent"), "", Cause::UnreadableEvent),
            ("RetriesExhausted", true, Some("Runtime.Unknown"), "", Cause::Handler),
            ("RetriesExhausted", true, None, "RequestId: 1 Process exited before completing request", Cause::Crash),
            ("RetriesExhausted", true, Some(""), "Immortal.HandedOver: x", Cause::Time),
            ("RetriesExhausted", true, None, "no such table", Cause::Handler),
            ("RetriesExhausted", false, Some("MyError"), "", Cause::NeverRan),
            ("EventAgeExceeded", true, Some("MyError"), "", Cause::NeverRan),
        ];
        for (condition, ran, error_type, message, expected) in table {
            assert_eq!(Cause::of_record(condition, ran, error_type, message), expected, "{error_type:?} {message}");
        }
    }

    #[test]
    fn on_killed_leaves_out_the_handlers_own_errors_only() {
        for cause in [Cause::Time, Cause::Memory, Cause::Crash, Cause::NeverRan] {
            assert!(cause.is_for(On::Killed) && cause.is_for(On::Any), "{cause:?}");
        }
        assert!(Cause::Handler.is_for(On::Any));
        assert!(!Cause::Handler.is_for(On::Killed));
        assert!(!Cause::UnreadableEvent.is_for(On::Any), "no attempt would read it better");
        assert!(Cause::Redriven.is_for(On::Killed), "a person asked for it");
    }
}
