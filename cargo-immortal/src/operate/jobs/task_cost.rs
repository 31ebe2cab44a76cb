//! What a task has used of what Fargate is paid by.

use std::time::Duration;

use jiff::Timestamp;

use crate::{aws::DescribedTask, operate::span::between};

/// A task is paid for from the pull of its image to its end, by the second, and for a minute at least.
///
/// Source: <https://aws.amazon.com/fargate/pricing/>.
const LEAST: Duration = Duration::from_mins(1);

/// vCPU-hours and GB-hours until now, or until the task ended. What storage above 20 GB costs is not in it.
pub(super) fn task_cost(task: &DescribedTask, now: Timestamp) -> (f64, f64) {
    let Some(from) = task.pull_started.or(task.started) else { return (0.0, 0.0) };
    let paid = between(from, task.stopped.unwrap_or(now)).max(LEAST);
    let hours = paid.as_secs_f64() / 3_600.0;
    (f64::from(task.cpu) / 1_024.0 * hours, f64::from(task.memory) / 1_024.0 * hours)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Option<Timestamp> {
        Timestamp::from_second(second).ok()
    }

    #[test]
    fn a_task_is_paid_for_from_its_pull_to_its_end() {
        let task = DescribedTask { cpu: 2_048, memory: 8_192, ..DescribedTask::default() };
        let table = [
            (DescribedTask { ..task.clone() }, (0.0, 0.0)),
            (DescribedTask { pull_started: at(0), started: at(60), ..task.clone() }, (4.0, 16.0)),
            (DescribedTask { started: at(3_600), ..task.clone() }, (2.0, 8.0)),
            (DescribedTask { pull_started: at(0), stopped: at(3_600), ..task.clone() }, (2.0, 8.0)),
            (DescribedTask { pull_started: at(0), stopped: at(6), ..task.clone() }, (2.0 / 60.0, 8.0 / 60.0)),
        ];
        for (task, expected) in table {
            let (vcpu, gb) = task_cost(&task, at(7_200).expect("in range"));
            let is_near = |value: f64, expected: f64| (value - expected).abs() < 1e-9;
            assert!(is_near(vcpu, expected.0) && is_near(gb, expected.1), "{vcpu} {gb}, {expected:?}");
        }
    }
}
