//! What each part of the deployment may do: the source of the template's policies, and of the test that nothing more is
//! granted than is called.

use std::fmt::Write as _;

/// One statement of a policy.
#[derive(Debug)]
pub(crate) struct PolicyGrant {
    sid: &'static str,
    actions: &'static [&'static str],
    /// As YAML.
    resources: &'static [&'static str],
    /// Operator, key and value, as YAML.
    condition: Option<[&'static str; 3]>,
}

const WRITE_LOGS: &[&str] = &["logs:CreateLogStream", "logs:PutLogEvents"];

/// The objects of the function's events, as `token::object_key` names them.
const EVENTS: &str = "!Sub ${EventBucket.Arn}/immortal/${AWS::StackName}/*";

/// The objects of the function's progress, as `object_key::progress_key` names them.
const PROGRESS_OBJECTS: &str = "!Sub ${EventBucket.Arn}/immortal/${AWS::StackName}/*/progress";

/// What Lambda does for the primary, besides what the handler does.
pub(crate) const PRIMARY: &[PolicyGrant] = &[
    grant("WriteLogs", WRITE_LOGS, &["!GetAtt PrimaryLogs.Arn"]),
    grant("GiveEventsUp", &["sqs:SendMessage"], &["!GetAtt FailureQueue.Arn"]),
];

/// What the dispatcher does, and Lambda for it.
pub(crate) const DISPATCHER: &[PolicyGrant] = &[
    grant("WriteLogs", WRITE_LOGS, &["!GetAtt DispatcherLogs.Arn"]),
    grant(
        "TakeFailures",
        &["sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"],
        &["!GetAtt FailureQueue.Arn"],
    ),
    grant("GiveEventsUp", &["sqs:SendMessage"], &["!GetAtt DeadLetterQueue.Arn"]),
    PolicyGrant {
        condition: Some(["ArnEquals", "ecs:cluster", "!GetAtt Cluster.Arn"]),
        ..grant(
            "StartTasks",
            &["ecs:RunTask"],
            &["!Sub arn:${AWS::Partition}:ecs:${AWS::Region}:${AWS::AccountId}:task-definition/${AWS::StackName}:*"],
        )
    },
    grant(
        "LookTasksUp",
        &["ecs:DescribeTasks"],
        &["!Sub arn:${AWS::Partition}:ecs:${AWS::Region}:${AWS::AccountId}:task/${Cluster}/*"],
    ),
    // The tasks of a cluster are listed on `*`, narrowed by the condition: https://github.com/cdklabs/construct-hub/pull/1207.
    PolicyGrant {
        condition: Some(["ArnEquals", "ecs:cluster", "!GetAtt Cluster.Arn"]),
        ..grant("FindTasks", &["ecs:ListTasks"], &["'*'"])
    },
    // It takes no resource. A dead letter names the log that it finds.
    grant("FindLogs", &["ecs:DescribeTaskDefinition"], &["'*'"]),
    PolicyGrant {
        condition: Some(["StringEquals", "iam:PassedToService", "ecs-tasks.amazonaws.com"]),
        ..grant("GiveTasksTheirRoles", &["iam:PassRole"], &["!GetAtt TaskRole.Arn", "!GetAtt ExecutionRole.Arn"])
    },
    grant("KeepLargeEvents", &["s3:DeleteObject", "s3:GetObject", "s3:PutObject"], &[EVENTS]),
    // Without it a HEAD of what is gone is a 403 (https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html). S3
    // takes the key for the prefix there, as https://github.com/ceph/ceph/pull/68577 found.
    PolicyGrant {
        condition: Some(["StringLike", "s3:prefix", "!Sub immortal/${AWS::StackName}/*"]),
        ..grant("SeeWhichAreGone", &["s3:ListBucket"], &["!GetAtt EventBucket.Arn"])
    },
];

/// What the runner does, besides what the handler does.
pub(crate) const RUNNER: &[PolicyGrant] = &[
    grant("FetchCode", &["lambda:GetFunction"], &["!GetAtt Primary.Arn", "!Sub ${Primary.Arn}:*"]),
    grant(
        "FetchLayers",
        &["lambda:GetLayerVersion"],
        &["!Sub arn:${AWS::Partition}:lambda:${AWS::Region}:*:layer:*:*"],
    ),
    // Without `s3:ListBucket`, by which the handler could find every event, an object that is gone is a 403.
    grant("FetchLargeEvents", &["s3:GetObject"], &[EVENTS]),
];

/// What the handler role does in Lambda when the job of a handler that saves its progress has succeeded.
pub(crate) const END_PROGRESS: &[PolicyGrant] = &[grant("EndProgress", &["s3:DeleteObject"], &[PROGRESS_OBJECTS])];

/// What a handler does that saves its progress, in Lambda and in the task: for both roles, on top of theirs.
pub(crate) const PROGRESS: &[PolicyGrant] = &[
    grant("SaveProgress", &["s3:GetObject", "s3:PutObject"], &[PROGRESS_OBJECTS]),
    // Without it what isn't saved yet is a 403.
    PolicyGrant {
        condition: Some(["StringLike", "s3:prefix", "!Sub immortal/${AWS::StackName}/*/progress"]),
        ..grant("SeeWhetherAnyIsSaved", &["s3:ListBucket"], &["!GetAtt EventBucket.Arn"])
    },
];

/// What ECS does so that a task has logs.
pub(crate) const LOGS: &[PolicyGrant] = &[grant("WriteLogs", WRITE_LOGS, &["!GetAtt RunnerLogs.Arn"])];

