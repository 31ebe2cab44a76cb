//! Why an invocation failed, according to Lambda's record; `on = killed` decides by it.

use crate::{
    manifest::DispatchOn,
    names::{HANDED_OVER, STOPPED, SUPERSEDED, UNREADABLE_EVENT},
};

/// What ended an invocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FailureCause {
    /// A timeout: Lambda killed it, or it handed over shortly before.
    Time,
    /// It ran out of memory.
    Memory,
    /// Its process ended, or the handler panicked.
    Crash,
    /// It never ran: the event grew too old, or there was no room for it.
    NeverRan,
    /// The handler returned an error.
    Handler,
    /// The event can't be deserialized as the handler's type, in any attempt.
    UnreadableEvent,
    /// Another attempt has replaced it, and has the event.
    Superseded,
    /// It was given up once, and a person redrove it.
    Redriven,
}

impl FailureCause {
    /// Whether the manifest gives a failure of this cause another attempt.
    #[must_use]
    pub(crate) fn is_for(self, on: DispatchOn) -> bool {
        match self {
            Self::Handler => on == DispatchOn::Any,
            Self::UnreadableEvent | Self::Superseded => false,
            Self::Time | Self::Memory | Self::Crash | Self::NeverRan | Self::Redriven => true,
        }
    }

