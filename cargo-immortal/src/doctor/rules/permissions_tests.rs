use super::*;
use crate::{
    aws::ActionDecision,
    doctor::rules::fixture::{check, sound},
};

fn subject() -> PermissionSubject {
    let some = |text: &str| Some(text.to_owned());
    PermissionSubject {
        function_arn: "arn:aws:lambda:eu-central-1:1:function:hello".into(),
        function_role: some("arn:aws:iam::1:role/primary"),
        dispatcher_role: some("arn:aws:iam::1:role/dispatcher"),
        task_role: some("arn:aws:iam::1:role/task"),
        execution_role: some("arn:aws:iam::1:role/execution"),
        failure_queue: some("arn:aws:sqs:eu-central-1:1:failures"),
        dead_letter_queue: some("arn:aws:sqs:eu-central-1:1:dead-letters"),
        event_bucket: some("events"),
        cluster_arn: some("arn:aws:ecs:eu-central-1:1:cluster/jobs"),
        dispatcher_logs: some("/aws/lambda/helloDlq"),
        runner_logs: some("/aws/ecs/hello"),
        image_repository: some("hello-runner"),
        key: None,
        has_layers: false,
        saves_progress: false,
    }
}

#[test]
fn what_is_asked_is_what_the_template_grants() {
    let line = |(whose, action): (&str, SimulatedAction)| {
        let SimulatedAction { actions, resource, context, .. } = action;
        let context: Vec<_> = context.iter().map(|(key, value)| format!(" where {key} is {value}")).collect();
        format!("{whose}: {} on {resource}{}", actions.join(", "), context.concat())
    };
    let lines: Vec<_> = wanted(&subject()).into_iter().map(line).collect();
    expect_test::expect![[r"
        the function's role: sqs:SendMessage on arn:aws:sqs:eu-central-1:1:failures
        the dispatcher's role: logs:CreateLogStream, logs:PutLogEvents on arn:aws:logs:eu-central-1:1:log-group:/aws/lambda/helloDlq:x
        the dispatcher's role: sqs:ChangeMessageVisibility, sqs:DeleteMessage, sqs:GetQueueAttributes, sqs:ReceiveMessage on arn:aws:sqs:eu-central-1:1:failures
        the dispatcher's role: sqs:SendMessage on arn:aws:sqs:eu-central-1:1:dead-letters
        the dispatcher's role: ecs:RunTask on arn:aws:ecs:eu-central-1:1:task-definition/hello:x where ecs:cluster is arn:aws:ecs:eu-central-1:1:cluster/jobs
        the dispatcher's role: ecs:DescribeTasks on arn:aws:ecs:eu-central-1:1:task/jobs/x
        the dispatcher's role: ecs:ListTasks on * where ecs:cluster is arn:aws:ecs:eu-central-1:1:cluster/jobs
        the dispatcher's role: ecs:DescribeTaskDefinition on *
        the dispatcher's role: iam:PassRole on arn:aws:iam::1:role/task where iam:PassedToService is ecs-tasks.amazonaws.com
        the dispatcher's role: iam:PassRole on arn:aws:iam::1:role/execution where iam:PassedToService is ecs-tasks.amazonaws.com
        the dispatcher's role: s3:DeleteObject, s3:GetObject, s3:PutObject on arn:aws:s3:::events/immortal/hello/x
        the dispatcher's role: s3:ListBucket on arn:aws:s3:::events where s3:prefix is immortal/hello/x
        the task role: lambda:GetFunction, lambda:GetFunctionEventInvokeConfig on arn:aws:lambda:eu-central-1:1:function:hello
        the task role: lambda:GetFunction, lambda:GetFunctionEventInvokeConfig on arn:aws:lambda:eu-central-1:1:function:hello:x
        the task role: s3:GetObject on arn:aws:s3:::events/immortal/hello/x
        the task role: s3:PutObject on arn:aws:s3:::events/immortal/hello/x/result
        the execution role: logs:CreateLogStream, logs:PutLogEvents on arn:aws:logs:eu-central-1:1:log-group:/aws/ecs/hello:x
        the execution role: ecr:BatchCheckLayerAvailability, ecr:BatchGetImage, ecr:GetDownloadUrlForLayer on arn:aws:ecr:eu-central-1:1:repository/hello-runner
        the execution role: ecr:GetAuthorizationToken on *"]]
    .assert_eq(&lines.join("\n"));
}

#[test]
fn what_is_not_there_is_not_asked_about_and_what_is_more_is() {
    let resources = |subject: &PermissionSubject| -> Vec<String> {
        wanted(subject).into_iter().map(|(whose, action)| format!("{whose}: {}", action.resource)).collect()
    };
    let bare = PermissionSubject {
        task_role: None,
        event_bucket: None,
        dead_letter_queue: None,
        image_repository: None,
        cluster_arn: None,
        ..subject()
    };
    let asked = resources(&bare).join("\n");
    for gone in ["task role", "s3:::", "dead-letters", ":repository/", "task/jobs", "role/task"] {
        assert!(!asked.contains(gone), "{gone}: {asked}");
    }
    let key = "arn:aws:kms:eu-central-1:1:key/a";
    let full = PermissionSubject { key: Some(key.to_owned()), has_layers: true, saves_progress: true, ..subject() };
    let asked = resources(&full);
    for more in [
        "the function's role: arn:aws:kms:eu-central-1:1:key/a",
        "the dispatcher's role: arn:aws:kms:eu-central-1:1:key/a",
        "the task role: arn:aws:lambda:eu-central-1:x:layer:x:x",
        "the function's role: arn:aws:s3:::events/immortal/hello/x/progress",
        "the task role: arn:aws:s3:::events/immortal/hello/x/progress",
    ] {
        assert!(asked.iter().any(|asked| asked == more), "{more}: {asked:?}");
    }
    assert_eq!(
        wanted(&PermissionSubject { function_arn: "hello".into(), ..subject() })
            .iter()
            .filter(|(_, action)| action.resource.contains("hello"))
            .count(),
        0
    );
}

#[test]
fn what_a_role_may_not_is_named_with_its_policy() {
    let permission = |actions: &[(&'static str, bool)]| RolePermission {
        whose: "the dispatcher's role",
        simulated: SimulatedAction {
            role: "arn:aws:iam::1:role/dispatcher".into(),
            actions: actions.iter().map(|(action, _)| *action).collect(),
            resource: "arn:x".into(),
            context: vec![],
        },
        decisions: ObservedPart::Known(
            actions
                .iter()
                .map(|(action, allowed)| ActionDecision { action: (*action).into(), is_allowed: *allowed })
                .collect(),
        ),
    };
    let other = RolePermission { whose: "the task role", ..permission(&[("lambda:GetFunction", true)]) };
    let unknown = RolePermission {
        decisions: ObservedPart::Unknown("denied: iam:SimulatePrincipalPolicy on r".into()),
        ..permission(&[("ecs:RunTask", true)])
    };
    let gone = RolePermission { decisions: ObservedPart::Missing, ..unknown.clone() };
    let with = |permissions: Vec<RolePermission>| DeployedState { permissions, ..sound() };
    let table = [
        (sound(), ["ok"].as_slice(), "2 actions"),
        (
            with(vec![permission(&[("ecs:RunTask", false)]), other.clone()]),
            &["fault", "ok"],
            "dispatcher may not ecs:RunTask on arn:x",
        ),
        (
            with(vec![permission(&[("ecs:RunTask", false)])]),
            &["fault"],
            r#"--policy-document '{"Statement":[{"Action":"ecs:RunTask""#,
        ),
        (
            with(vec![permission(&[("sqs:ChangeMessageVisibility", false)])]),
            &["warning"],
            "sqs:ChangeMessageVisibility",
        ),
        (with(vec![permission(&[("ecs:RunTask", true)]), unknown]), &["not-checked"], "iam:SimulatePrincipalPolicy"),
        (with(vec![gone]), &["not-checked"], "is not there"),
        (with(vec![]), &["not-checked"], "roles are not known"),
    ];
    for (state, levels, words) in table {
        check(&findings(&state), levels, words);
    }
}
