//! What is said last: where it ended, and what to do next. The handler's answer is not in it: that is the command's output.

use std::{fmt::Write, time::Duration};

use immortal_emulator::{ACCOUNT, Message, REGION};

use super::{dead_letter, outcome::JobOutcome, plan::LocalPlan};
use crate::report::{TaskAttempt, handled_summary};

/// The last words. `dead` is what lies in the dead-letter queue.
pub(crate) fn last_words(outcome: &JobOutcome, plan: &LocalPlan, at: Duration, dead: &[Message]) -> String {
    let mut words = format!("\n{}\n", summary(outcome, plan, at));
    if let JobOutcome::GivenUp { tasks, .. } = outcome {
        if let Some(error) = last_error(outcome) {
            let _ = writeln!(words, "{error}");
        }
        words.push_str(&redrive_instructions(plan, *tasks, dead));
    }
    words
}

/// How it ended, in a line.
pub(crate) fn summary(outcome: &JobOutcome, plan: &LocalPlan, at: Duration) -> String {
    let seconds = at.as_secs_f64();
    match outcome {
        JobOutcome::Handled { series, attempt, .. } => {
            handled_summary(TaskAttempt { series: *series, attempt: *attempt }, at)
        }
        JobOutcome::GivenUp { .. } => {
            let queue = &plan.dead_letter_queue;
            format!("given up after {seconds:.1} s: the event is in the dead-letter queue {queue}")
        }
        JobOutcome::Gone => format!("lost after {seconds:.1} s: no queue and no task has the event"),
    }
}

/// How the last attempt of an event ended that was given up.
pub(crate) fn last_error(outcome: &JobOutcome) -> Option<String> {
    match outcome {
        JobOutcome::GivenUp { last_error, .. } => {
            last_error.as_ref().map(|error| format!("the last error, in {error}"))
        }
        JobOutcome::Handled { .. } | JobOutcome::Gone => None,
    }
}

fn redrive_instructions(plan: &LocalPlan, tasks: u32, dead: &[Message]) -> String {
    let mut words = String::new();
    for message in dead {
        let _ = writeln!(words, "  message {}, {} bytes", message.id, message.body.len());
        for part in dead_letter::reason(message).iter().flat_map(|reason| reason.split("; ")) {
            let _ = writeln!(words, "    {part}");
        }
    }
    if let Some(flags) = redrive_flags(plan, tasks) {
        let _ = writeln!(words, "this command's queues are gone now; run it again with {flags} to see the redrive");
    }
    let arn = |queue: &str| format!("arn:aws:sqs:{REGION}:{ACCOUNT}:{queue}");
    let _ = writeln!(
        words,
        "on AWS, this redrives it, which begins a new series of attempts:\n  aws sqs start-message-move-task \
         --source-arn {} --destination-arn {}",
        arn(&plan.dead_letter_queue),
        arn(&plan.failure_queue)
    );
    words
}

/// What shows a redrive that succeeds: as many kills as there were. Where none was asked for, another series would end
/// as this one did.
fn redrive_flags(plan: &LocalPlan, tasks: u32) -> Option<String> {
    let killed = plan.killed(tasks);
    (killed > 0 && plan.redrives == 0).then(|| format!("--kill-attempts {killed} --redrive"))
}

#[cfg(test)]
#[expect(clippy::needless_raw_string_hashes, reason = "as expect-test writes them")]
mod tests {
    use bytes::Bytes;
    use expect_test::{Expect, expect};

    use super::{
        super::{dead_letter::example, plan::tests::plan},
        *,
    };

    fn check(outcome: &JobOutcome, flags: &[&str], dead: &[Message], expected: &Expect) {
        expected.assert_eq(&last_words(outcome, &plan(flags), Duration::from_millis(12_345), dead));
    }

    #[test]
    fn a_success_is_told_by_its_attempt() {
        let handled = |series, attempt| JobOutcome::Handled { series, attempt, answer: Bytes::from_static(b"42\n") };
        check(
            &handled(0, 0),
            &[],
            &[],
            &expect![[r#"

            handled in Lambda, by attempt 0, after 12.3 s
        "#]],
        );
        check(
            &handled(1, 2),
            &["--redrive"],
            &[],
            &expect![[r#"

            handled on Fargate, by attempt 2 of series 1, after 12.3 s
        "#]],
        );
    }

    #[test]
    fn a_dead_letter_is_told_with_its_reason_and_the_way_back() {
        let reason = "gave up on request r-1 of ingest: attempt 3 of task t ended with exit code 137: that was the last of 3 \
                      attempts; its log: group /aws/ecs/ingest, stream task/ingest-runner/t; then redrive it";
        let last_error = Some("attempt 3: no name".to_owned());
        let given_up = JobOutcome::GivenUp { tasks: 3, last_error };
        check(
            &given_up,
            &["--kill-attempts", "9"],
            &[example(reason)],
            &expect![[r#"

                given up after 12.3 s: the event is in the dead-letter queue ingest-dead-letters
                the last error, in attempt 3: no name
                  message m-9, 279 bytes
                    gave up on request r-1 of ingest: attempt 3 of task t ended with exit code 137: that was the last of 3 attempts
                    its log: group /aws/ecs/ingest, stream task/ingest-runner/t
                    then redrive it
                this command's queues are gone now; run it again with --kill-attempts 3 --redrive to see the redrive
                on AWS, this redrives it, which begins a new series of attempts:
                  aws sqs start-message-move-task --source-arn arn:aws:sqs:eu-central-1:123456789012:ingest-dead-letters --destination-arn arn:aws:sqs:eu-central-1:123456789012:ingest-failures
            "#]],
        );
        check(
            &given_up,
            &["--kill-attempts", "9", "--redrive"],
            &[],
            &expect![[r#"

            given up after 12.3 s: the event is in the dead-letter queue ingest-dead-letters
            the last error, in attempt 3: no name
            on AWS, this redrives it, which begins a new series of attempts:
              aws sqs start-message-move-task --source-arn arn:aws:sqs:eu-central-1:123456789012:ingest-dead-letters --destination-arn arn:aws:sqs:eu-central-1:123456789012:ingest-failures
        "#]],
        );
        check(
            &given_up,
            &[],
            &[],
            &expect![[r#"

            given up after 12.3 s: the event is in the dead-letter queue ingest-dead-letters
            the last error, in attempt 3: no name
            on AWS, this redrives it, which begins a new series of attempts:
              aws sqs start-message-move-task --source-arn arn:aws:sqs:eu-central-1:123456789012:ingest-dead-letters --destination-arn arn:aws:sqs:eu-central-1:123456789012:ingest-failures
        "#]],
        );
    }
}
