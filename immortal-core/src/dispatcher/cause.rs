//! How an invocation ended, from what Lambda says of it: what `on = killed` decides by.

use crate::{manifest::On, names::HANDED_OVER};

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
}

impl Cause {
    /// Whether the manifest gives a failure of this cause another life.
    #[must_use]
    pub fn is_for(self, on: On) -> bool {
        on == On::Any || self != Self::Handler
    }

    /// Reads a message of the primary's `DeadLetterConfig`: it has a text, and no error type.
    #[must_use]
    pub fn of_text(text: &str) -> Self {
        by_text(text)
            .or_else(|| TYPES.iter().find(|(sign, _)| text.contains(sign)).map(|(_, cause)| *cause))
            .unwrap_or(Self::Handler)
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
        let Some(error_type) = error_type.filter(|error_type| !error_type.is_empty()) else {
            return Self::of_text(message);
        };
        match TYPES.iter().find(|(sign, _)| *sign == error_type) {
            Some((_, cause)) => *cause,
            None if is_handed_over(message) => Self::Time,
            None if message.starts_with(PANICKED) => Self::Crash,
            None => Self::Handler,
        }
    }
}

const TYPES: [(&str, Cause); 4] = [
    (HANDED_OVER, Cause::Time),
    ("Sandbox.Timedout", Cause::Time),
    ("Runtime.OutOfMemory", Cause::Memory),
    ("Runtime.ExitError", Cause::Crash),
];

/// How `lambda_runtime` begins the message of a panic.
const PANICKED: &str = "Lambda panicked";

fn is_handed_over(text: &str) -> bool {
    text.strip_prefix(HANDED_OVER).is_some_and(|rest| rest.starts_with(':'))
}

fn by_text(text: &str) -> Option<Cause> {
    if is_handed_over(text) || timed_out(text) {
        return Some(Cause::Time);
    }
    if text.contains("signal: killed") {
        return Some(Cause::Memory);
    }
    let crashes = ["Runtime exited", "Process exited before completing request", PANICKED];
    crashes.iter().any(|sign| text.contains(sign)).then_some(Cause::Crash)
}

/// `Task timed out after 900.00 seconds`, anywhere: what stands before it differs from one time of Lambda to the next.
fn timed_out(text: &str) -> bool {
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
            ("no such table", Cause::Handler),
            ("not Immortal.HandedOver", Cause::Time),
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
            ("RetriesExhausted", true, Some("Runtime.ExitError"), "signal: killed", Cause::Crash),
            ("RetriesExhausted", true, Some(any), "Lambda panicked: x", Cause::Crash),
            ("RetriesExhausted", true, Some("MyError"), "Immortal.HandedOver: x", Cause::Time),
            ("RetriesExhausted", true, Some("MyError"), "upstream: Task timed out after 3 seconds", Cause::Handler),
            ("RetriesExhausted", true, Some("Runtime.Unknown"), "", Cause::Handler),
            ("RetriesExhausted", true, None, "RequestId: 1 Process exited before completing request", Cause::Crash),
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
    }
}