/// What ECS does to pull the runner's image.
pub(crate) const IMAGE: &[PolicyGrant] = &[
    grant(
        "PullImage",
        &["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
        &["!Sub arn:${AWS::Partition}:ecr:${AWS::Region}:${AWS::AccountId}:repository/${ImageRepository}"],
    ),
    // It takes no resource.
    grant("LogIn", &["ecr:GetAuthorizationToken"], &["'*'"]),
];

const fn grant(sid: &'static str, actions: &'static [&'static str], resources: &'static [&'static str]) -> PolicyGrant {
    PolicyGrant { sid, actions, resources, condition: None }
}

/// The statements as a YAML list, indented by so many spaces.
pub(crate) fn yaml(grants: &[PolicyGrant], indent: usize) -> String {
    let mut yaml = String::new();
    for PolicyGrant { sid, actions, resources, condition } in grants {
        let mut line = |depth: usize, text: &str| {
            // Writing to a string can't fail.
            let _ = writeln!(yaml, "{:width$}{text}", "", width = indent + depth);
        };
        line(0, &format!("- Sid: {sid}"));
        line(2, "Effect: Allow");
        list("Action", actions, &mut line);
        list("Resource", resources, &mut line);
        if let Some([operator, key, value]) = condition {
            line(2, "Condition:");
            line(4, &format!("{operator}:"));
            line(6, &format!("{key}: {value}"));
        }
    }
    yaml
}

fn list(name: &str, items: &[&str], line: &mut impl FnMut(usize, &str)) {
    match items {
        [only] => line(2, &format!("{name}: {only}")),
        items => {
            line(2, &format!("{name}:"));
            for item in items {
                line(4, &format!("- {item}"));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn granted(grants: &'static [PolicyGrant]) -> BTreeSet<&'static str> {
        grants.iter().flat_map(|grant| grant.actions).copied().collect()
    }

    /// Each action, and who calls it when: what is not in here is not granted, and the other way round.
    #[test]
    fn granted_is_what_is_called() {
        type Calls = &'static [(&'static str, &'static str)];
        type Row = (&'static str, &'static [PolicyGrant], Calls, Calls);
        const LOG: Calls = &[
            ("logs:CreateLogStream", "the platform, for each sandbox or task"),
            ("logs:PutLogEvents", "the platform, for each line"),
        ];
        let table: [Row; 7] = [
            ("primary", PRIMARY, LOG, &[("sqs:SendMessage", "Lambda, to the destination or dead-letter queue")]),
            (
                "dispatcher",
                DISPATCHER,
                LOG,
                &[
                    ("sqs:ReceiveMessage", "the event source mapping"),
                    ("sqs:DeleteMessage", "the event source mapping, for what is done"),
                    ("sqs:GetQueueAttributes", "the event source mapping"),
                    ("sqs:ChangeMessageVisibility", "the dispatcher, for what waits by plan"),
                    ("sqs:SendMessage", "the dispatcher, for a dead letter"),
                    ("ecs:RunTask", "the dispatcher"),
                    ("iam:PassRole", "the dispatcher, within RunTask"),
                    ("ecs:ListTasks", "the dispatcher, where ECS may have forgotten a token, and to count"),
                    ("ecs:DescribeTasks", "the dispatcher, for the tasks that it listed, and for overrides"),
                    ("ecs:DescribeTaskDefinition", "the dispatcher, for the log that a dead letter names"),
                    ("s3:PutObject", "the dispatcher, for an event too large for the order"),
                    ("s3:GetObject", "the dispatcher, by HEAD, after a stop that is old"),
                    ("s3:ListBucket", "S3, before it says to that HEAD that an object is gone"),
                    ("s3:DeleteObject", "the dispatcher, for the event of a job that succeeded"),
                ],
            ),
            (
                "runner",
                RUNNER,
                &[],
                &[
                    ("lambda:GetFunction", "the runner"),
                    ("lambda:GetLayerVersion", "the runner, for a function with layers"),
                    ("s3:GetObject", "the runner, for an event too large for the order"),
                ],
            ),
            (
                "progress",
                PROGRESS,
                &[],
                &[
                    ("s3:GetObject", "the handler, when it opens its progress and after a refused write"),
                    ("s3:PutObject", "the handler, for each save"),
                    ("s3:ListBucket", "S3, before it says that nothing is saved yet"),
                ],
            ),
            ("end of progress", END_PROGRESS, &[], &[("s3:DeleteObject", "the handler role, when the job succeeded")]),
            ("logs", LOGS, LOG, &[]),
            (
                "image",
                IMAGE,
                &[],
                &[
                    ("ecr:GetAuthorizationToken", "ECS, before a pull"),
                    ("ecr:BatchCheckLayerAvailability", "ECS, in a pull"),
                    ("ecr:BatchGetImage", "ECS, in a pull"),
                    ("ecr:GetDownloadUrlForLayer", "ECS, in a pull"),
                ],
            ),
        ];
        for (role, grants, logs, calls) in table {
            let called: BTreeSet<_> = logs.iter().chain(calls).map(|(action, _)| *action).collect();
            assert_eq!(granted(grants), called, "{role}");
        }
    }

    #[test]
    fn only_what_takes_no_resource_has_none() {
        const WITHOUT: [&str; 3] = ["ecr:GetAuthorizationToken", "ecs:DescribeTaskDefinition", "ecs:ListTasks"];
        for grant in [PRIMARY, DISPATCHER, RUNNER, PROGRESS, END_PROGRESS, LOGS, IMAGE].into_iter().flatten() {
            let any = grant.resources.contains(&"'*'");
            assert_eq!(any, grant.actions.iter().any(|action| WITHOUT.contains(action)), "{grant:?}");
            assert!(!any || grant.actions.len() == 1, "{grant:?}");
            assert!(grant.actions.iter().all(|action| !action.contains('*')), "{grant:?}");
        }
    }
}
