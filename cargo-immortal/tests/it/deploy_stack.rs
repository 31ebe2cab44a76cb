//! `deploy` where `CloudFormation` refuses or fails, which moto's never does.

use std::process::{Command, Output};

use tempfile::TempDir;

use crate::{
    scripted_aws::{ScriptedAws, query_error},
    wrong_use::{command, one_line, package},
};

/// A package, and a program of it that says what an immortal one would, with the signs of its roles in it.
fn built() -> TempDir {
    let directory = package(
        r##"fn main() {
            let signs = ["IMMORTAL_ROLE", "IMMORTAL_SUBNETS", "IMMORTAL_STALL_TIMEOUT"];
            if std::env::args().count() > signs.len() {
                println!("{signs:?}");
            }
            println!("{}", r#"{"schema":1,"handler":"tool","package":"tool","version":"0.1.0","immortal":"0.1.0",
                "cpu":null,"memory":null,"storage":null,"spot":false,"attempts":3,"on":"any","grace":10000,"limit":null}"#);
        }"##,
    );
    let mut build = Command::new(env!("CARGO"));
    build.args(["build", "--quiet"]).current_dir(&directory).env("CARGO_TARGET_DIR", directory.path().join("target"));
    assert!(build.status().expect("cargo runs").success(), "the package builds");
    directory
}

fn deploy(directory: &TempDir, aws: &ScriptedAws) -> Output {
    let arguments = [
        "deploy",
        "-p",
        "tool",
        "--zip",
        "target/debug/tool",
        "--bucket",
        "packages",
        "--parameter",
        "Image=runner:1",
        "--parameter",
        "Subnets=subnet-a",
    ];
    aws.serves(&mut command(directory, &arguments)).output().expect("the command runs")
}

/// What it said on standard error, once it ended with this code.
fn said(output: &Output, code: i32) -> String {
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(code), "{stderr}");
    stderr
}

fn last_line(text: &str) -> &str {
    text.trim_end().rsplit('\n').next().unwrap_or_default()
}

fn no_stack() -> (&'static str, u16, String) {
    ("DescribeStacks", 400, query_error("ValidationError", "Stack with id tool does not exist"))
}

/// All that goes well before a change set.
fn before() -> Vec<(&'static str, u16, String)> {
    let account = "<GetCallerIdentityResponse><GetCallerIdentityResult><Account>1</Account></GetCallerIdentityResult></GetCallerIdentityResponse>";
    vec![
        no_stack(),
        ("GetCallerIdentity", 200, account.to_owned()),
        ("HEAD /packages", 200, String::new()),
        ("HEAD /packages/", 200, String::new()),
    ]
}

fn change_set(status: &str, reason: &str) -> Vec<(&'static str, u16, String)> {
    let create = "<CreateChangeSetResponse><CreateChangeSetResult><Id>arn:change</Id></CreateChangeSetResult></CreateChangeSetResponse>";
    let describe = format!(
        "<DescribeChangeSetResponse><DescribeChangeSetResult><Status>{status}</Status><StatusReason>{reason}</StatusReason>\
         <Changes><member><Type>Resource</Type><ResourceChange><Action>Add</Action>\
         <LogicalResourceId>Primary</LogicalResourceId><ResourceType>AWS::Lambda::Function</ResourceType></ResourceChange>\
         </member></Changes></DescribeChangeSetResult></DescribeChangeSetResponse>"
    );
    vec![
        ("CreateChangeSet", 200, create.to_owned()),
        ("DescribeChangeSet", 200, describe),
        ("ExecuteChangeSet", 200, "<ExecuteChangeSetResponse/>".to_owned()),
        ("DeleteChangeSet", 200, "<DeleteChangeSetResponse/>".to_owned()),
    ]
}

