//! The tables of what follows from an end: of an invocation in Lambda, and of a task.

use std::time::Duration;

use immortal_emulator::{Fault, FaultKind, FaultedCalls, StopCode};
use serde_json::json;

use crate::chain::{DEAD_LETTERS, ENDS, Error, FAILURES, Setup};

fn setup(primary: &'static str) -> Setup {
    let setup = Setup::of(primary);
    Setup {
        task: Some(ENDS),
        options: immortal_emulator::EmulatorOptions { run_task_rate: None, ..setup.options },
        ..setup
    }
}

/// What Lambda writes into a `DeadLetterConfig`, and whether Lambda ended that invocation.
const TEXTS: [(&str, bool); 14] = [
    ("Immortal.HandedOver: the deadline was near {\"awsRequestId\":\"cut", true),
    ("2026-01-01T00:00:00.000Z 1-2 Task timed out after 3.07 seconds", true),
    ("RequestId: 1-2 Error: Task timed out after 900.00 seconds", true),
    ("RequestId: 1-2 Error: Runtime exited with error: signal: killed", true),
    ("RequestId: 1-2 Error: Runtime exited with error: exit status 101", true),
    ("RequestId: 1-2 Error: Runtime exited without providing a reason", true),
    ("RequestId: 1-2 Process exited before completing request", true),
    ("Lambda panicked: index out of bounds", true),
    ("Runtime.OutOfMemory", true),
    ("Immortal.Stopped: saved 3 of 5 parts", true),
    ("RequestId: 1-2 Error: Extension.Crash", true),
    ("downstream said: Immortal.HandedOver: x", false),
    ("no such table", false),
    ("the upstream's Task timed out after lunch", false),
];

