//! What AWS answers, and what becomes of the record: done, once more, or back to the queue with a line that says why.

pub use crate::aws::{AwsError, Refusal, RetryReason};
use crate::aws::{error_chain, is_capacity};

/// What `RunTask` or `DescribeTasks` says besides tasks, on a 200.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RunTaskFailure {
    /// `MISSING`, `RESOURCE:CPU`, or a sentence.
    pub reason: String,
    /// More of it.
    pub detail: String,
}

/// A 200 of `RunTask`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RunTaskOutput {
    /// The ARNs of its tasks: one, or none.
    pub tasks: Vec<String>,
    /// Its `failures`.
    pub failures: Vec<RunTaskFailure>,
}

/// What to do about an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The task of this ARN has the event.
    Started(String),
    /// Once more, after a pause.
    Again(Again),
    /// Once more, one rung down.
    TooLong(String),
    /// Back to the queue at once; the text says what to mend.
    Back(String),
}

/// Why a call is made once more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Again {
    /// In words.
    pub why: String,
    /// What it was.
    pub kind: RetryReason,
}

/// Judges what `RunTask` answered.
#[must_use]
pub fn judge(answer: Result<RunTaskOutput, AwsError>) -> Verdict {
    match answer {
        Ok(RunTaskOutput { tasks, failures }) => match (tasks.into_iter().next(), failures.first()) {
            // With one task asked for, a task beside a failure is the one that was asked for.
            (Some(task), _) => Verdict::Started(task),
            (None, Some(failure)) => judge_failure(failure),
            (None, None) => again(RetryReason::Transient, "RunTask answered with neither a task nor a failure"),
        },
        Err(AwsError::Refused(refused)) if refused.code == "ConflictException" && !refused.resource_ids.is_empty() => {
            Verdict::Started(refused.resource_ids.into_iter().next().unwrap_or_default())
        }
        Err(AwsError::Refused(refused)) if is_too_long(&refused) => Verdict::TooLong(refused.message),
        Err(error) => match error.retry_reason() {
            Some(kind) => again(kind, &describe("RunTask", &error)),
            None => Verdict::Back(error_line("RunTask", &error)),
        },
    }
}

/// An error in one line, with what to fix.
#[must_use]
pub fn error_line(call: &str, error: &AwsError) -> String {
    let hint = match error {
        AwsError::Refused(refusal) => hint(call, refusal),
        AwsError::Unsent(_) => "check the region and the credentials of the Lambda function",
        AwsError::Unanswered(_) => {
            "check the dispatcher's way there (routes, endpoints, security groups); a longer timeout gives it more tries"
        }
    };
    format!("{}; {hint}", describe(call, error))
}

fn describe(call: &str, error: &AwsError) -> String {
    one_line(&format!("{call} was {}", error_chain(error)))
}

fn hint(call: &str, refused: &Refusal) -> &'static str {
    let says = |word: &str| refused.message.to_ascii_lowercase().contains(word);
    match (call, refused.code.as_str()) {
        ("PutObject", "NoSuchBucket" | "PermanentRedirect" | "AuthorizationHeaderMalformed") => {
            "IMMORTAL_EVENT_BUCKET must name a bucket of this region"
        }
        ("PutObject", _) => "allow the dispatcher s3:PutObject on the bucket, and kms:GenerateDataKey on its key",
        ("DescribeTasks", "AccessDeniedException") => "allow the dispatcher ecs:DescribeTasks on the cluster's tasks",
        (_, "AccessDeniedException") => {
            "allow the dispatcher ecs:RunTask on the task definition, and iam:PassRole on its two roles"
        }
        (_, "UnrecognizedClientException" | "ExpiredTokenException" | "InvalidSignatureException") => {
            "check the dispatcher's execution role"
        }
        (_, "ClusterNotFoundException") => "IMMORTAL_CLUSTER must name an active cluster",
        (_, "ClientException" | "InvalidParameterException") if says("container") => {
            "IMMORTAL_CONTAINER must name a container of the task definition"
        }
        (_, "ClientException" | "InvalidParameterException") if says("task definition") || says("taskdefinition") => {
            "IMMORTAL_RUNNER must name an active task definition"
        }
        (_, "InvalidParameterException") if says("subnet") => "check IMMORTAL_SUBNETS",
        (_, "InvalidParameterException") if says("security group") => "check IMMORTAL_SECURITY_GROUPS",
        (_, "InvalidParameterException") if says("capacity provider") => {
            "associate FARGATE_SPOT with the cluster, or take `spot` out of the attribute"
        }
        (_, "InvalidParameterException" | "ClientException") => {
            "check the dispatcher's configuration and the attribute's cpu, memory and storage"
        }
        (_, "ConflictException") => "another call with this token is under way",
        (_, "BlockedException") => "the account is blocked: ask AWS Support",
        _ => "check the dispatcher's permissions and configuration",
    }
}

