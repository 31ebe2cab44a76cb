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
    /// The template's condition under which it is granted.
    when: Option<&'static str>,
}

const WRITE_LOGS: &[&str] = &["logs:CreateLogStream", "logs:PutLogEvents"];

/// The objects of the function's events, as `token::object_key` names them.
const EVENTS: &str = "!Sub ${EventBucket.Arn}/immortal/${@function@}/*";

/// The tasks of the cluster.
const TASKS: &str =
    "!Sub ['arn:${AWS::Partition}:ecs:${AWS::Region}:${AWS::AccountId}:task/${Name}/*', {Name: @cluster@}]";

const SEND_FAILURES: PolicyGrant = grant("GiveEventsUp", &["sqs:SendMessage"], &["!GetAtt FailureQueue.Arn"]);

/// Who sends to an encrypted queue needs both.
///
/// Source: <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-key-management.html>
const USE_KEY: PolicyGrant = PolicyGrant {
    when: Some("HasKmsKey"),
    ..grant("UseKey", &["kms:Decrypt", "kms:GenerateDataKey"], &["!Ref KmsKey"])
};

/// What Lambda does for the primary, besides what the handler does.
pub(crate) const PRIMARY: &[PolicyGrant] = &[
    grant("WriteLogs", WRITE_LOGS, &["!GetAtt PrimaryLogs.Arn"]),
    SEND_FAILURES,
    USE_KEY,
    // Source: <https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html#configuration-vpc-permissions>
    PolicyGrant {
        when: Some("HasPrimarySubnets"),
        ..grant(
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
        )
    },
    PolicyGrant {
        when: Some("HasPrimarySubnets"),
        ..grant("FindInterfaces", &["ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets"], &["'*'"])
    },
];

/// What Lambda does with the role of a function that another stack has.
pub(crate) const FUNCTION: &[PolicyGrant] = &[SEND_FAILURES, USE_KEY];

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
    // RunTask needs it to propagate tags: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/CWE_IAM_role.html.
    PolicyGrant {
        condition: Some(["StringEquals", "ecs:CreateAction", "RunTask"]),
        when: Some("PropagatesTags"),
        ..grant("TagTasks", &["ecs:TagResource"], &[TASKS])
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
    USE_KEY,
];

/// What the runner does, besides what the handler does.
pub(crate) const RUNNER: &[PolicyGrant] = &[
    grant("FetchCode", &["lambda:GetFunction"], &["@primary_arn@", "@primary_arn@:*"]),
    grant(
        "FetchLayers",
        &["lambda:GetLayerVersion"],
        &["!Sub arn:${AWS::Partition}:lambda:${AWS::Region}:*:layer:*:*"],
    ),
    // Without `s3:ListBucket`, by which the handler could find every event, an object that is gone is a 403.
    grant("FetchLargeEvents", &["s3:GetObject"], &[EVENTS]),
    PolicyGrant { when: Some("HasKmsKey"), ..grant("UseKey", &["kms:Decrypt"], &["!Ref KmsKey"]) },
    // They take no resource: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-iam-roles.html#ecs-exec-required-iam-permissions.
    PolicyGrant {
        when: Some("ExecutesCommands"),
        ..grant(
            "ExecuteCommands",
            &[
                "ssmmessages:CreateControlChannel",
                "ssmmessages:CreateDataChannel",
                "ssmmessages:OpenControlChannel",
                "ssmmessages:OpenDataChannel",
            ],
            &["'*'"],
        )
    },
];

/// What ECS does so that a task has its image and its logs.
pub(crate) const EXECUTION: &[PolicyGrant] = &[
    grant("WriteLogs", WRITE_LOGS, &["!GetAtt RunnerLogs.Arn"]),
    PolicyGrant {
        when: Some("HasImageRepository"),
        ..grant(
            "PullImage",
            &["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
            &["!Sub arn:${AWS::Partition}:ecr:${AWS::Region}:${AWS::AccountId}:repository/${ImageRepository}"],
        )
    },
    // It takes no resource.
    PolicyGrant { when: Some("HasImageRepository"), ..grant("LogIn", &["ecr:GetAuthorizationToken"], &["'*'"]) },
];

const fn grant(sid: &'static str, actions: &'static [&'static str], resources: &'static [&'static str]) -> PolicyGrant {
    PolicyGrant { sid, actions, resources, condition: None, when: None }
}

/// The statements as a YAML list, indented by so many spaces.
pub(crate) fn yaml(grants: &[PolicyGrant], indent: usize) -> String {
    grants.iter().map(|grant| statement(grant, indent)).collect()
}

fn statement(grant: &PolicyGrant, indent: usize) -> String {
    let PolicyGrant { sid, actions, resources, condition, when } = grant;
    if let Some(when) = when {
        let statement = statement(&PolicyGrant { when: None, ..*grant }, indent + 2);
        return format!(
            "{:indent$}- !If\n{:indent$}  - {when}\n{statement}{:indent$}  - !Ref AWS::NoValue\n",
            "", "", ""
        );
    }
    let mut yaml = String::new();
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
