//! Each way in which a task may end, and what follows.

use super::*;
use crate::{context::Context, order::EventForm};

fn task(exit_code: Option<i64>, stop_code: &str, reason: &str) -> Task {
    let some = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    Task {
        arn: "arn:task".into(),
        status: "STOPPED".into(),
        stop_code: some(stop_code),
        stopped_reason: some(reason),
        containers: vec![
            TaskContainer { name: "log".into(), exit_code: Some(0), reason: None },
            TaskContainer { name: "runner".into(), exit_code, reason: None },
        ],
        ..Task::default()
    }
}

fn order(attempt: u32, interruptions: u32) -> Order {
    Order {
        event: EventForm::Inline("1".into()),
        context: Context { aws_request_id: "r-1".into(), function_name: "ingest".into(), ..Context::default() },
        handler_path: Some("h".into()),
        attempt,
        interruptions,
        limit: Some(60),
        series: 1,
        source: None,
        failed_at: None,
    }
}

const EXITED: &str = "EssentialContainerExited";
const SPOT: &str = "Your Spot Task was interrupted.";
const MAINTENANCE: &str = "ECS is performing maintenance on the underlying infrastructure hosting the task";
const MANIFEST: Manifest = Manifest::new("h", "p", "1");

fn after(task: &Task, attempt: (u32, u32), manifest: &Manifest) -> Result<(u32, u32), &'static str> {
    match next_step(task, "runner", &order(attempt.0, attempt.1), manifest) {
        NextStep::Attempt(next) => Ok((next.attempt, next.interruptions)),
        NextStep::Done => Err("done"),
        NextStep::Superseded => Err("superseded"),
        NextStep::GiveUp(_) => Err("given up"),
    }
}

#[test]
fn by_exit_code_then_by_stop_code_and_reason() {
    let table = [
        // Success is success, whatever else was said.
        ((Some(0), EXITED, "", (1, 0)), Err("done")),
        ((Some(0), "SpotInterruption", "", (1, 0)), Err("done")),
        ((Some(0), "UserInitiated", "", (1, 0)), Err("done")),
        // Another attempt has the event.
        ((Some(4), EXITED, "", (3, 0)), Err("superseded")),
        ((Some(4), "SpotInterruption", "", (1, 0)), Err("superseded")),
        // What can't succeed.
        ((Some(2), EXITED, "", (1, 0)), Err("given up")),
        ((Some(2), "SpotInterruption", "", (1, 0)), Err("given up")),
        ((Some(124), EXITED, "", (1, 0)), Err("given up")),
        ((Some(124), "TerminationNotice", "", (1, 0)), Err("given up")),
        // A person.
        ((Some(143), "UserInitiated", "Task stopped by user", (1, 0)), Err("given up")),
        ((None, "UserInitiated", "", (1, 0)), Err("given up")),
        ((Some(1), "UserInitiated", "", (1, 0)), Err("given up")),
        // Attempts that count.
        ((Some(1), EXITED, "", (1, 0)), Ok((2, 0))),
        ((Some(1), EXITED, "", (2, 0)), Ok((3, 0))),
        ((Some(1), EXITED, "", (3, 0)), Err("given up")),
        ((Some(1), EXITED, "", (4, 2)), Ok((5, 2))),
        ((Some(1), EXITED, "", (5, 2)), Err("given up")),
        ((Some(3), EXITED, "", (1, 0)), Ok((2, 0))),
        ((Some(3), EXITED, "", (3, 0)), Err("given up")),
        ((Some(70), EXITED, "", (1, 0)), Ok((2, 0))),
        ((Some(75), EXITED, "", (2, 0)), Ok((3, 0))),
        ((Some(137), EXITED, "", (3, 0)), Err("given up")),
        ((Some(143), EXITED, "", (2, 0)), Ok((3, 0))),
        ((None, EXITED, "", (2, 0)), Ok((3, 0))),
        ((None, "", "", (3, 0)), Err("given up")),
        // Interruptions, by code.
        ((Some(143), "SpotInterruption", "", (3, 0)), Ok((4, 1))),
        ((Some(1), "TerminationNotice", "", (5, 2)), Ok((6, 3))),
        ((Some(137), "InfrastructureHealth", "", (3, 0)), Ok((4, 1))),
        ((None, "TaskFailedToStart", "", (3, 0)), Ok((4, 1))),
        ((Some(143), "ServiceSchedulerInitiated", "", (3, 0)), Ok((4, 1))),
        // Interruptions, by AWS's own sentence.
        ((Some(143), "", SPOT, (3, 0)), Ok((4, 1))),
        ((Some(143), "UserInitiated", SPOT, (3, 0)), Ok((4, 1))),
        ((Some(143), EXITED, MAINTENANCE, (3, 0)), Ok((4, 1))),
        ((None, "UserInitiated", MAINTENANCE, (3, 0)), Ok((4, 1))),
        // So many, and no more.
        ((None, "SpotInterruption", "", (20, 19)), Ok((21, 20))),
        ((None, "SpotInterruption", "", (21, 20)), Err("given up")),
    ];
    for ((exit, code, reason, attempt), expected) in table {
        assert_eq!(
            after(&task(exit, code, reason), attempt, &MANIFEST),
            expected,
            "{exit:?} {code} {reason} {attempt:?}"
        );
    }
}