fn judge_failure(failure: &RunTaskFailure) -> Verdict {
    let RunTaskFailure { reason, detail } = failure;
    let text = one_line(&format!("RunTask failed with {reason}: {detail}"));
    if reason.starts_with("RESOURCE") || is_capacity(reason) || is_capacity(detail) {
        return again(RetryReason::NoCapacity, &text);
    }
    let hint = match reason.as_str() {
        "MISSING" | "INACTIVE" => "check IMMORTAL_CLUSTER and IMMORTAL_RUNNER: what they name is gone",
        _ => "check the account's Fargate quotas and the attribute's cpu and memory",
    };
    Verdict::Back(format!("{text}; {hint}"))
}

/// The service's words: `Container Overrides length must be at most 8192`.
fn is_too_long(refused: &Refusal) -> bool {
    let message = refused.message.to_ascii_lowercase();
    refused.code == "InvalidParameterException"
        && message.contains("overrides")
        && (message.contains("length") || message.contains("8192"))
}

fn again(kind: RetryReason, why: &str) -> Verdict {
    Verdict::Again(Again { why: why.to_owned(), kind })
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").trim_end_matches(':').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(status: u16, code: &str, message: &str) -> Result<RunTaskOutput, AwsError> {
        Err(AwsError::Refused(Refusal { status, code: code.into(), message: message.into(), resource_ids: vec![] }))
    }

    fn failed(reason: &str, detail: &str) -> RunTaskOutput {
        RunTaskOutput { tasks: vec![], failures: vec![RunTaskFailure { reason: reason.into(), detail: detail.into() }] }
    }

    fn lack(answer: Result<RunTaskOutput, AwsError>) -> Option<RetryReason> {
        match judge(answer) {
            Verdict::Again(Again { kind, .. }) => Some(kind),
            _ => None,
        }
    }

    #[test]
    fn a_task_is_a_start() {
        let answer = Ok(RunTaskOutput { tasks: vec!["t".into()], failures: vec![] });
        assert_eq!(judge(answer), Verdict::Started("t".into()));
        let conflict = Refusal {
            status: 400,
            code: "ConflictException".into(),
            message: "in use".into(),
            resource_ids: vec!["t".into()],
        };
        assert_eq!(judge(Err(AwsError::Refused(conflict))), Verdict::Started("t".into()));
        assert!(matches!(judge(refused(400, "ConflictException", "")), Verdict::Back(_)), "it names no task");
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
            (Err(AwsError::timed_out(750)), RetryReason::Transient),
            (Ok(RunTaskOutput::default()), RetryReason::Transient),
            (Ok(failed("Capacity is unavailable at this time. Please try again later", "")), RetryReason::NoCapacity),
            (Ok(failed("RESOURCE:CPU", "")), RetryReason::NoCapacity),
            (
                Ok(failed("x", "You've reached the limit on the number of vCPUs you can run concurrently")),
                RetryReason::NoCapacity,
            ),
            (refused(400, "ClientException", "Capacity is unavailable at this time."), RetryReason::NoCapacity),
        ];
        for (answer, expected) in table {
            assert_eq!(lack(answer.clone()), Some(expected), "{answer:?}");
        }
    }

    #[test]
    fn what_stays_goes_back_with_a_line_that_says_what_to_mend() {
        let container = "Override for container named x is not a container in the TaskDefinition.";
        let table = [
            (refused(400, "AccessDeniedException", "not authorized\nto perform: ecs:RunTask"), "iam:PassRole"),
            (refused(400, "ClusterNotFoundException", "Cluster not found."), "IMMORTAL_CLUSTER"),
            (refused(400, "ClientException", "TaskDefinition not found."), "IMMORTAL_RUNNER"),
            (refused(400, "InvalidParameterException", container), "IMMORTAL_CONTAINER"),
            (refused(400, "InvalidParameterException", "The subnet ID 'x' does not exist"), "IMMORTAL_SUBNETS"),
            (refused(400, "InvalidParameterException", "capacity provider"), "spot"),
            (refused(400, "ExpiredTokenException", ""), "role"),
            (refused(400, "BlockedException", ""), "Support"),
            (refused(400, "SomethingNew", ""), "SomethingNew"),
            (Ok(failed("MISSING", "")), "IMMORTAL_RUNNER"),
            (Ok(failed("The requested CPU configuration is above your limit", "")), "quotas"),
            (Err(AwsError::unsent(std::fmt::Error)), "credentials"),
        ];
        for (answer, named) in table {
            let Verdict::Back(line) = judge(answer.clone()) else { panic!("{answer:?} doesn't stay") };
            assert!(line.contains(named) && line.lines().count() == 1, "{line}");
        }
    }

    #[test]
    fn too_long_is_told_from_other_bad_parameters() {
        let said = "Container Overrides length must be at most 8192";
        assert!(matches!(judge(refused(400, "InvalidParameterException", said)), Verdict::TooLong(_)));
        let other = refused(400, "InvalidParameterException", "Override for container named x is not valid");
        assert!(matches!(judge(other), Verdict::Back(_)));
    }
}
