//! Interprets AWS's responses: the record is done, the call is repeated, or the record returns to the queue with a
//! reason.

use super::{config::DispatcherConfig, hint};
pub(crate) use crate::aws::{AwsError, RetryReason, ServiceError};
use crate::aws::{error_chain, is_capacity};

/// An entry of `failures` in a response of `RunTask` or `DescribeTasks` with status 200.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct RunTaskFailure {
    /// The ARN of what it is about: for `MISSING`, of what ECS did not find.
    pub(crate) arn: String,
    /// `MISSING`, `RESOURCE:CPU`, or a sentence.
    pub(crate) reason: String,
    /// Details of the reason.
    pub(crate) detail: String,
}

/// A response of `RunTask` with status 200.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct RunTaskOutput {
    /// The ARNs of its tasks: one, or none.
    pub(crate) tasks: Vec<String>,
    /// Its `failures`.
    pub(crate) failures: Vec<RunTaskFailure>,
}

/// What follows from a response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum RunTaskOutcome {
    /// The task with this ARN has the event.
    Started(String),
    /// Repeat the call after a pause.
    Retry(RetryableFailure),
    /// Repeat the call with the event in the next form.
    OverridesTooLong(String),
    /// Back to the queue at once; the text says what to fix.
    BackToQueue(String),
}

/// Why a call is repeated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RetryableFailure {
    /// In words.
    pub(crate) why: String,
    /// What it was.
    pub(crate) kind: RetryReason,
}

/// Interprets the response of `RunTask`.
#[must_use]
pub(crate) fn run_task_outcome(answer: Result<RunTaskOutput, AwsError>, config: &DispatcherConfig) -> RunTaskOutcome {
    match answer {
        Ok(RunTaskOutput { tasks, failures }) => match (tasks.into_iter().next(), failures.first()) {
            // With one task asked for, a task beside a failure is the one that was asked for.
            (Some(task), _) => RunTaskOutcome::Started(task),
            (None, Some(failure)) => failure_outcome(failure, config),
            (None, None) => again(RetryReason::Transient, "RunTask answered with neither a task nor a failure"),
        },
        Err(AwsError::Refused(refused)) if refused.code == "ConflictException" && !refused.resource_ids.is_empty() => {
            RunTaskOutcome::Started(refused.resource_ids.into_iter().next().unwrap_or_default())
        }
        Err(AwsError::Refused(refused)) if is_too_long(&refused) => RunTaskOutcome::OverridesTooLong(refused.message),
        Err(error) => match error.retry_reason() {
            Some(kind) => again(kind, &describe("RunTask", &error)),
            None => RunTaskOutcome::BackToQueue(error_line("RunTask", &error, config)),
        },
    }
}

/// An error in one line, with what to fix.
#[must_use]
pub(crate) fn error_line(call: &str, error: &AwsError, config: &DispatcherConfig) -> String {
    let hint = match error {
        AwsError::Refused(_) if error.retry_reason().is_some() => {
            "this passes by itself; a longer timeout of the dispatcher gives it more tries".to_owned()
        }
        AwsError::Refused(refusal) => hint::for_refusal(call, refusal, config),
        AwsError::Unsent(_) => "check the region and the credentials of the Lambda function".to_owned(),
        AwsError::Unanswered(_) => {
            "check the dispatcher's way there (routes, endpoints, security groups); a longer timeout gives it more tries"
                .to_owned()
        }
    };
    format!("{}; {hint}", describe(call, error))
}

fn describe(call: &str, error: &AwsError) -> String {
    one_line(&format!("{call} was {}", error_chain(error)))
}

fn failure_outcome(failure: &RunTaskFailure, config: &DispatcherConfig) -> RunTaskOutcome {
    let RunTaskFailure { arn, reason, detail } = failure;
    let of = if arn.is_empty() { String::new() } else { format!(" of {arn}") };
    let text = one_line(&format!("RunTask failed with {reason}{of}: {detail}"));
    if reason.starts_with("RESOURCE") || is_capacity(reason) || is_capacity(detail) {
        return again(RetryReason::NoCapacity, &text);
    }
    RunTaskOutcome::BackToQueue(format!("{text}; {}", hint::for_failure(reason, config)))
}

