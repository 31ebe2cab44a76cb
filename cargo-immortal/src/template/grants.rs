//! What each part of the deployment may do: the source of the template's policies, and of the test that nothing more is
//! granted than is called.

use std::fmt::Write as _;

/// One statement of a policy.
#[derive(Debug)]
pub(crate) struct PolicyGrant {
    sid: &'static str,
    pub(crate) actions: &'static [&'static str],
    /// As YAML.
    pub(crate) resources: &'static [&'static str],
    /// Operator, key and value, as YAML.
    pub(crate) condition: Option<[&'static str; 3]>,
}

const WRITE_LOGS: &[&str] = &["logs:CreateLogStream", "logs:PutLogEvents"];

/// The objects of the function's events, as `job_object::event_key` names them.
const EVENTS: &str = "!Sub ${EventBucket.Arn}/immortal/${@function@}/*";

/// The objects of the function's progress, as `job_object::progress_key` names them.
const PROGRESS_OBJECTS: &str = "!Sub ${EventBucket.Arn}/immortal/${@function@}/*/progress";

/// The tasks of the cluster.
const TASKS: &str =
    "!Sub ['arn:${AWS::Partition}:ecs:${AWS::Region}:${AWS::AccountId}:task/${Name}/*', {Name: @cluster@}]";

const SEND_FAILURES: PolicyGrant = grant("GiveEventsUp", &["sqs:SendMessage"], &["!GetAtt FailureQueue.Arn"]);

/// What Lambda does for the primary, besides what the handler does.
pub(crate) const PRIMARY: &[PolicyGrant] =
    &[grant("WriteLogs", WRITE_LOGS, &["!GetAtt PrimaryLogs.Arn"]), SEND_FAILURES];

/// What Lambda does with the role of a function that another stack has.
pub(crate) const FUNCTION: &[PolicyGrant] = &[SEND_FAILURES];

/// What the event source mapping does for a primary that a queue triggers.
pub(crate) const SOURCE: &[PolicyGrant] = &[grant(
    "TakeMessages",
    &["sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"],
    &["!GetAtt SourceQueue.Arn"],
)];

/// What Lambda and the runner do with a result; of these only the one is of use that the destination has.
pub(crate) const RESULTS: &[PolicyGrant] = &[grant(
    "SendResults",
    &["events:PutEvents", "lambda:InvokeFunction", "sns:Publish", "sqs:SendMessage"],
    &["!Ref OnSuccess"],
)];

/// What Lambda does for a primary with subnets.
///
/// Source: <https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html#configuration-vpc-permissions>
pub(crate) const NETWORK: &[PolicyGrant] = &[
    grant(
        "UseInterfaces",
        &[
            "ec2:AssignPrivateIpAddresses",
            "ec2:CreateNetworkInterface",
            "ec2:DeleteNetworkInterface",
            "ec2:UnassignPrivateIpAddresses",
        ],
        &[
            "!Sub arn:${AWS::Partition}:ec2:${AWS::Region}:${AWS::AccountId}:network-interface/*",
            "!Sub arn:${AWS::Partition}:ec2:${AWS::Region}:${AWS::AccountId}:security-group/*",
            "!Sub arn:${AWS::Partition}:ec2:${AWS::Region}:${AWS::AccountId}:subnet/*",
        ],
    ),
    grant("FindInterfaces", &["ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets"], &["'*'"]),
];

/// What SQS and S3 do with a customer's key for who sends, receives, puts, gets or looks up. Who sends or puts needs both.
///
/// Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-key-management.html>
pub(crate) const KEY: &[PolicyGrant] = &[grant("UseKey", &["kms:Decrypt", "kms:GenerateDataKey"], &["!Ref KmsKey"])];

/// What `RunTask` does to propagate tags.
///
/// Source: <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/CWE_IAM_role.html>
pub(crate) const TAGS: &[PolicyGrant] = &[PolicyGrant {
    condition: Some(["StringEquals", "ecs:CreateAction", "RunTask"]),
    ..grant("TagTasks", &["ecs:TagResource"], &[TASKS])
}];

/// What the agent of ECS Exec does; it takes no resource.
///
/// Source: <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-iam-roles.html#ecs-exec-required-iam-permissions>
pub(crate) const COMMANDS: &[PolicyGrant] = &[grant(
    "ExecuteCommands",
    &[
        "ssmmessages:CreateControlChannel",
        "ssmmessages:CreateDataChannel",
        "ssmmessages:OpenControlChannel",
        "ssmmessages:OpenDataChannel",
    ],
    &["'*'"],
)];

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
        condition: Some(["ArnEquals", "ecs:cluster", "@cluster_arn@"]),
        ..grant(
            "StartTasks",
            &["ecs:RunTask"],
            &["!Sub arn:${AWS::Partition}:ecs:${AWS::Region}:${AWS::AccountId}:task-definition/${@function@}:*"],
        )
    },
    grant("LookTasksUp", &["ecs:DescribeTasks"], &[TASKS]),
    // The tasks of a cluster are listed on `*`, narrowed by the condition: https://github.com/cdklabs/construct-hub/pull/1207.
    PolicyGrant {
        condition: Some(["ArnEquals", "ecs:cluster", "@cluster_arn@"]),
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
        condition: Some(["StringLike", "s3:prefix", "!Sub immortal/${@function@}/*"]),
        ..grant("SeeWhichAreGone", &["s3:ListBucket"], &["!GetAtt EventBucket.Arn"])
    },
];

/// What the runner does, besides what the handler does.
pub(crate) const RUNNER: &[PolicyGrant] = &[
    grant(
        "FetchCode",
        &["lambda:GetFunction", "lambda:GetFunctionEventInvokeConfig"],
        &["@primary_arn@", "@primary_arn@:*"],
    ),
    grant(
        "FetchLayers",
        &["lambda:GetLayerVersion"],
        &["!Sub arn:${AWS::Partition}:lambda:${AWS::Region}:*:layer:*:*"],
    ),
    // Without `s3:ListBucket`, by which the handler could find every event, an object that is gone is a 403.
    grant("FetchLargeEvents", &["s3:GetObject"], &[EVENTS]),
    grant("KeepResults", &["s3:PutObject"], &["!Sub ${EventBucket.Arn}/immortal/${@function@}/*/result"]),
];

/// What the handler role does in Lambda when the job of a handler that saves its progress has succeeded.
pub(crate) const END_PROGRESS: &[PolicyGrant] = &[grant("EndProgress", &["s3:DeleteObject"], &[PROGRESS_OBJECTS])];

/// What a handler does that saves its progress, in Lambda and in the task.
pub(crate) const PROGRESS: &[PolicyGrant] = &[
    grant("SaveProgress", &["s3:GetObject", "s3:PutObject"], &[PROGRESS_OBJECTS]),
    // Without it what isn't saved yet is a 403.
    PolicyGrant {
        condition: Some(["StringLike", "s3:prefix", "!Sub immortal/${@function@}/*/progress"]),
        ..grant("SeeWhetherAnyIsSaved", &["s3:ListBucket"], &["!GetAtt EventBucket.Arn"])
    },
];

/// What ECS does so that a task has logs.
pub(crate) const EXECUTION: &[PolicyGrant] = &[grant("WriteLogs", WRITE_LOGS, &["!GetAtt RunnerLogs.Arn"])];

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

/// The statements as a YAML list, indented by so many spaces, without a line's end.
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
    yaml.truncate(yaml.trim_end().len());
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
#[path = "grants_tests.rs"]
mod tests;
