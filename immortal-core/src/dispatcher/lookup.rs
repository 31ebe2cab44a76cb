//! Whether a task that `RunTask` names is the answer to a message, or older than it: then the message is a redrive where
//! that task has failed.

use super::{answer::Started, input::Message, task::Task};

/// A task so much older than its message was not started for it, in milliseconds.
const OLDER: i64 = 60_000;

/// What is known of a named task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Age {
    /// It was started for this message, or for a twin of it.
    Fresh,
    /// It was there before.
    Older,
    /// It must be looked up.
    Unknown,
}

/// How old a named task is, against the message that asked for it.
#[must_use]
pub fn age(started: &Started, message: Option<&Message>) -> Age {
    // The other shapes know no redrive.
    let Some(sent) = message.and_then(|message| message.sent) else { return Age::Fresh };
    match started.created {
        None if started.named => Age::Unknown,
        Some(created) if created < sent.saturating_sub(OLDER) => Age::Older,
        None | Some(_) => Age::Fresh,
    }
}

/// What became of an older task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It was started for this message after all.
    Fresh,
    /// It is under way: the event is in hand.
    UnderWay,
    /// The handler succeeded.
    Handled,
    /// It failed: the message is a redrive.
    Failed,
}

/// The fate of a task that was looked up.
#[must_use]
pub fn fate(task: &Task, container: &str, message: &Message) -> Fate {
    let started = Started { arn: task.arn.clone(), created: task.created, named: true };
    if task.created.is_some() && age(&started, Some(message)) == Age::Fresh {
        return Fate::Fresh;
    }
    match (task.is_stopped(), task.exit_code(container)) {
        (false, _) => Fate::UnderWay,
        (true, Some(0)) => Fate::Handled,
        (true, _) => Fate::Failed,
    }
}

#[cfg(test)]
mod tests {
    use super::{super::task::Container, *};

    fn message(sent: Option<i64>) -> Message {
        Message { id: "m-1".into(), sent }
    }

    #[test]
    fn a_minute_makes_a_task_older() {
        let started = |created| Started { arn: "t".into(), created, named: true };
        let table = [
            (Some(1_000_000), Some(1_000_000), Age::Fresh),
            (Some(1_000_000), Some(1_300_000), Age::Fresh),
            (Some(1_000_000), Some(940_000), Age::Fresh),
            (Some(1_000_000), Some(939_999), Age::Older),
            (Some(1_000_000), None, Age::Unknown),
            (None, Some(1), Age::Fresh),
            (None, None, Age::Fresh),
        ];
        for (sent, created, expected) in table {
            assert_eq!(age(&started(created), Some(&message(sent))), expected, "{sent:?} {created:?}");
        }
        assert_eq!(age(&started(Some(1)), None), Age::Fresh, "no queue, no redrive");
        let returned = Started { named: false, ..started(None) };
        assert_eq!(age(&returned, Some(&message(Some(1_000_000)))), Age::Fresh, "nothing says that it is older");
    }

    #[test]
    fn only_a_failed_task_is_run_again() {
        let table = [
            (990_000, "STOPPED", Some(1), Fate::Fresh),
            (1, "PROVISIONING", None, Fate::UnderWay),
            (1, "RUNNING", None, Fate::UnderWay),
            (1, "DEPROVISIONING", Some(1), Fate::UnderWay),
            (1, "STOPPED", Some(0), Fate::Handled),
            (1, "STOPPED", Some(1), Fate::Failed),
            (1, "STOPPED", None, Fate::Failed),
        ];
        for (created, status, exit_code, expected) in table {
            let task = Task {
                status: status.into(),
                created: Some(created),
                containers: vec![Container { name: "runner".into(), exit_code, reason: None }],
                ..Task::default()
            };
            assert_eq!(fate(&task, "runner", &message(Some(1_000_000))), expected, "{created} {status} {exit_code:?}");
        }
    }
}
