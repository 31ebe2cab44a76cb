//! Whether a job came to its one end, unchanged and not doubled.

use std::time::Duration;

use crate::{
    deployment::CLOCK_SPEED,
    job_history::{JobHistory, TaskSpan},
};

/// How long ECS knows a token after its task stopped, an hour of the services' clock, by the machine's; a second of it less,
/// since that clock moves in steps: <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/ECS_Idempotency.html>.
const TOKEN_LIFE: Duration = Duration::from_secs(3600 / CLOCK_SPEED as u64 - 1);

/// A dead letter of a job, in the dead-letter queue at the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RestingLetter {
    /// The series that was given up.
    pub(crate) series: u32,
    /// The SHA-256 of its event, in hex; `None` if the object that holds it is gone, as it is once the job has succeeded.
    pub(crate) event: Option<String>,
}

/// How a job ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum JobEnd {
    /// Answered in Lambda.
    InLambda,
    /// By a task.
    OnFargate,
    /// In the dead-letter queue.
    DeadLetter,
}

/// What must not happen to a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Violation {
    /// It is nowhere.
    Lost,
    /// It is done, and the series that did it was given up as well.
    TwoEnds,
    /// Two of its tasks were there at once.
    TwoAtOnce(String, String),
    /// An attempt was started twice within the life of its token.
    StartedTwice { series: u32, attempt: u32 },
    /// A task was created for it after one had succeeded, within the life of that one's token.
    StartedWhenDone(String),
    /// An attempt or a dead letter had another event.
    EventChanged,
}

/// The end of a job, and what there is twice without breaking a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct JobVerdict {
    pub(crate) end: JobEnd,
    /// Copies of a dead letter that was redriven, or of the one that rests.
    pub(crate) twin_letters: usize,
    /// Tasks started for what had its task before, after the life of the token.
    pub(crate) twin_tasks: usize,
}

/// Judges a job by its history and its dead letters; `event` is the SHA-256 of what was sent.
pub(crate) fn judge(job: &JobHistory, letters: &[RestingLetter], event: &str) -> Result<JobVerdict, Violation> {
    if job.seen.iter().chain(letters.iter().filter_map(|letter| letter.event.as_ref())).any(|seen| seen != event) {
        return Err(Violation::EventChanged);
    }
    let twin_tasks = twin_tasks(&job.tasks)?;
    let ended = |end, twin_letters| Ok(JobVerdict { end, twin_letters, twin_tasks });
    let successful = job.tasks.iter().rfind(|task| task.exit_code == Some(0));
    match (job.answered, successful) {
        (0, None) if letters.iter().all(|letter| letter.event.is_none()) => Err(Violation::Lost),
        (0, None) => ended(JobEnd::DeadLetter, letters.len() - 1),
        (_, task) => {
            let series = task.map_or(0, |task| task.series);
            if letters.iter().any(|letter| letter.series >= series) {
                return Err(Violation::TwoEnds);
            }
            ended(if job.answered > 0 { JobEnd::InLambda } else { JobEnd::OnFargate }, letters.len())
        }
    }
}