/// The oldest first, as they happened: logical ID, type, status and reason.
fn events(events: &[[&str; 4]]) -> (&'static str, u16, String) {
    let event = |(number, [id, kind, status, reason]): (usize, &[&str; 4])| {
        format!(
            "<member><EventId>{number}</EventId><StackName>tool</StackName><LogicalResourceId>{id}</LogicalResourceId>\
             <ResourceType>{kind}</ResourceType><ResourceStatus>{status}</ResourceStatus>\
             <ResourceStatusReason>{reason}</ResourceStatusReason></member>"
        )
    };
    let members: Vec<_> = events.iter().enumerate().map(event).rev().collect();
    let body = format!(
        "<DescribeStackEventsResponse><DescribeStackEventsResult><StackEvents>{}</StackEvents></DescribeStackEventsResult></DescribeStackEventsResponse>",
        members.concat()
    );
    ("DescribeStackEvents", 200, body)
}

/// With an answer for each upload, whose key is the hash of a program that this test builds.
fn start(answers: Vec<(&'static str, u16, String)>, directory: &TempDir) -> ScriptedAws {
    let program = std::fs::read(directory.path().join("target/debug/tool")).expect("built");
    let digits = <sha2::Sha256 as sha2::Digest>::digest(program)
        .iter()
        .fold(String::new(), |digits, byte| digits + &format!("{byte:02x}"));
    let put = format!("PUT /packages/tool/{digits}.zip");
    let mut answers: Vec<(&str, u16, String)> = answers;
    answers.push((put.as_str(), 200, String::new()));
    ScriptedAws::start(&answers)
}

const STACK: &str = "AWS::CloudFormation::Stack";

#[test]
fn a_stack_that_fails_names_the_resource_and_the_reason() {
    let directory = built();
    let began = [["tool", STACK, "CREATE_IN_PROGRESS", "User Initiated"]];
    let failed = [
        began[0],
        ["Primary", "AWS::Lambda::Function", "CREATE_FAILED", "The role cannot be assumed by Lambda."],
        ["Dispatcher", "AWS::Lambda::Function", "CREATE_FAILED", "Resource creation cancelled"],
        ["tool", STACK, "ROLLBACK_COMPLETE", ""],
    ];
    let answers = [before(), change_set("CREATE_COMPLETE", ""), vec![events(&began), events(&failed)]].concat();
    let aws = start(answers, &directory);
    let said = said(&deploy(&directory, &aws), 1);
    for line in
        ["stack     create tool", "            add     Primary  AWS::Lambda::Function", "CREATE_FAILED         Primary"]
    {
        assert!(said.contains(line), "{said}");
    }
    assert_eq!(
        last_line(&said),
        "error: the deployment of the stack tool failed, and it is ROLLBACK_COMPLETE: Primary (AWS::Lambda::Function): \
         The role cannot be assumed by Lambda.; fix it, delete what was never made: \
         aws cloudformation delete-stack --stack-name tool, and deploy again"
    );
    assert_eq!(said.matches("CREATE_IN_PROGRESS").count(), 1, "each event is shown once: {said}");
    assert_eq!((aws.count("ExecuteChangeSet"), aws.count("DescribeStackEvents")), (1, 2));
}

#[test]
fn an_update_keeps_what_the_stack_was_told_and_prints_its_outputs() {
    let directory = built();
    let stack = |outputs: &str| {
        format!(
            "<DescribeStacksResponse><DescribeStacksResult><Stacks><member><StackId>arn</StackId><StackName>tool</StackName>\
             <StackStatus>UPDATE_COMPLETE</StackStatus><CreationTime>2026-11-27T00:00:00Z</CreationTime><Parameters>\
             <member><ParameterKey>Subnets</ParameterKey><ParameterValue>subnet-old</ParameterValue></member>\
             <member><ParameterKey>Image</ParameterKey><ParameterValue>shared:1</ParameterValue></member>\
             <member><ParameterKey>MaxTasks</ParameterKey><ParameterValue>50</ParameterValue></member>\
             <member><ParameterKey>Cluster</ParameterKey><ParameterValue/></member></Parameters>\
             <Outputs>{outputs}</Outputs></member></Stacks></DescribeStacksResult></DescribeStacksResponse>"
        )
    };
    let output = "<member><OutputKey>Function</OutputKey><OutputValue>tool</OutputValue></member>";
    let template = "<GetTemplateResponse><GetTemplateResult><TemplateBody>Parameters:\n  Cluster:\n    Default: ''\n  MaxTasks:\n    Default: ''\n</TemplateBody></GetTemplateResult></GetTemplateResponse>";
    let past = ["tool", STACK, "CREATE_COMPLETE", ""];
    let ended = [past, ["tool", STACK, "UPDATE_IN_PROGRESS", ""], ["tool", STACK, "UPDATE_COMPLETE", ""]];
    let mut answers = before();
    answers.retain(|(call, ..)| *call != "DescribeStacks");
    answers.extend([
        ("DescribeStacks", 200, stack("")),
        ("DescribeStacks", 200, stack(output)),
        ("GetTemplate", 200, template.to_owned()),
        events(&[past]),
        events(&ended),
    ]);
    let aws = start([answers, change_set("CREATE_COMPLETE", "")].concat(), &directory);
    let arguments = ["deploy", "-p", "tool", "--zip", "target/debug/tool", "--bucket", "packages"];
    let output = aws.serves(&mut command(&directory, &arguments)).output().expect("the command runs");
    let said = said(&output, 0);
    assert!(said.contains("stack     update tool") && said.contains("image     shared:1, as chosen"), "{said}");
    assert!(!said.contains("CREATE_COMPLETE"), "what happened before is not shown: {said}");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "Function  tool\n");
    let body = aws.body("CreateChangeSet");
    assert!(body.contains("ChangeSetType=UPDATE"), "{body}");
    for kept in ["Subnets", "Image", "MaxTasks"] {
        assert!(body.contains(&format!("ParameterKey={kept}&")), "{kept}: {body}");
    }
    assert_eq!(body.matches("UsePreviousValue=true").count(), 3, "{body}");
    assert!(!body.contains("ParameterKey=Cluster"), "a default that nobody changed follows the template: {body}");
}