/// The service's message: `TaskContainer Overrides length must be at most 8192`.
fn is_too_long(refused: &ServiceError) -> bool {
    let message = refused.message.to_ascii_lowercase();
    refused.code == "InvalidParameterException"
        && message.contains("overrides")
        && (message.contains("length") || message.contains("8192"))
}

fn again(kind: RetryReason, why: &str) -> RunTaskOutcome {
    RunTaskOutcome::Retry(RetryableFailure { why: why.to_owned(), kind })
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").trim_end_matches(':').to_owned()
}

#[cfg(test)]
mod tests {
    use super::{super::hint::tests::config, *};

    fn refused(status: u16, code: &str, message: &str) -> Result<RunTaskOutput, AwsError> {
        Err(AwsError::Refused(ServiceError {
            status,
            code: code.into(),
            message: message.into(),
            resource_ids: vec![],
        }))
    }

    fn failed(reason: &str, detail: &str) -> RunTaskOutput {
        let failure = RunTaskFailure { arn: "arn:x".into(), reason: reason.into(), detail: detail.into() };
        RunTaskOutput { tasks: vec![], failures: vec![failure] }
    }

    fn judged(answer: Result<RunTaskOutput, AwsError>) -> RunTaskOutcome {
        run_task_outcome(answer, &config())
    }

    fn lack(answer: Result<RunTaskOutput, AwsError>) -> Option<RetryReason> {
        match judged(answer) {
            RunTaskOutcome::Retry(RetryableFailure { kind, .. }) => Some(kind),
            _ => None,
        }
    }

    #[test]
    fn a_task_is_a_start() {
        let answer = Ok(RunTaskOutput { tasks: vec!["t".into()], failures: vec![] });
        assert_eq!(judged(answer), RunTaskOutcome::Started("t".into()));
        let conflict = ServiceError {
            status: 400,
            code: "ConflictException".into(),
            message: "in use".into(),
            resource_ids: vec!["t".into()],
        };
        assert_eq!(judged(Err(AwsError::Refused(conflict))), RunTaskOutcome::Started("t".into()));
        assert!(
            matches!(judged(refused(400, "ConflictException", "")), RunTaskOutcome::BackToQueue(_)),
            "it names no task"
        );
    }

    #[test]
    fn what_passes_is_tried_again() {
        let network = "Error retrieving security group information for [sg-1]: (RequestLimitExceeded)";
        let table = [
            (refused(400, "ThrottlingException", "Rate exceeded"), RetryReason::Throttled),
            (refused(400, "RequestLimitExceeded", ""), RetryReason::Throttled),
            (refused(429, "", ""), RetryReason::Throttled),
            (refused(400, "InvalidParameterException", network), RetryReason::Throttled),
            (refused(500, "ServerException", ""), RetryReason::Transient),
            (refused(400, "ServerException", ""), RetryReason::Transient),
            (refused(503, "", ""), RetryReason::Transient),
            (Err(AwsError::timed_out(std::time::Duration::from_millis(750))), RetryReason::Transient),
            (Ok(RunTaskOutput::default()), RetryReason::Transient),
            (Ok(failed("Capacity is unavailable at this time. Please try again later", "")), RetryReason::NoCapacity),
            (Ok(failed("RESOURCE:CPU", "")), RetryReason::NoCapacity),
            (
                Ok(failed("x", "You've reached the limit on the number of vCPUs you can run concurrently")),
                RetryReason::NoCapacity,
            ),
            (refused(400, "ClientException", "Capacity is unavailable at this time."), RetryReason::NoCapacity),
            (refused(400, "ClientException", "Tasks provisioning capacity limit exceeded."), RetryReason::NoCapacity),
        ];
        for (answer, expected) in table {
            assert_eq!(lack(answer.clone()), Some(expected), "{answer:?}");
        }
    }

