//! `doctor` where IAM simulates policies and tasks have stopped, neither of which moto does.

use serde_json::{Value, json};

use crate::{
    scripted_aws::{ScriptedAws, query_error},
    wrong_use::command,
};

const QUEUE: &str = "arn:aws:sqs:eu-central-1:1:failures";

/// A function, its dispatcher and its queue; a task that could not pull its image.
fn answers(endpoint_of_simulation: (&'static str, u16, String)) -> Vec<(&'static str, u16, String)> {
    let function = |name: &str, role: &str, variables: Value| {
        let arn = format!("arn:aws:lambda:eu-central-1:1:function:{name}");
        json!({
            "FunctionName": name, "FunctionArn": arn, "Role": format!("arn:aws:iam::1:role/{role}"),
            "Runtime": "provided.al2023", "Timeout": 60, "PackageType": "Zip", "Architectures": ["x86_64"],
            "Environment": { "Variables": variables },
        })
        .to_string()
    };
    let variables = json!({
        "IMMORTAL_FUNCTION": "hello", "IMMORTAL_RUNNER": "hello:1", "IMMORTAL_SUBNETS": "subnet-a",
        "IMMORTAL_CLUSTER": "jobs", "IMMORTAL_CONTAINER": "runner",
    });
    let mapping = json!({ "EventSourceMappings": [{
        "UUID": "u-1", "EventSourceArn": QUEUE, "FunctionArn": "arn:aws:lambda:eu-central-1:1:function:helloDlq",
        "State": "Enabled", "BatchSize": 10, "FunctionResponseTypes": ["ReportBatchItemFailures"],
    }] });
    let attributes =
        json!({ "Attributes": { "QueueArn": QUEUE, "VisibilityTimeout": "360", "MessageRetentionPeriod": "1209600" } });
    let definition = json!({ "taskDefinition": {
        "taskDefinitionArn": "arn:aws:ecs:eu-central-1:1:task-definition/hello:1", "family": "hello",
        "requiresCompatibilities": ["FARGATE"], "taskRoleArn": "arn:aws:iam::1:role/task",
        "containerDefinitions": [{ "name": "runner", "image": "public.ecr.aws/x/runner:1" }],
    } });
    let cluster = json!({ "clusters": [{
        "clusterName": "jobs", "clusterArn": "arn:aws:ecs:eu-central-1:1:cluster/jobs", "status": "ACTIVE",
        "capacityProviders": ["FARGATE", "FARGATE_SPOT"],
    }] });
    let task = json!({ "tasks": [{
        "taskArn": "arn:aws:ecs:eu-central-1:1:task/jobs/t1", "stopCode": "TaskFailedToStart",
        "stoppedReason": "CannotPullContainerError: dial tcp 3.5.0.1:443: i/o timeout",
    }] });
    vec![
        ("GET /2015-03-31/functions/hello/configuration", 200, function("hello", "primary", json!({}))),
        ("GET /2015-03-31/functions/helloDlq/configuration", 200, function("helloDlq", "dispatcher", variables)),
        ("GET /2015-03-31/event-source-mappings", 200, mapping.to_string()),
        ("GET /2015-03-31/event-source-mappings/", 200, mapping.to_string()),
        ("GetQueueUrl", 200, json!({ "QueueUrl": "https://sqs.eu-central-1.amazonaws.com/1/failures" }).to_string()),
        ("GetQueueAttributes", 200, attributes.to_string()),
        ("DescribeTaskDefinition", 200, definition.to_string()),
        ("DescribeClusters", 200, cluster.to_string()),
        ("ListTasks", 200, json!({ "taskArns": ["arn:aws:ecs:eu-central-1:1:task/jobs/t1"] }).to_string()),
        ("DescribeTasks", 200, task.to_string()),
        ("ListRuleNamesByTarget", 200, json!({ "RuleNames": [] }).to_string()),
        ("DescribeLogGroups", 200, json!({ "logGroups": [] }).to_string()),
        endpoint_of_simulation,
    ]
}

fn simulation(decisions: &[(&str, &str)]) -> (&'static str, u16, String) {
    let member = |(action, decision): &(&str, &str)| {
        format!("<member><EvalActionName>{action}</EvalActionName><EvalDecision>{decision}</EvalDecision></member>")
    };
    let members: String = decisions.iter().map(member).collect();
    let body = format!(
        "<SimulatePrincipalPolicyResponse><SimulatePrincipalPolicyResult><EvaluationResults>{members}</EvaluationResults>\
         <IsTruncated>false</IsTruncated></SimulatePrincipalPolicyResult></SimulatePrincipalPolicyResponse>"
    );
    ("SimulatePrincipalPolicy", 200, body)
}

/// The findings of a check: level, text and fix of each.
fn findings(simulated: (&'static str, u16, String), check: &str) -> Vec<[String; 3]> {
    let aws = ScriptedAws::start(&answers(simulated));
    let arguments = ["doctor", "--function", "hello", "--dispatcher", "helloDlq", "--json"];
    let directory = tempfile::tempdir().expect("a temporary directory");
    let output = aws.serves(&mut command(&directory, &arguments)).output().expect("the command runs");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    let report: Value = serde_json::from_slice(&output.stdout).expect("JSON alone");
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let findings = report["findings"].as_array().expect("a list").iter().filter(|finding| finding["check"] == check);
    findings.map(|finding| ["level", "text", "fix"].map(|field| text(&finding[field]))).collect()
}

#[test]
fn what_a_role_may_not_do_is_named_with_the_policy_that_allows_it() {
    let simulated = simulation(&[("sqs:SendMessage", "implicitDeny"), ("ecs:RunTask", "allowed")]);
    let found = findings(simulated, "permissions");
    let [level, text, fix] = &found[0];
    assert_eq!(level, "fault");
    assert_eq!(text, &format!("the function's role primary may not sqs:SendMessage on {QUEUE}"));
    assert!(
        fix.starts_with("aws iam put-role-policy --role-name primary --policy-name immortal-sqs-SendMessage"),
        "{fix}"
    );
}

#[test]
fn what_a_role_may_do_is_ok_and_what_is_denied_is_not_checked() {
    let levels = |simulated| -> Vec<String> {
        findings(simulated, "permissions").into_iter().map(|[level, ..]| level).collect()
    };
    assert_eq!(levels(simulation(&[("sqs:SendMessage", "allowed")])), ["ok", "ok", "ok"]);
    let message = "User: arn:aws:iam::1:user/a is not authorized to perform: iam:SimulatePrincipalPolicy on resource: arn:aws:iam::1:role/primary";
    let denied = ("SimulatePrincipalPolicy", 403, query_error("AccessDenied", message));
    let found = findings(denied, "permissions");
    assert!(
        found.iter().all(|[level, text, _]| level == "not-checked" && text.contains("iam:SimulatePrincipalPolicy")),
        "{found:?}"
    );
}

#[test]
fn a_task_that_found_no_way_out_tells_of_the_subnets() {
    let [[level, text, fix]] = findings(simulation(&[("x:Y", "allowed")]), "network").try_into().expect("one finding");
    assert_eq!(level, "fault");
    assert_eq!(text, "the task t1 could not start: CannotPullContainerError: dial tcp 3.5.0.1:443: i/o timeout");
    assert!(fix.contains("AssignPublicIp=ENABLED") && fix.contains("internet gateway"), "{fix}");
}