/// How many tasks came too late to be known as started before.
fn twin_tasks(tasks: &[TaskSpan]) -> Result<usize, Violation> {
    let mut twins = 0;
    for (index, task) in tasks.iter().enumerate() {
        let mut is_twin = false;
        for earlier in &tasks[..index] {
            let Some(since) = earlier.stopped.and_then(|stopped| task.created.checked_sub(stopped)) else {
                return Err(Violation::TwoAtOnce(earlier.arn.clone(), task.arn.clone()));
            };
            let is_same = (earlier.series, earlier.attempt) == (task.series, task.attempt);
            let is_after_success = earlier.exit_code == Some(0);
            if since < TOKEN_LIFE && is_same {
                return Err(Violation::StartedTwice { series: task.series, attempt: task.attempt });
            }
            if since < TOKEN_LIFE && is_after_success {
                return Err(Violation::StartedWhenDone(task.arn.clone()));
            }
            is_twin |= is_same || is_after_success;
        }
        twins += usize::from(is_twin);
    }
    Ok(twins)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const EVENT: &str = "e1";

    fn task(series: u32, attempt: u32, at: u64, exit_code: i32) -> TaskSpan {
        TaskSpan {
            arn: format!("task-{series}-{attempt}-{at}"),
            series,
            attempt,
            created: Duration::from_secs(at),
            stopped: Some(Duration::from_secs(at + 1)),
            exit_code: Some(exit_code),
        }
    }

    fn letter(series: u32) -> RestingLetter {
        RestingLetter { series, event: Some(EVENT.to_owned()) }
    }

    fn judged(tasks: Vec<TaskSpan>, letters: &[RestingLetter]) -> Result<JobVerdict, Violation> {
        judge(&JobHistory { tasks, ..JobHistory::default() }, letters, EVENT)
    }

    fn ended(end: JobEnd, twin_letters: usize) -> JobVerdict {
        JobVerdict { end, twin_letters, twin_tasks: 0 }
    }

    #[test]
    fn a_job_has_one_end() {
        let lambda = JobHistory { answered: 1, ..JobHistory::default() };
        assert_eq!(judge(&lambda, &[], EVENT), Ok(ended(JobEnd::InLambda, 0)));
        assert_eq!(judge(&lambda, &[letter(0)], EVENT), Err(Violation::TwoEnds));
        assert_eq!(judged(vec![], &[]), Err(Violation::Lost));
        assert_eq!(judged(vec![task(0, 1, 0, 1)], &[]), Err(Violation::Lost));
        assert_eq!(judged(vec![task(0, 1, 0, 1), task(0, 2, 5, 0)], &[]), Ok(ended(JobEnd::OnFargate, 0)));
        assert_eq!(judged(vec![task(0, 1, 0, 1)], &[letter(0)]), Ok(ended(JobEnd::DeadLetter, 0)));
        assert_eq!(judged(vec![task(0, 1, 0, 0)], &[letter(0)]), Err(Violation::TwoEnds));
    }

    #[test]
    fn copies_of_a_letter_are_counted_apart() {
        assert_eq!(judged(vec![task(0, 1, 0, 1)], &[letter(0), letter(0)]), Ok(ended(JobEnd::DeadLetter, 1)));
        let redriven = vec![task(0, 1, 0, 1), task(1, 1, 5, 0)];
        assert_eq!(judged(redriven.clone(), &[letter(0)]), Ok(ended(JobEnd::OnFargate, 1)));
        assert_eq!(judged(redriven, &[letter(1)]), Err(Violation::TwoEnds));
    }

    #[test]
    fn a_letter_without_its_event_is_no_end() {
        let empty = RestingLetter { event: None, ..letter(0) };
        assert_eq!(judged(vec![task(0, 1, 0, 1)], std::slice::from_ref(&empty)), Err(Violation::Lost));
        assert_eq!(judged(vec![task(0, 1, 0, 1), task(1, 1, 5, 0)], &[empty]), Ok(ended(JobEnd::OnFargate, 1)));
    }

    #[test]
    fn nothing_is_started_twice_or_beside_another() {
        let twice = vec![task(0, 1, 0, 1), task(0, 1, 5, 0)];
        assert_eq!(judged(twice, &[]), Err(Violation::StartedTwice { series: 0, attempt: 1 }));
        let mut endless = task(0, 1, 0, 1);
        endless.stopped = None;
        for first in [endless, TaskSpan { stopped: Some(Duration::from_secs(6)), ..task(0, 1, 0, 1) }] {
            let arns = (first.arn.clone(), "task-0-2-5".to_owned());
            assert_eq!(judged(vec![first, task(0, 2, 5, 0)], &[]), Err(Violation::TwoAtOnce(arns.0, arns.1)));
        }
        let after = vec![task(0, 1, 0, 0), task(0, 2, 5, 0)];
        assert_eq!(judged(after, &[]), Err(Violation::StartedWhenDone("task-0-2-5".to_owned())));
    }

    #[test]
    fn a_start_after_the_life_of_the_token_is_counted_apart() {
        let late = 2 + TOKEN_LIFE.as_secs();
        let twin = Ok(JobVerdict { end: JobEnd::OnFargate, twin_letters: 0, twin_tasks: 1 });
        assert_eq!(judged(vec![task(0, 1, 0, 1), task(0, 1, late, 0)], &[]), twin);
        assert_eq!(judged(vec![task(0, 1, 0, 0), task(0, 2, late, 1)], &[]), twin);
    }

    #[test]
    fn another_event_is_a_violation_wherever_it_is() {
        let seen = |seen: &str| JobHistory { answered: 1, seen: vec![seen.to_owned()], ..JobHistory::default() };
        assert_eq!(judge(&seen(EVENT), &[], EVENT), Ok(ended(JobEnd::InLambda, 0)));
        assert_eq!(judge(&seen("e2"), &[], EVENT), Err(Violation::EventChanged));
        let changed = RestingLetter { event: Some("e2".to_owned()), ..letter(0) };
        assert_eq!(judged(vec![task(0, 1, 0, 1)], &[changed]), Err(Violation::EventChanged));
    }
}