    #[test]
    fn what_stays_goes_back_with_a_line_that_says_what_to_mend() {
        let invalid = |message| refused(400, "InvalidParameterException", message);
        let policy = "not authorized to perform: ecs:RunTask with an explicit deny in a service control policy";
        let group = "Error retrieving security group information for [sg-1]: (ErrorCode: InvalidGroup.NotFound)";
        let table = [
            (refused(400, "AccessDeniedException", "not authorized\nto perform: ecs:RunTask"), "iam:PassRole"),
            (refused(400, "AccessDeniedException", policy), "tags"),
            (
                refused(400, "AccessDeniedException", "with an explicit deny in an identity-based policy"),
                "take the deny out",
            ),
            (refused(400, "ClusterNotFoundException", "Cluster not found."), r#"IMMORTAL_CLUSTER is "my-cluster""#),
            (refused(400, "ClientException", "TaskDefinition not found."), r#"IMMORTAL_RUNNER is "my-family:3""#),
            (invalid("TaskDefinition is inactive"), r#"IMMORTAL_RUNNER is "my-family:3""#),
            (
                invalid("Override for container named x is not a container in the TaskDefinition."),
                r#"IMMORTAL_CONTAINER is "main""#,
            ),
            (
                refused(
                    400,
                    "ClientException",
                    "The 'memory' setting for container 'runner' is greater than for the task.",
                ),
                "limits of its own: take its cpu, memory",
            ),
            (
                invalid(
                    "Unable to assume the service linked role. Please verify that the ECS service linked role exists.",
                ),
                "aws iam create-service-linked-role --aws-service-name ecs.amazonaws.com",
            ),
            (refused(400, "PlatformTaskDefinitionIncompatibilityException", ""), "runtimePlatform"),
            (refused(400, "PlatformUnknownException", ""), "cpuArchitecture"),
            (invalid("The subnet ID 'x' does not exist"), "IMMORTAL_SUBNETS: subnet-1"),
            (invalid(group), "IMMORTAL_SECURITY_GROUPS: sg-1"),
            (invalid("capacity provider"), "spot"),
            (invalid("No Fargate configuration exists for given values"), "cpu, memory and storage"),
            (refused(400, "ExpiredTokenException", ""), "role"),
            (refused(400, "BlockedException", ""), "Support"),
            (refused(400, "SomethingNew", ""), "SomethingNew"),
            (Ok(failed("MISSING", "")), r#"IMMORTAL_CLUSTER is "my-cluster" and IMMORTAL_RUNNER is "my-family:3""#),
            (Ok(failed("INACTIVE", "")), "INACTIVE of arn:x"),
            (Ok(failed("The requested CPU configuration is above your limit", "")), "quotas"),
            (Err(AwsError::unsent(std::fmt::Error)), "credentials"),
        ];
        for (answer, named) in table {
            let RunTaskOutcome::BackToQueue(line) = judged(answer.clone()) else { panic!("{answer:?} doesn't stay") };
            assert!(line.contains(named) && line.lines().count() == 1, "{line}");
        }
    }

    #[test]
    fn the_line_of_an_error_says_whether_anything_is_to_be_mended() {
        let table = [
            (refused(503, "ServerException", ""), "this passes by itself"),
            (refused(400, "AccessDeniedException", ""), "allow the dispatcher s3:PutObject"),
            (Err(AwsError::unsent(std::fmt::Error)), "check the region and the credentials"),
            (Err(AwsError::timed_out(std::time::Duration::from_millis(750))), "check the dispatcher's way there"),
        ];
        for (answer, hint) in table {
            let line = error_line("PutObject", &answer.expect_err("an error"), &config());
            assert!(line.starts_with("PutObject was ") && line.contains(hint), "{line}");
        }
    }

    #[test]
    fn too_long_is_told_from_other_bad_parameters() {
        let table = [
            ("InvalidParameterException", "Container Overrides length must be at most 8192", true),
            ("InvalidParameterException", "Overrides must have at most 8192 characters", true),
            ("InvalidParameterException", "Overrides length is too large", true),
            ("InvalidParameterException", "Override for container named x is not valid", false),
            ("InvalidParameterException", "Overrides are not valid", false),
            ("InvalidParameterException", "startedBy length must be at most 128", false),
            ("ClientException", "Container Overrides length must be at most 8192", false),
        ];
        for (code, said, is_it) in table {
            let outcome = judged(refused(400, code, said));
            assert_eq!(matches!(outcome, RunTaskOutcome::OverridesTooLong(_)), is_it, "{said}: {outcome:?}");
        }
    }
}
