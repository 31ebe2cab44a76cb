//! What follows the end of an invocation in Lambda, and the end of a task.

use std::time::Duration;

use immortal_emulator::{Fault, FaultKind, FaultedCalls, StopCode};
use serde_json::json;

use crate::chain::{ChainSetup, DEAD_LETTERS, FAILURES, InvocationError, SCRIPTED_TASK};

fn setup(primary: &'static str) -> ChainSetup {
    let setup = ChainSetup::new(primary);
    ChainSetup {
        task: Some(SCRIPTED_TASK),
        options: immortal_emulator::EmulatorOptions { run_task_rate: None, ..setup.options },
        ..setup
    }
}

/// Error messages in messages of a `DeadLetterConfig`, and whether Lambda ended the invocation.
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

/// The same for destination records: condition, and error type and message if the invocation ran.
const RECORDS: [(&str, Option<InvocationError<'_>>, bool); 15] = [
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

/// With `on = any` a task follows every failure; with `on = killed` only those that the handler did not return itself.
#[tokio::test]
async fn the_end_of_an_invocation_decides_whether_a_task_is_started() {
    for (primary, on_any) in [("killed", true), ("killed_only", false)] {
        let chain = setup(primary).start_unmapped().await;
        let mut rows = Vec::new();
        for (number, (text, killed)) in TEXTS.into_iter().enumerate() {
            let request = format!("text-{number}");
            chain.send_failure(&request, r#"{"ends":"0"}"#, text);
            rows.push((request, text.to_owned(), killed));
        }
        for (number, (condition, error, killed)) in RECORDS.into_iter().enumerate() {
            let request = format!("record-{number}");
            let record = chain.destination_record(&request, r#"{"ends":"0"}"#, condition, error);
            chain.emulator.send_message(FAILURES, record, [].into()).expect("the queue exists");
            rows.push((request, format!("{condition} {error:?}"), killed));
        }
        chain.map_failure_queue();
        chain.wait_until_idle().await;
        for (request, sign, killed) in rows {
            let lives_on = killed || on_any;
            assert_eq!(
                chain.task_count(&request),
                usize::from(lives_on),
                "{primary}, {sign}\n{}",
                chain.journal_text_of(&request)
            );
            assert_eq!(chain.is_dead_letter(&request), !lives_on, "{primary}, {sign}");
        }
        chain.emulator.shutdown().await;
    }
}

/// What follows the end of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum FollowUp {
    /// Nothing: the job is done, or was ended on purpose.
    Nothing,
    /// Further tasks, up to the end of the list.
    More,
    /// A dead letter that contains this text.
    GivenUp(&'static str),
}

fn interrupt(stop_code: StopCode) -> FaultKind {
    FaultKind::Interrupt { after: Duration::from_millis(100), stop_code }
}

#[tokio::test]
async fn the_end_of_a_task_decides_what_follows() {
    use FollowUp::{GivenUp, More, Nothing};
    use StopCode::{
        InfrastructureHealth, ServiceSchedulerInitiated, SpotInterruption, TerminationNotice, UserInitiated,
    };
    let interrupted = |stop_code| Some(interrupt(stop_code));
    let failed_start = || Some(FaultKind::FailToStart("CannotPullContainerError: denied"));
    // How the tasks end; what the platform does, and to how many of them; the number of tasks; what follows the last
    // one.
    let table: Vec<(&str, Option<FaultKind>, u32, usize, FollowUp)> = vec![
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
        // Success and permanent errors take precedence over an interruption; a stop by a person is never retried.
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
        chain.send_failure(&request, &json!({ "ends": ends.trim_end() }).to_string(), "");
    }
    chain.map_failure_queue();
    for (request, stop_code) in ready_to_stop {
        let task = chain.wait_for_waiting_task(&request).await;
        chain.emulator.interrupt(&task, stop_code).expect("it runs");
    }
    chain.wait_until_idle().await;
    for (number, (ends, kind, _, tasks, follow_up)) in table.iter().enumerate() {
        let request = format!("row-{number}");
        let row = || format!("{ends} {kind:?}:\n{}", chain.journal_text_of(&request));
        assert_eq!(chain.task_count(&request), *tasks, "{}", row());
        let done = chain.is_done(&request);
        match follow_up {
            More => assert!(done && !chain.is_dead_letter(&request), "{}", row()),
            Nothing => assert!(!chain.is_dead_letter(&request), "{}", row()),
            GivenUp(why) => {
                assert!(!done, "{}", row());
                let said = chain.wait_for_dead_letter(&request).await;
                assert!(said.contains(why), "{why}: {said}");
            }
        }
    }
}

/// The record waits in the queue, longer each time: not after the first interruption, then five seconds.
#[tokio::test]
async fn after_a_second_failed_start_the_third_is_delayed() {
    let chain = setup("killed").start_unmapped().await;
    let requests: Vec<_> = (0..4).map(|number| format!("request-{number}")).collect();
    for request in &requests {
        let kind = FaultKind::FailToStart("CannotPullContainerError: failed to resolve reference");
        chain.emulator.inject_for(request, Fault { operation: "Task", kind, calls: FaultedCalls::Next(2) });
        chain.send_failure(request, r#"{"ends":"9 9 0"}"#, "");
    }
    chain.map_failure_queue();
    chain.wait_until_idle().await;
    for request in &requests {
        let [_, second, third] = chain.stop_times(request)[..] else { panic!("{}", chain.journal_text_of(request)) };
        assert!(third.abs_diff(second) >= Duration::from_secs(5), "{second:?}, {third:?}");
    }
    assert!(!chain.calls("ChangeMessageVisibility").is_empty(), "it waits in the queue:\n{}", chain.journal_text());
    assert!(chain.emulator.messages(DEAD_LETTERS).is_empty());
}
