//! What follows when a task stops: nothing, the next attempt, or the end.

use std::time::Duration;

use super::task::Task;
use crate::{manifest::Manifest, order::Order};

/// At most so many interruptions, then an event is given up: something else than bad luck is wrong.
pub const MOST_INTERRUPTIONS: u32 = 20;

/// After so many interruptions Spot is left for `FARGATE`.
const SPOT_INTERRUPTIONS: u32 = 2;

/// What follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// Nothing: it is done, or was ended on purpose.
    Done(&'static str),
    /// Another task.
    Attempt(Attempt),
    /// The event is given up.
    GivenUp(String),
}

/// Another task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// Its number.
    pub attempt: u32,
    /// How many attempts before it were interrupted.
    pub interruptions: u32,
    /// Whether Spot had no room for the last one.
    pub spot_is_full: bool,
    /// Whether the last one failed to start: then there is a pause first.
    pub failed_start: bool,
}

/// Decides by exit code, then by `stopCode`.
#[must_use]
pub fn decide(task: &Task, container: &str, order: &Order, manifest: &Manifest, redriven: bool) -> Next {
    let exit = task.exit_code(container);
    let code = task.stop_code.as_deref().unwrap_or_default();
    match (exit, code) {
        (Some(0), _) => return Next::Done("the handler succeeded"),
        (_, "UserInitiated" | "ServiceSchedulerInitiated") => return Next::Done("the task was stopped on purpose"),
        (Some(2), _) if !redriven => {
            return given_up(task, exit, order, "the runner refused it for good; its log says why");
        }
        (Some(124), _) if !redriven => return given_up(task, exit, order, "it ran as long as `limit` allows"),
        _ => {}
    }
    let interrupted =
        matches!(code, "TaskFailedToStart" | "SpotInterruption" | "TerminationNotice" | "InfrastructureHealth")
            && !matches!(exit, Some(2 | 124));
    let interruptions = order.interruptions.saturating_add(u32::from(interrupted));
    if !redriven {
        let counted = order.attempt.saturating_sub(order.interruptions);
        if interrupted && interruptions > MOST_INTERRUPTIONS {
            return given_up(task, exit, order, &format!("it was interrupted {interruptions} times"));
        }
        if !interrupted && counted >= manifest.attempts {
            let why = format!("that was the last of {} attempts, interruptions not counted", manifest.attempts);
            return given_up(task, exit, order, &why);
        }
    }
    let reason = task.stopped_reason.as_deref().unwrap_or_default().to_ascii_lowercase();
    let failed_start = code == "TaskFailedToStart";
    Next::Attempt(Attempt {
        attempt: order.attempt.saturating_add(1),
        interruptions,
        spot_is_full: failed_start && reason.contains("capacity"),
        failed_start,
    })
}

/// Whether a task goes to Spot.
#[must_use]
pub fn on_spot(manifest: &Manifest, interruptions: u32, spot_is_full: bool) -> bool {
    manifest.spot && interruptions < SPOT_INTERRUPTIONS && !spot_is_full
}

/// How long to wait before a task that failed to start is tried again: never at once, longer from time to time, and
/// not the same for all of them. `random` is from 0 to 1.
#[must_use]
pub fn pause(interruptions: u32, random: f64) -> Duration {
    let longest = Duration::from_secs(1 << interruptions.min(5));
    longest.mul_f64(0.5 + random.clamp(0.0, 1.0) / 2.0)
}

/// An order for the next attempt: the same, with its number.
#[must_use]
pub fn next_order(order: &Order, next: &Attempt) -> Order {
    Order { attempt: next.attempt, interruptions: next.interruptions, ..order.clone() }
}

fn given_up(task: &Task, exit: Option<i64>, order: &Order, why: &str) -> Next {
    let exit = exit.map_or_else(|| "no exit code".to_owned(), |exit| format!("exit code {exit}"));
    let code = task.stop_code.as_deref().unwrap_or("no stop code");
    let reason = task.stopped_reason.as_deref().unwrap_or("no reason given");
    // Only a container's own reason names a kill for memory; the task's is then that an essential container exited.
    let reasons = task.containers.iter().filter_map(|it| Some(format!("; {}: {}", it.name, it.reason.as_deref()?)));
    let reasons: String = reasons.collect();
    Next::GivenUp(format!(
        "gave up on request {} of {}: attempt {} ended with {exit} ({code}, {reason}{reasons}): {why}; task {}; mend it, then \
         redrive the dead-letter queue to the failure queue",
        order.context.aws_request_id, order.context.function_name, order.attempt, task.arn
    ))
}

#[cfg(test)]
mod tests {
    use super::{super::task::Container, *};
    use crate::{context::Context, order::EventForm};

    fn task(exit_code: Option<i64>, stop_code: &str) -> Task {
        Task {
            arn: "arn:task".into(),
            status: "STOPPED".into(),
            stop_code: Some(stop_code.into()).filter(|code: &String| !code.is_empty()),
            containers: vec![
                Container { name: "log".into(), exit_code: Some(0), reason: None },
                Container { name: "runner".into(), exit_code, reason: None },
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
        }
    }

    fn after(exit: Option<i64>, code: &str, attempt: (u32, u32), redriven: bool) -> Result<(u32, u32), &'static str> {
        let manifest = Manifest::new("h", "p", "1");
        match decide(&task(exit, code), "runner", &order(attempt.0, attempt.1), &manifest, redriven) {
            Next::Attempt(next) => Ok((next.attempt, next.interruptions)),
            Next::Done(_) => Err("done"),
            Next::GivenUp(_) => Err("given up"),
        }
    }

    const EXITED: &str = "EssentialContainerExited";

