//! What is counted of the dispatcher's decisions.

use std::time::Duration;

use super::{failure_cause::FailureCause, unfinished::RecordEnd};
use crate::metrics::Metric;

/// What a record was about, as far as it is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RecordSubject {
    /// An invocation that failed, at this moment in Unix milliseconds where that is known.
    Failure { cause: FailureCause, failed_at: Option<i64> },
    /// A task that stopped.
    StoppedTask { is_interrupted: bool, stopped_at: Option<i64> },
    /// Something that is refused.
    Refused,
}

/// What a decision counts for; nothing for one that changes nothing, such as a record that was delivered again.
pub(super) fn for_decision(subject: RecordSubject, end: RecordEnd, now: i64) -> Vec<Metric> {
    if matches!(end, RecordEnd::Nothing | RecordEnd::StartedBefore) {
        return Vec::new();
    }
    let (counted, since) = match subject {
        RecordSubject::Failure { cause, failed_at } => (vec![failure_metric(cause)], failed_at),
        RecordSubject::StoppedTask { is_interrupted, stopped_at } => {
            (vec![Some("TasksEnded"), is_interrupted.then_some("Interruptions")], stopped_at)
        }
        RecordSubject::Refused => (Vec::new(), None),
    };
    let decision = match end {
        RecordEnd::Started => Some("TasksStarted"),
        RecordEnd::GivenUp => Some("GivenUp"),
        _ => None,
    };
    let mut metrics: Vec<_> = counted.into_iter().chain([decision]).flatten().map(Metric::Count).collect();
    if end == RecordEnd::Started {
        let waited = since.and_then(|since| u64::try_from(now.saturating_sub(since)).ok());
        metrics.extend(waited.map(|waited| Metric::Milliseconds("TimeToTask", waited)));
    }
    metrics
}

/// The age of the oldest record that went back in an invocation; nothing went back: 0.
///
/// SQS's own metric of age leaves out what was received three times:
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html>.
pub(super) fn oldest_returned(age: Duration) -> Metric {
    Metric::Seconds("OldestReturnedRecord", age.as_secs())
}

/// A redrive is no new failure, and an invocation whose place another one took is none either.
fn failure_metric(cause: FailureCause) -> Option<&'static str> {
    Some(match cause {
        FailureCause::Time => "TimeFailures",
        FailureCause::Memory => "MemoryFailures",
        FailureCause::Crash => "CrashFailures",
        FailureCause::NeverRan => "UnknownFailures",
        FailureCause::Handler => "HandlerErrors",
        FailureCause::UnreadableEvent => "UnreadableEvents",
        FailureCause::Redriven => "Redrives",
        FailureCause::Superseded => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_decision_is_counted_once() {
        let now = 10_000;
        let failure = |cause| RecordSubject::Failure { cause, failed_at: Some(8_766) };
        let stop = |is_interrupted| RecordSubject::StoppedTask { is_interrupted, stopped_at: Some(9_000) };
        let unknown = RecordSubject::Failure { cause: FailureCause::NeverRan, failed_at: None };
        let count = Metric::Count;
        let after = |milliseconds| Metric::Milliseconds("TimeToTask", milliseconds);
        for (subject, end, expected) in [
            (
                failure(FailureCause::Time),
                RecordEnd::Started,
                vec![count("TimeFailures"), count("TasksStarted"), after(1234)],
            ),
            (unknown, RecordEnd::Started, vec![count("UnknownFailures"), count("TasksStarted")]),
            (failure(FailureCause::Handler), RecordEnd::GivenUp, vec![count("HandlerErrors"), count("GivenUp")]),
            (failure(FailureCause::Time), RecordEnd::StartedBefore, vec![]),
            (failure(FailureCause::Superseded), RecordEnd::Nothing, vec![]),
            (
                stop(true),
                RecordEnd::Started,
                vec![count("TasksEnded"), count("Interruptions"), count("TasksStarted"), after(1000)],
            ),
            (stop(false), RecordEnd::Started, vec![count("TasksEnded"), count("TasksStarted"), after(1000)]),
            (stop(true), RecordEnd::GivenUp, vec![count("TasksEnded"), count("Interruptions"), count("GivenUp")]),
            (stop(false), RecordEnd::JobEnded, vec![count("TasksEnded")]),
            (stop(false), RecordEnd::StartedBefore, vec![]),
            (stop(false), RecordEnd::Nothing, vec![]),
            (RecordSubject::Refused, RecordEnd::GivenUp, vec![count("GivenUp")]),
        ] {
            assert_eq!(for_decision(subject, end, now), expected, "{subject:?}, {end:?}");
        }
    }

    #[test]
    fn a_clock_that_is_behind_gives_no_time() {
        let subject = RecordSubject::Failure { cause: FailureCause::Memory, failed_at: Some(1_001) };
        let metrics = for_decision(subject, RecordEnd::Started, 1_000);
        assert_eq!(metrics, [Metric::Count("MemoryFailures"), Metric::Count("TasksStarted")]);
    }
}
