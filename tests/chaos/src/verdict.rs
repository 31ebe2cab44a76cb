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
    /// It was answered in Lambda more than once.
    AnsweredTwice,
    /// Two of its tasks were there at once.
    TwoAtOnce(String, String),
    /// An attempt was started twice within the life of its token.
    StartedTwice { series: u32, attempt: u32 },
    /// A task was created for it although it was done: answered in Lambda, or by a task within the life of that one's token.
    StartedWhenDone(String),
    /// An attempt, a dead letter or a result had another event.
    EventChanged,
    /// An attempt succeeded without having had the event.
    EventUnseen,
    /// An attempt had the event more than once.
    EventSeenTwice,
}

/// The end of a job, and what there is twice without breaking a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct JobVerdict {
    pub(crate) end: JobEnd,
    /// Copies of a dead letter that was redriven, or of the one that rests.
    pub(crate) duplicate_letters: usize,
    /// Tasks started for what had its task before, after the life of the token.
    pub(crate) duplicate_tasks: usize,
}

/// Judges a job by its history, its dead letters, and the SHA-256 of the event in each of its results; `event` is that of
/// what was sent.
pub(crate) fn judge(
    job: &JobHistory,
    letters: &[RestingLetter],
    results: &[String],
    event: &str,
) -> Result<JobVerdict, Violation> {
    check_events(job, letters, results, event)?;
    if job.answered > 0 {
        return judge_answered(job, letters);
    }
    let duplicate_tasks = duplicate_tasks(&job.tasks)?;
    let ended = |end, duplicate_letters| Ok(JobVerdict { end, duplicate_letters, duplicate_tasks });
    match job.tasks.iter().rfind(|task| task.exit_code == Some(0)) {
        None if letters.iter().all(|letter| letter.event.is_none()) => Err(Violation::Lost),
        None => ended(JobEnd::DeadLetter, letters.len() - 1),
        Some(task) if letters.iter().any(|letter| letter.series >= task.series) => Err(Violation::TwoEnds),
        Some(_) => ended(JobEnd::OnFargate, letters.len()),
    }
}

/// Lambda sends no record of an invocation that succeeded, and the primary has no retries. So nothing that may be
/// delivered twice is about this job: it has one answer, no task and no dead letter.
fn judge_answered(job: &JobHistory, letters: &[RestingLetter]) -> Result<JobVerdict, Violation> {
    if job.answered > 1 {
        return Err(Violation::AnsweredTwice);
    }
    if let Some(task) = job.tasks.first() {
        return Err(Violation::StartedWhenDone(task.arn.clone()));
    }
    if !letters.is_empty() {
        return Err(Violation::TwoEnds);
    }
    Ok(JobVerdict { end: JobEnd::InLambda, duplicate_letters: 0, duplicate_tasks: 0 })
}

/// Wherever the event is, it has its bytes, and each attempt has it once at most: one that succeeded, once.
fn check_events(job: &JobHistory, letters: &[RestingLetter], results: &[String], event: &str) -> Result<(), Violation> {
    let in_lambda = (job.answered > 0, job.seen_in_lambda.as_slice());
    let on_fargate = job.tasks.iter().map(|task| (task.exit_code == Some(0), task.seen.as_slice()));
    let mut found: Vec<&String> = letters.iter().filter_map(|letter| letter.event.as_ref()).chain(results).collect();
    for (has_succeeded, seen) in std::iter::once(in_lambda).chain(on_fargate) {
        match seen {
            [] if has_succeeded => return Err(Violation::EventUnseen),
            [] | [_] => found.extend(seen),
            _ => return Err(Violation::EventSeenTwice),
        }
    }
    if found.into_iter().any(|found| found != event) { Err(Violation::EventChanged) } else { Ok(()) }
}

