use std::collections::BTreeSet;

use super::*;

fn granted(grants: &'static [PolicyGrant]) -> BTreeSet<&'static str> {
    grants.iter().flat_map(|grant| grant.actions).copied().collect()
}

type Calls = &'static [(&'static str, &'static str)];
/// Whose policy it is; what it grants; who writes its log; who makes the other calls, and when.
type GrantRow = (&'static str, &'static [PolicyGrant], Calls, Calls);

const LOG: Calls = &[
    ("logs:CreateLogStream", "the platform, for each sandbox or task"),
    ("logs:PutLogEvents", "the platform, for each line"),
];

/// Each action has a caller: what is not in the table is not granted, and the other way round.
fn assert_called(table: &[GrantRow]) {
    for (role, grants, logs, calls) in table {
        let called: BTreeSet<_> = logs.iter().chain(*calls).map(|(action, _)| *action).collect();
        assert_eq!(granted(grants), called, "{role}");
    }
}

#[test]
fn what_each_part_may_do_is_what_it_does() {
    const SEND: Calls = &[("sqs:SendMessage", "Lambda, to the destination or dead-letter queue")];
    assert_called(&[
        ("primary", PRIMARY, LOG, SEND),
        ("function of another stack", FUNCTION, &[], SEND),
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
                ("lambda:GetFunctionEventInvokeConfig", "the runner, for the destination of its result"),
                ("lambda:GetLayerVersion", "the runner, for a function with layers"),
                ("s3:GetObject", "the runner, for an event too large for the order"),
                ("s3:PutObject", "the runner, for a result that no destination takes"),
            ],
        ),
        ("execution", EXECUTION, LOG, &[]),
    ]);
}

#[test]
fn what_an_option_adds_is_what_it_needs() {
    assert_called(&[
        (
            "source",
            SOURCE,
            &[],
            &[
                ("sqs:ReceiveMessage", "the event source mapping"),
                ("sqs:DeleteMessage", "the event source mapping, for what is done"),
                ("sqs:GetQueueAttributes", "the event source mapping"),
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
        (
            "results",
            RESULTS,
            &[],
            &[
                ("sqs:SendMessage", "Lambda and the runner, where the destination is a queue"),
                ("sns:Publish", "the same, for a topic"),
                ("events:PutEvents", "the same, for a bus"),
                ("lambda:InvokeFunction", "the same, for a function"),
            ],
        ),
        (
            "network",
            NETWORK,
            &[],
            &[
                ("ec2:CreateNetworkInterface", "Lambda, for the subnets' first sandbox"),
                ("ec2:DescribeNetworkInterfaces", "Lambda, while it is made"),
                ("ec2:DescribeSubnets", "Lambda, before that"),
                ("ec2:DeleteNetworkInterface", "Lambda, when no function needs it"),
                ("ec2:AssignPrivateIpAddresses", "Lambda, for an interface that is shared"),
                ("ec2:UnassignPrivateIpAddresses", "the same"),
            ],
        ),
        ("tags", TAGS, &[], &[("ecs:TagResource", "the dispatcher, within RunTask")]),
        (
            "key",
            KEY,
            &[],
            &[
                ("kms:Decrypt", "SQS, for Lambda and the dispatcher, and S3, for a HEAD and the runner's event"),
                ("kms:GenerateDataKey", "SQS and S3, for what is sent or put, a result and progress too"),
            ],
        ),
        (
            "commands",
            COMMANDS,
            &[],
            &[
                ("ssmmessages:CreateControlChannel", "the agent of ECS Exec, when it starts"),
                ("ssmmessages:OpenControlChannel", "the same"),
                ("ssmmessages:CreateDataChannel", "the same, for each session"),
                ("ssmmessages:OpenDataChannel", "the same"),
            ],
        ),
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
    ]);
}

#[test]
fn only_what_takes_no_resource_has_none() {
    const WITHOUT: [&str; 9] = [
        "ec2:DescribeNetworkInterfaces",
        "ec2:DescribeSubnets",
        "ecr:GetAuthorizationToken",
        "ecs:DescribeTaskDefinition",
        "ecs:ListTasks",
        "ssmmessages:CreateControlChannel",
        "ssmmessages:CreateDataChannel",
        "ssmmessages:OpenControlChannel",
        "ssmmessages:OpenDataChannel",
    ];
    let all = [
        PRIMARY,
        FUNCTION,
        SOURCE,
        PROGRESS,
        END_PROGRESS,
        RESULTS,
        NETWORK,
        DISPATCHER,
        TAGS,
        KEY,
        RUNNER,
        COMMANDS,
        EXECUTION,
        IMAGE,
    ];
    for grant in all.into_iter().flatten() {
        let any = grant.resources.contains(&"'*'");
        assert!(grant.actions.iter().all(|action| WITHOUT.contains(action) == any), "{grant:?}");
        assert!(grant.actions.iter().all(|action| !action.contains('*')), "{grant:?}");
    }
}