    /// Reads a message of the primary's `DeadLetterConfig`: it has a text, and no error type.
    ///
    /// What the primary writes itself begins the text; what Lambda writes stands anywhere in it, after a request id or
    /// a time that differ from one age of Lambda to the next.
    #[must_use]
    pub(crate) fn from_text(text: &str) -> Self {
        if begins_with(text, UNREADABLE_EVENT) {
            return Self::UnreadableEvent;
        }
        if begins_with(text, SUPERSEDED) {
            return Self::Superseded;
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
    pub(crate) fn from_record(condition: &str, ran: bool, error_type: Option<&str>, message: &str) -> Self {
        if condition == "EventAgeExceeded" || !ran {
            return Self::NeverRan;
        }
        match error_type.unwrap_or_default() {
            "" => Self::from_text(message),
            HANDED_OVER | STOPPED => Self::Time,
            UNREADABLE_EVENT => Self::UnreadableEvent,
            SUPERSEDED => Self::Superseded,
            "Runtime.ExitError" if message.contains(KILLED) => Self::Memory,
            panic if panic.contains(PANIC_TYPE) => Self::from_text(message),
            other => LAMBDA_TYPES.iter().find(|(name, _)| *name == other).map_or(Self::Handler, |(_, cause)| *cause),
        }
    }
}

/// Lambda's own error types for an invocation that it ended, or that ended without an answer. Its other types
/// (`Runtime.ImportModuleError`, `Runtime.InvalidEntrypoint`, `Function.ResponseSizeTooLarge`, …) tell of the function
/// as it was deployed or of what it answered, and count as the handler's error.
const LAMBDA_TYPES: [(&str, FailureCause); 5] = [
    ("Sandbox.Timedout", FailureCause::Time),
    ("Runtime.OutOfMemory", FailureCause::Memory),
    ("Runtime.ExitError", FailureCause::Crash),
    ("Extension.Crash", FailureCause::Crash),
    ("Sandbox.Failure", FailureCause::Crash),
];

/// The same causes in messages.
const PHRASES: [(&str, FailureCause); 4] = [
    (KILLED, FailureCause::Memory),
    ("Runtime exited", FailureCause::Crash),
    ("Process exited before completing request", FailureCause::Crash),
    ("Lambda panicked", FailureCause::Crash),
];

/// How Lambda reports a process that the kernel killed, which it does for memory.
const KILLED: &str = "signal: killed";

/// A part of what `lambda_runtime` reports as the error type of every panic: the name of `Box<dyn Any + Send>`.
const PANIC_TYPE: &str = "any::Any";

/// Whether a text is that of a primary that gave the event up itself.
pub(super) fn is_handed_over(text: &str) -> bool {
    begins_with(text, HANDED_OVER) || begins_with(text, STOPPED)
}

/// Whether a text is the message of one of immortal's error types.
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
            ("Immortal.HandedOver: gave up 10 s before the deadline {\"awsRequestId\":\"r\"}", FailureCause::Time),
            ("Immortal.HandedOver: cu", FailureCause::Time),
            ("Immortal.Stopped: saved 3 of 5 parts", FailureCause::Time),
            ("RequestId: 1-2 Error: Task timed out after 900.00 seconds", FailureCause::Time),
            ("2020-11-10T05:46:57.874Z 1-2 Task timed out after 3.07 seconds\n\n", FailureCause::Time),
            ("2024-02-12T10:45:49.661Z  Task timed out after 30.01 seconds", FailureCause::Time),
            ("Task timed out after 3 seconds", FailureCause::Time),
            ("Task timed out after lunch", FailureCause::Handler),
            ("Task timed out after  seconds", FailureCause::Handler),
            ("Task timed out after 3 tries", FailureCause::Handler),
            ("RequestId: 1-2 Error: Runtime exited with error: signal: killed", FailureCause::Memory),
            ("Runtime.OutOfMemory", FailureCause::Memory),
            ("RequestId: 1-2 Error: Runtime exited with error: exit status 101", FailureCause::Crash),
            ("RequestId: 1-2 Error: Runtime exited without providing a reason", FailureCause::Crash),
            ("Runtime.ExitError", FailureCause::Crash),
            ("RequestId: 1-2 Process exited before completing request", FailureCause::Crash),
            ("Lambda panicked: index out of bounds", FailureCause::Crash),
            ("RequestId: 1-2 Error: Extension.Crash", FailureCause::Crash),
            ("RequestId: 1-2 Error: Sandbox.Failure", FailureCause::Crash),
            ("no such table", FailureCause::Handler),
            ("Immortal.UnreadableEvent: the event can't be read as `Export`", FailureCause::UnreadableEvent),
            ("upstream: Immortal.UnreadableEvent: no", FailureCause::Handler),
            ("Immortal.Superseded: attempt 2 has the event", FailureCause::Superseded),
            ("downstream said: Immortal.HandedOver: x", FailureCause::Handler),
            ("downstream said: Immortal.Stopped: x", FailureCause::Handler),
            ("Immortal.HandedOver", FailureCause::Handler),
            ("Immortal.HandedOverTwice: x", FailureCause::Handler),
            ("", FailureCause::Handler),
        ];
        for (text, expected) in table {
            assert_eq!(FailureCause::from_text(text), expected, "{text}");
        }
    }

    #[test]
    fn a_record_says_how_it_ended() {
        let any = "&alloc::boxed::Box<dyn core::any::Any + core::marker::Send>";
        let table = [
            ("RetriesExhausted", true, Some("Immortal.HandedOver"), "", FailureCause::Time),
            (
                "RetriesExhausted",
                true,
                Some("Sandbox.Timedout"),
                "RequestId: 1 Error: Task timed out",
                FailureCause::Time,
            ),
            ("RetriesExhausted", true, Some("Runtime.OutOfMemory"), "", FailureCause::Memory),
            ("RetriesExhausted", true, Some("Immortal.Stopped"), "saved 3 of 5 parts", FailureCause::Time),
            ("RetriesExhausted", true, Some("Runtime.ExitError"), "exit status 1", FailureCause::Crash),
            ("RetriesExhausted", true, Some("Runtime.ExitError"), "signal: killed", FailureCause::Memory),
            ("RetriesExhausted", true, Some("Extension.Crash"), "", FailureCause::Crash),
            ("RetriesExhausted", true, Some("Sandbox.Failure"), "", FailureCause::Crash),
            ("RetriesExhausted", true, Some(any), "Lambda panicked: x", FailureCause::Crash),
            ("RetriesExhausted", true, Some("MyError"), "Immortal.HandedOver: x", FailureCause::Handler),
            ("RetriesExhausted", true, Some("MyError"), "Lambda panicked: x", FailureCause::Handler),
            ("RetriesExhausted", true, Some("MyError"), "Runtime.ExitError", FailureCause::Handler),
            ("RetriesExhausted", true, Some("Runtime.ImportModuleError"), "no module app", FailureCause::Handler),
            ("RetriesExhausted", true, Some("Runtime.InvalidEntrypoint"), "no such file", FailureCause::Handler),
            ("RetriesExhausted", true, Some("Function.ResponseSizeTooLarge"), "6 MB", FailureCause::Handler),
            (
                "RetriesExhausted",
                true,
                Some("MyError"),
                "upstream: Task timed out after 3 seconds",
                FailureCause::Handler,
            ),
            ("RetriesExhausted", true, Some("Immortal.UnreadableEvent"), "", FailureCause::UnreadableEvent),
            ("RetriesExhausted", true, Some("Immortal.Superseded"), "", FailureCause::Superseded),
            ("RetriesExhausted", true, Some("Runtime.Unknown"), "", FailureCause::Handler),
            (
                "RetriesExhausted",
                true,
                None,
                "RequestId: 1 Process exited before completing request",
                FailureCause::Crash,
            ),
            ("RetriesExhausted", true, Some(""), "Immortal.HandedOver: x", FailureCause::Time),
            ("RetriesExhausted", true, None, "no such table", FailureCause::Handler),
            ("RetriesExhausted", false, Some("MyError"), "", FailureCause::NeverRan),
            ("EventAgeExceeded", true, Some("MyError"), "", FailureCause::NeverRan),
        ];
        for (condition, ran, error_type, message, expected) in table {
            assert_eq!(
                FailureCause::from_record(condition, ran, error_type, message),
                expected,
                "{error_type:?} {message}"
            );
        }
    }

    #[test]
    fn on_killed_leaves_out_the_handlers_own_errors_only() {
        for cause in [FailureCause::Time, FailureCause::Memory, FailureCause::Crash, FailureCause::NeverRan] {
            assert!(cause.is_for(DispatchOn::Killed) && cause.is_for(DispatchOn::Any), "{cause:?}");
        }
        assert!(FailureCause::Handler.is_for(DispatchOn::Any));
        assert!(!FailureCause::Handler.is_for(DispatchOn::Killed));
        assert!(!FailureCause::UnreadableEvent.is_for(DispatchOn::Any), "no attempt would read it better");
        assert!(FailureCause::Redriven.is_for(DispatchOn::Killed), "a person asked for it");
    }
}