#[test]
fn a_change_set_that_fails_says_why_and_is_not_left_behind() {
    let directory = built();
    let reason = "Parameters: [Subnets] must be of one VPC";
    let aws = start([before(), change_set("FAILED", reason)].concat(), &directory);
    let said = said(&deploy(&directory, &aws), 1);
    assert_eq!(last_line(&said), format!("error: the stack tool can't be changed: {reason}"));
    assert_eq!((aws.count("DeleteChangeSet"), aws.count("ExecuteChangeSet")), (1, 0));
}

#[test]
fn a_denied_call_names_the_action() {
    let directory = built();
    let message = "User: arn:aws:iam::1:user/a is not authorized to perform: cloudformation:CreateChangeSet on resource: arn:aws:cloudformation:eu-central-1:1:stack/tool/* because no identity-based policy allows it";
    let denied = ("CreateChangeSet", 403, query_error("AccessDenied", message));
    let aws = start([before(), vec![denied]].concat(), &directory);
    let said = said(&deploy(&directory, &aws), 1);
    let line = last_line(&said);
    assert!(
        line.starts_with(
            "error: denied: cloudformation:CreateChangeSet on arn:aws:cloudformation:eu-central-1:1:stack/tool/*"
        ),
        "{said}"
    );
}

#[test]
fn a_stack_that_cannot_be_deployed_to_is_said_before_anything_is_built() {
    let directory = built();
    let table = [
        ("ROLLBACK_COMPLETE", "aws cloudformation delete-stack --stack-name tool"),
        ("UPDATE_IN_PROGRESS", "another deployment is at work"),
        ("UPDATE_ROLLBACK_FAILED", "aws cloudformation continue-update-rollback --stack-name tool"),
    ];
    for (status, words) in table {
        let stack = format!(
            "<DescribeStacksResponse><DescribeStacksResult><Stacks><member><StackId>arn</StackId><StackName>tool</StackName>\
             <StackStatus>{status}</StackStatus><CreationTime>2026-11-27T00:00:00Z</CreationTime></member></Stacks></DescribeStacksResult></DescribeStacksResponse>"
        );
        let aws = start(vec![("DescribeStacks", 200, stack)], &directory);
        let said = said(&deploy(&directory, &aws), 1);
        let message = one_line(&said);
        assert!(message.contains(status) && message.contains(words), "{message}");
    }
}