/// The same in a destination record: condition, error type and message where it ran.
const RECORDS: [(&str, Option<Error<'_>>, bool); 15] = [
    ("RetriesExhausted", Some((Some("Immortal.HandedOver"), "Immortal.HandedOver: x")), true),
    (
        "RetriesExhausted",
        Some((Some("Sandbox.Timedout"), "RequestId: 1 Error: Task timed out after 3.00 seconds")),
        true,
    ),
    ("RetriesExhausted", Some((Some("Runtime.OutOfMemory"), "RequestId: 1 Error: Runtime exited")), true),
    ("RetriesExhausted", Some((Some("Runtime.ExitError"), "Runtime exited with error: signal: killed")), true),
    ("RetriesExhausted", Some((Some("Runtime.ExitError"), "Runtime exited with error: exit status 1")), true),
    (
        "RetriesExhausted",
        Some((Some("&alloc::boxed::Box<dyn core::any::Any + core::marker::Send>"), "Lambda panicked: x")),
        true,
    ),
    ("RetriesExhausted", Some((Some("Immortal.Stopped"), "saved 3 of 5 parts")), true),
    ("RetriesExhausted", Some((Some("Sandbox.Failure"), "")), true),
    ("RetriesExhausted", Some((Some("Function.ResponseSizeTooLarge"), "6 MB")), false),
    ("RetriesExhausted", Some((Some("MyError"), "Immortal.HandedOver: x")), false),
    ("RetriesExhausted", Some((None, "RequestId: 1 Process exited before completing request")), true),
    ("EventAgeExceeded", Some((Some("MyError"), "no such table")), true),
    ("RetriesExhausted", None, true),
    ("RetriesExhausted", Some((Some("MyError"), "no such table")), false),
    ("RetriesExhausted", Some((Some("MyError"), "upstream: Task timed out after 3 seconds")), false),
];

/// With `on = any` each way to end is followed by a task; with `on = killed` those that the handler itself chose
/// aren't.
#[tokio::test]
async fn how_an_invocation_ended_decides_whether_it_lives_on() {
    for (primary, on_any) in [("killed", true), ("killed_only", false)] {
        let chain = setup(primary).start_unmapped().await;
        let mut rows = Vec::new();
        for (number, (text, killed)) in TEXTS.into_iter().enumerate() {
            let request = format!("text-{number}");
            chain.fail(&request, r#"{"ends":"0"}"#, text);
            rows.push((request, text.to_owned(), killed));
        }
        for (number, (condition, error, killed)) in RECORDS.into_iter().enumerate() {
            let request = format!("record-{number}");
            let record = chain.record(&request, r#"{"ends":"0"}"#, condition, error);
            chain.emulator.send_message(FAILURES, record, [].into()).expect("the queue exists");
            rows.push((request, format!("{condition} {error:?}"), killed));
        }
        chain.map();
        chain.wait_until_idle().await;
        for (request, sign, killed) in rows {
            let lives_on = killed || on_any;
            assert_eq!(chain.tasks(&request), usize::from(lives_on), "{primary}, {sign}\n{}", chain.story_of(&request));
            assert_eq!(chain.is_dead(&request), !lives_on, "{primary}, {sign}");
        }
        chain.emulator.shutdown().await;
    }
}

/// What a task's end is followed by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Then {
    /// Nothing: it is done, or ended on purpose.
    Nothing,
    /// More tasks, to the end of the list.
    More,
    /// The dead-letter queue; what is said there.
    GivenUp(&'static str),
}

fn interrupt(stop_code: StopCode) -> FaultKind {
    FaultKind::Interrupt { after: Duration::from_millis(100), stop_code }
}

#[tokio::test]
async fn how_a_task_ended_decides_what_follows() {
    use StopCode::{
        InfrastructureHealth, ServiceSchedulerInitiated, SpotInterruption, TerminationNotice, UserInitiated,
    };
    use Then::{GivenUp, More, Nothing};
    let interrupted = |stop_code| Some(interrupt(stop_code));
    let failed_start = || Some(FaultKind::FailToStart("CannotPullContainerError: denied"));
    // How its tasks end, what the platform does to the first so many, how many there are, and what follows the last.
    let table: Vec<(&str, Option<FaultKind>, u32, usize, Then)> = vec![
        ("0 9", None, 0, 1, Nothing),
        ("1 0", None, 0, 2, More),
        ("3 0", None, 0, 2, More),
        ("70 0", None, 0, 2, More),
        ("75 0", None, 0, 2, More),
        ("kill 0", None, 0, 2, More),
        ("137 0", None, 0, 2, More),
        ("143 0", None, 0, 2, More),
        ("101 0", None, 0, 2, More),
        ("1 75 143 0", None, 0, 3, GivenUp("the last of 3 attempts")),
        ("2 0", None, 0, 1, GivenUp("exit code 2")),
        ("1 2 0", None, 0, 2, GivenUp("exit code 2")),
        ("124 0", None, 0, 1, GivenUp("limit")),
        // Interruptions don't count: three attempts are left.
        ("wait 1 1 0", interrupted(SpotInterruption), 1, 4, More),
        ("wait 1 1 0", interrupted(TerminationNotice), 1, 4, More),
        ("wait 1 1 0", interrupted(InfrastructureHealth), 1, 4, More),
        ("wait 1 1 1 0", interrupted(SpotInterruption), 1, 4, GivenUp("the last of 3 attempts")),
        ("9 1 1 0", failed_start(), 1, 3, More),
        ("wait 0", Some(FaultKind::OutOfMemory { after: Duration::from_millis(100) }), 1, 2, More),
        ("wait 1 1 0", interrupted(ServiceSchedulerInitiated), 1, 4, More),
        // Only success and what can't succeed go before an interruption, and a person is asked before all else.
        ("stop0 9", interrupted(SpotInterruption), 1, 1, Nothing),
        ("stop1 1 1 0", interrupted(SpotInterruption), 1, 4, More),
        ("stop2 0", interrupted(SpotInterruption), 1, 1, GivenUp("exit code 2")),
        ("stop124 0", interrupted(TerminationNotice), 1, 1, GivenUp("limit")),
        ("stop0 9", interrupted(UserInitiated), 1, 1, Nothing),
        ("wait 9", interrupted(UserInitiated), 1, 1, GivenUp("somebody stopped the task")),
        ("stop1 9", interrupted(UserInitiated), 1, 1, GivenUp("somebody stopped the task")),
    ];
    let chain = setup("killed").start_unmapped().await;
    let mut ready_to_stop = Vec::new();
    for (number, (ends, kind, tasks, ..)) in table.iter().enumerate() {
        let request = format!("row-{number}");
        match kind.clone() {
            Some(FaultKind::Interrupt { stop_code, .. }) if ends.starts_with("stop") => {
                ready_to_stop.push((request.clone(), stop_code));
            }
            Some(kind) => {
                chain
                    .emulator
                    .inject_for(&request, Fault { operation: "Task", kind, calls: FaultedCalls::Next(*tasks) });
            }
            None => {}
        }
        chain.fail(&request, &json!({ "ends": ends.trim_end() }).to_string(), "");
    }
    chain.map();
    for (request, stop_code) in ready_to_stop {
        let task = chain.waiting(&request).await;
        chain.emulator.interrupt(&task, stop_code).expect("it runs");
    }
    chain.wait_until_idle().await;
    for (number, (ends, kind, _, tasks, then)) in table.iter().enumerate() {
        let request = format!("row-{number}");
        let row = || format!("{ends} {kind:?}:\n{}", chain.story_of(&request));
        assert_eq!(chain.tasks(&request), *tasks, "{}", row());
        let done = chain.is_done(&request);
        match then {
            More => assert!(done && !chain.is_dead(&request), "{}", row()),
            Nothing => assert!(!chain.is_dead(&request), "{}", row()),
            GivenUp(why) => {
                assert!(!done, "{}", row());
                let said = chain.given_up(&request).await;
                assert!(said.contains(why), "{why}: {said}");
            }
        }
    }
}

/// The wait is in the queue, and it grows: none after the first interruption, then five seconds.
#[tokio::test]
async fn after_a_second_failed_start_the_third_waits() {
    let chain = setup("killed").start_unmapped().await;
    let requests: Vec<_> = (0..4).map(|number| format!("request-{number}")).collect();
    for request in &requests {
        let kind = FaultKind::FailToStart("CannotPullContainerError: failed to resolve reference");
        chain.emulator.inject_for(request, Fault { operation: "Task", kind, calls: FaultedCalls::Next(2) });
        chain.fail(request, r#"{"ends":"9 9 0"}"#, "");
    }
    chain.map();
    chain.wait_until_idle().await;
    for request in &requests {
        let [_, second, third] = chain.ends(request)[..] else { panic!("{}", chain.story_of(request)) };
        assert!(third.abs_diff(second) >= Duration::from_secs(5), "{second:?}, {third:?}");
    }
    assert!(!chain.calls("ChangeMessageVisibility").is_empty(), "it waits in the queue:\n{}", chain.story());
    assert!(chain.emulator.messages(DEAD_LETTERS).is_empty());
}