/// How many tasks came too late to be known as started before.
fn duplicate_tasks(tasks: &[TaskSpan]) -> Result<usize, Violation> {
    let mut duplicates = 0;
    for (index, task) in tasks.iter().enumerate() {
        let mut is_duplicate = false;
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
            is_duplicate |= is_same || is_after_success;
        }
        duplicates += usize::from(is_duplicate);
    }
    Ok(duplicates)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const EVENT: &str = "e1";

    /// A task that ran for a second. Its handler had the event.
    fn task(series: u32, attempt: u32, at: u64, exit_code: i32) -> TaskSpan {
        TaskSpan {
            arn: format!("task-{series}-{attempt}-{at}"),
            series,
            attempt,
            created: Duration::from_secs(at),
            stopped: Some(Duration::from_secs(at + 1)),
            exit_code: Some(exit_code),
            seen: vec![EVENT.to_owned()],
        }
    }

    fn answered(times: u32, tasks: Vec<TaskSpan>) -> JobHistory {
        JobHistory { answered: times, seen_in_lambda: vec![EVENT.to_owned()], tasks }
    }

    fn letter(series: u32) -> RestingLetter {
        RestingLetter { series, event: Some(EVENT.to_owned()) }
    }

    fn judged(tasks: Vec<TaskSpan>, letters: &[RestingLetter]) -> Result<JobVerdict, Violation> {
        judge(&JobHistory { tasks, ..JobHistory::default() }, letters, &[], EVENT)
    }

    fn ended(end: JobEnd, duplicate_letters: usize) -> JobVerdict {
        JobVerdict { end, duplicate_letters, duplicate_tasks: 0 }
    }

    #[test]
    fn a_job_has_one_end() {
        assert_eq!(judged(vec![], &[]), Err(Violation::Lost));
        assert_eq!(judged(vec![task(0, 1, 0, 1)], &[]), Err(Violation::Lost));
        assert_eq!(judged(vec![task(0, 1, 0, 1), task(0, 2, 5, 0)], &[]), Ok(ended(JobEnd::OnFargate, 0)));
        assert_eq!(judged(vec![task(0, 1, 0, 1)], &[letter(0)]), Ok(ended(JobEnd::DeadLetter, 0)));
        assert_eq!(judged(vec![task(0, 1, 0, 0)], &[letter(0)]), Err(Violation::TwoEnds));
    }

    #[test]
    fn a_job_that_lambda_answered_is_done_and_nothing_else() {
        let started = |task: TaskSpan| Err(Violation::StartedWhenDone(task.arn));
        let table = [
            (1, vec![], vec![], Ok(ended(JobEnd::InLambda, 0))),
            (2, vec![], vec![], Err(Violation::AnsweredTwice)),
            (1, vec![task(0, 1, 0, 0)], vec![], started(task(0, 1, 0, 0))),
            (1, vec![task(0, 1, 0, 1)], vec![], started(task(0, 1, 0, 1))),
            (1, vec![], vec![letter(0)], Err(Violation::TwoEnds)),
        ];
        for (times, tasks, letters, expected) in table {
            let job = answered(times, tasks);
            assert_eq!(judge(&job, &letters, &[], EVENT), expected, "{job:?} {letters:?}");
        }
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
        let duplicate = Ok(JobVerdict { end: JobEnd::OnFargate, duplicate_letters: 0, duplicate_tasks: 1 });
        assert_eq!(judged(vec![task(0, 1, 0, 1), task(0, 1, late, 0)], &[]), duplicate);
        assert_eq!(judged(vec![task(0, 1, 0, 0), task(0, 2, late, 1)], &[]), duplicate);
    }

    #[test]
    fn an_attempt_that_succeeded_had_the_event_once() {
        let saw = |events: &[&str]| events.iter().map(|event| (*event).to_owned()).collect::<Vec<_>>();
        let table = [
            (saw(&[EVENT]), None),
            (saw(&[]), Some(Violation::EventUnseen)),
            (saw(&["e2"]), Some(Violation::EventChanged)),
            (saw(&[EVENT, EVENT]), Some(Violation::EventSeenTwice)),
        ];
        for (seen, expected) in table {
            let lambda = JobHistory { answered: 1, seen_in_lambda: seen.clone(), tasks: vec![] };
            assert_eq!(judge(&lambda, &[], &[], EVENT).err(), expected, "in Lambda: {seen:?}");
            // That the attempt before it had the event is no proof for this one.
            let tasks = vec![task(0, 1, 0, 1), TaskSpan { seen: seen.clone(), ..task(0, 2, 5, 0) }];
            assert_eq!(judged(tasks, &[]).err(), expected, "on Fargate: {seen:?}");
        }
    }

    #[test]
    fn a_failed_attempt_may_have_ended_before_it_had_the_event() {
        let unseen = || TaskSpan { seen: vec![], ..task(0, 1, 0, 70) };
        assert_eq!(judged(vec![unseen(), task(0, 2, 5, 0)], &[]), Ok(ended(JobEnd::OnFargate, 0)));
        let changed = TaskSpan { seen: vec!["e2".to_owned()], ..unseen() };
        assert_eq!(judged(vec![changed, task(0, 2, 5, 0)], &[]), Err(Violation::EventChanged));
    }

    #[test]
    fn dead_letters_and_results_have_the_event() {
        let changed = RestingLetter { event: Some("e2".to_owned()), ..letter(0) };
        assert_eq!(judged(vec![task(0, 1, 0, 1)], &[changed]), Err(Violation::EventChanged));
        for (result, expected) in [(EVENT, None), ("e2", Some(Violation::EventChanged))] {
            let results = [EVENT.to_owned(), result.to_owned()];
            assert_eq!(judge(&answered(1, vec![]), &[], &results, EVENT).err(), expected, "{result}");
        }
    }
}