#[test]
fn on_killed_gives_the_handlers_own_error_up_at_once() {
    let killed = Manifest { on: DispatchOn::Killed, ..MANIFEST };
    let table = [
        (Some(1), EXITED, Err("given up")),
        (Some(1), "SpotInterruption", Ok((2, 1))),
        (Some(3), EXITED, Ok((2, 0))),
        (Some(70), EXITED, Ok((2, 0))),
        (Some(137), EXITED, Ok((2, 0))),
    ];
    for (exit, code, expected) in table {
        assert_eq!(after(&task(exit, code, ""), (1, 0), &killed), expected, "{exit:?} {code}");
    }
}

#[test]
fn the_end_says_what_happened() {
    let stopped = task(Some(1), EXITED, "Essential container\nin task exited");
    let NextStep::GiveUp(text) = next_step(&stopped, "runner", &order(3, 0), &MANIFEST) else {
        panic!("the third attempt is the last")
    };
    for part in ["attempt 3", "exit code 1", EXITED, "Essential container", "arn:task", "3 attempts"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert_eq!(text.lines().count(), 1);
}

#[test]
fn a_containers_name_is_no_line_of_its_own() {
    let mut stopped = task(Some(1), EXITED, "");
    let reason = Some("x".to_owned());
    stopped.containers.push(TaskContainer { name: "web\nEND RequestId: forged".into(), exit_code: None, reason });
    let NextStep::GiveUp(text) = next_step(&stopped, "runner", &order(3, 0), &MANIFEST) else {
        panic!("the third attempt is the last")
    };
    assert!(text.contains("web") && !text.contains(char::is_control), "{text:?}");
}

#[test]
fn a_job_begins_on_spot_where_its_function_asks_for_it() {
    assert_eq!([true, false].map(|spot| begins_on_spot(&Manifest { spot, ..MANIFEST })), [true, false]);
}

#[test]
fn spot_is_left_after_two_interruptions_or_without_capacity() {
    let spot = Manifest { spot: true, ..MANIFEST };
    let full = task(None, "TaskFailedToStart", "Capacity is unavailable at this time.");
    let taken = task(Some(143), "SpotInterruption", "");
    let table = [
        (&taken, (1, 0), &spot, true),
        (&taken, (2, 1), &spot, false),
        (&full, (1, 0), &spot, false),
        // Neither code nor reason alone says that there is no capacity.
        (&task(None, "TaskFailedToStart", "CannotPullContainerError"), (1, 0), &spot, true),
        (&task(Some(143), "SpotInterruption", "Spot capacity is needed"), (1, 0), &spot, true),
        (&task(Some(1), EXITED, ""), (1, 0), &spot, true),
        (&taken, (1, 0), &MANIFEST, false),
    ];
    for (task, (attempt, interruptions), manifest, expected) in table {
        let NextStep::Attempt(next) = next_step(task, "runner", &order(attempt, interruptions), manifest) else {
            panic!("{task:?}")
        };
        assert_eq!(next.spot, expected, "{task:?} {attempt}");
    }
}

#[test]
fn the_delay_grows_with_each_interruption_and_only_then() {
    let seconds = [0, 0, 5, 30, 120, 300, 900, 900];
    for (interruptions, seconds) in (0..).zip(seconds) {
        assert_eq!(start_delay(interruptions), Duration::from_secs(seconds), "{interruptions}");
    }
    let delay = |task: &Task| match next_step(task, "runner", &order(9, 8), &MANIFEST) {
        NextStep::Attempt(next) => next.delay.as_secs(),
        other => panic!("{other:?}"),
    };
    assert_eq!((delay(&task(None, "TaskFailedToStart", "")), delay(&task(Some(1), EXITED, ""))), (900, 0));
}

#[test]
fn the_next_order_is_the_same_with_its_number() {
    let before = order(1, 0);
    let next = NextAttempt { attempt: 2, interruptions: 1, delay: Duration::ZERO, spot: false, size: None };
    let after = next_order(&before, &next);
    assert_eq!((after.attempt, after.interruptions), (2, 1));
    let same = Order { attempt: 1, interruptions: 0, ..after };
    assert_eq!(same.to_variables(&same.event), before.to_variables(&before.event));
}

#[test]
fn a_kill_for_memory_is_named() {
    let mut killed = task(Some(137), EXITED, "Essential container in task exited");
    killed.containers[1].reason = Some("OutOfMemoryError: Container killed due to memory usage".into());
    let NextStep::GiveUp(text) = next_step(&killed, "runner", &order(3, 0), &MANIFEST) else {
        panic!("it is the last")
    };
    assert!(text.contains("OutOfMemoryError: Container killed due to memory usage"), "{text}");
    assert!(text.contains("raise `memory`"), "{text}");
}

#[test]
fn a_stop_code_begins_no_line_of_the_log() {
    let NextStep::GiveUp(text) = next_step(&task(Some(1), "A\n\u{7f}B", ""), "runner", &order(3, 0), &MANIFEST) else {
        panic!("it is the last")
    };
    assert!(text.contains(r"A\n\u{7f}B") && !text.contains(char::is_control), "{text}");
}

#[test]
fn the_last_attempt_says_what_to_fix() {
    let growing = MANIFEST.task_size(1024, 2048).memory_max(8192);
    let table = [
        (task(Some(1), EXITED, ""), &growing, "its log says why"),
        (task(Some(137), EXITED, ""), &MANIFEST, "raise `memory`, or let it grow by `memory_max`"),
        (task(Some(137), EXITED, ""), &growing, "raise `memory`, or `memory_max`"),
    ];
    for (task, manifest, fix) in table {
        let NextStep::GiveUp(text) = next_step(&task, "runner", &order(3, 0), manifest) else {
            panic!("{task:?} is the last")
        };
        assert!(text.contains(fix), "{text}");
    }
}

#[test]
fn memory_grows_after_a_kill_for_memory_and_only_then() {
    let manifest = MANIFEST.task_size(1024, 2048).memory_max(8192);
    let small = Some(TaskSize { cpu: 1024, memory: 2048 });
    let grown = Some(TaskSize { cpu: 1024, memory: 4096 });
    let largest = Some(TaskSize { cpu: 1024, memory: 8192 });
    let named = |code| {
        let mut task = task(Some(code), EXITED, "Essential container in task exited");
        task.containers[1].reason = Some("OutOfMemoryError: Container killed due to memory usage".into());
        task
    };
    let table = [
        // What stopped, its size, and the size of what follows.
        (task(Some(137), EXITED, ""), small, grown),
        (named(137), small, grown),
        (named(1), grown, largest),
        (named(137), largest, largest),
        // A task that doesn't say its size had the first one.
        (named(137), None, grown),
        // Any other end leaves it, also after it has grown.
        (task(Some(1), EXITED, ""), small, small),
        (task(Some(139), EXITED, ""), grown, grown),
        (task(Some(137), "SpotInterruption", ""), grown, grown),
        (task(Some(137), EXITED, MAINTENANCE), grown, grown),
        (task(Some(143), EXITED, ""), largest, largest),
        (task(None, "TaskFailedToStart", ""), grown, grown),
        (task(Some(3), EXITED, ""), None, small),
    ];
    let size_after = |task: &Task, manifest: &Manifest| match next_step(task, "runner", &order(1, 0), manifest) {
        NextStep::Attempt(next) => next.size,
        other => panic!("{other:?}"),
    };
    for (stopped, size, expected) in table {
        let stopped = Task { size, ..stopped };
        assert_eq!(size_after(&stopped, &manifest), expected, "{stopped:?}");
        assert_eq!(size_after(&stopped, &MANIFEST), None, "without `memory` the definition has the size");
        let without_growth = MANIFEST.task_size(1024, 2048);
        assert_eq!(size_after(&stopped, &without_growth), size.or(small), "without `memory_max` it stays");
    }
}

#[test]
fn what_the_platform_ended_was_interrupted() {
    let table = [
        (task(Some(143), "SpotInterruption", ""), true),
        (task(None, "TaskFailedToStart", ""), true),
        (task(Some(143), "", SPOT), true),
        (task(Some(143), "UserInitiated", ""), false),
        (task(Some(1), EXITED, ""), false),
    ];
    for (task, expected) in table {
        assert_eq!(is_interrupted(&task), expected, "{task:?}");
    }
}