    #[test]
    fn by_exit_code_then_by_stop_code() {
        let table = [
            ((Some(0), EXITED, (1, 0)), Err("done")),
            ((Some(0), "SpotInterruption", (1, 0)), Err("done")),
            ((Some(0), "UserInitiated", (1, 0)), Err("done")),
            ((Some(1), "UserInitiated", (1, 0)), Err("done")),
            ((Some(2), "UserInitiated", (1, 0)), Err("done")),
            ((None, "ServiceSchedulerInitiated", (1, 0)), Err("done")),
            ((Some(1), EXITED, (1, 0)), Ok((2, 0))),
            ((Some(1), EXITED, (2, 0)), Ok((3, 0))),
            ((Some(1), EXITED, (3, 0)), Err("given up")),
            ((Some(1), EXITED, (4, 0)), Err("given up")),
            ((Some(1), EXITED, (4, 2)), Ok((5, 2))),
            ((Some(1), EXITED, (5, 2)), Err("given up")),
            ((Some(75), EXITED, (2, 0)), Ok((3, 0))),
            ((Some(101), EXITED, (2, 0)), Ok((3, 0))),
            ((Some(137), EXITED, (3, 0)), Err("given up")),
            ((Some(143), EXITED, (2, 0)), Ok((3, 0))),
            ((None, EXITED, (2, 0)), Ok((3, 0))),
            ((None, "", (3, 0)), Err("given up")),
            ((Some(2), EXITED, (1, 0)), Err("given up")),
            ((Some(2), "SpotInterruption", (1, 0)), Err("given up")),
            ((Some(124), EXITED, (1, 0)), Err("given up")),
            ((Some(143), "SpotInterruption", (3, 0)), Ok((4, 1))),
            ((Some(1), "TerminationNotice", (5, 2)), Ok((6, 3))),
            ((Some(137), "InfrastructureHealth", (3, 0)), Ok((4, 1))),
            ((None, "TaskFailedToStart", (3, 0)), Ok((4, 1))),
            ((None, "SpotInterruption", (20, 19)), Ok((21, 20))),
            ((None, "SpotInterruption", (21, 20)), Err("given up")),
        ];
        for ((exit, code, attempt), expected) in table {
            assert_eq!(after(exit, code, attempt, false), expected, "{exit:?} {code} {attempt:?}");
        }
    }

    #[test]
    fn a_redrive_runs_again_whatever_was() {
        let table = [
            ((Some(1), EXITED, (3, 0)), Ok((4, 0))),
            ((Some(2), EXITED, (1, 0)), Ok((2, 0))),
            ((Some(2), "SpotInterruption", (1, 0)), Ok((2, 0))),
            ((Some(124), EXITED, (9, 1)), Ok((10, 1))),
            ((None, "TaskFailedToStart", (21, 20)), Ok((22, 21))),
            ((Some(0), EXITED, (3, 0)), Err("done")),
        ];
        for ((exit, code, attempt), expected) in table {
            assert_eq!(after(exit, code, attempt, true), expected, "{exit:?} {code} {attempt:?}");
        }
    }

    #[test]
    fn the_end_says_what_happened() {
        let stopped =
            Task { stopped_reason: Some("Essential container in task exited".into()), ..task(Some(1), EXITED) };
        let Next::GivenUp(text) = decide(&stopped, "runner", &order(3, 0), &Manifest::new("h", "p", "1"), false) else {
            panic!("the third attempt is the last")
        };
        for part in ["r-1", "ingest", "attempt 3", "exit code 1", EXITED, "Essential container", "arn:task", "redrive"]
        {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert_eq!(text.lines().count(), 1);
    }

    #[test]
    fn a_kill_for_memory_is_named() {
        let mut killed = task(Some(137), EXITED);
        killed.containers[1].reason = Some("OutOfMemoryError: Container killed due to memory usage".into());
        let Next::GivenUp(text) = decide(&killed, "runner", &order(3, 0), &Manifest::new("h", "p", "1"), false) else {
            panic!("the third attempt is the last")
        };
        assert!(text.contains("runner: OutOfMemoryError: Container killed due to memory usage)"), "{text}");
    }

    #[test]
    fn spot_is_left_after_two_interruptions_or_without_room() {
        let spot = Manifest { spot: true, ..Manifest::new("h", "p", "1") };
        let table = [(0, false, true), (1, false, true), (2, false, false), (3, false, false), (0, true, false)];
        for (interruptions, full, expected) in table {
            assert_eq!(on_spot(&spot, interruptions, full), expected, "{interruptions} {full}");
        }
        assert!(!on_spot(&Manifest::new("h", "p", "1"), 0, false));
        let full = Task {
            stopped_reason: Some("Capacity is unavailable at this time.".into()),
            ..task(None, "TaskFailedToStart")
        };
        let next = decide(&full, "runner", &order(1, 0), &spot, false);
        assert!(matches!(next, Next::Attempt(Attempt { spot_is_full: true, failed_start: true, .. })), "{next:?}");
    }

    #[test]
    fn a_failed_start_is_never_tried_again_at_once() {
        assert_eq!(pause(0, 0.0), Duration::from_millis(500));
        assert_eq!(pause(1, 1.0), Duration::from_secs(2));
        assert_eq!(pause(30, 1.0), Duration::from_secs(32));
    }

    #[test]
    fn the_next_order_is_the_same_with_its_number() {
        let before = order(1, 0);
        let attempt = Attempt { attempt: 2, interruptions: 1, spot_is_full: false, failed_start: false };
        let after = next_order(&before, &attempt);
        assert_eq!((after.attempt, after.interruptions), (2, 1));
        let same = Order { attempt: 1, interruptions: 0, ..after };
        assert_eq!(same.to_variables(), before.to_variables());
    }
}
