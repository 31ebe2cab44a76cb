//! What goes wrong: one line each, with what to do, and the exit code that says whose mistake it is.

use immortal_emulator::{Fault, FaultKind, FaultedCalls};

use super::{
    canned::{CannedService, xml_error},
    deployed::{Deployed, output_text, plain_command},
};

/// The one line that was said, by a command that ended with this code and did nothing.
fn only_line((code, stdout, stderr): (i32, String, String), expected: i32) -> String {
    assert_eq!((code, stdout.as_str()), (expected, ""), "{stderr}");
    let line = stderr.strip_suffix('\n').expect("a line");
    assert!(!line.contains('\n'), "{line}");
    line.to_owned()
}

#[test]
fn without_a_region_or_credentials() {
    let mut command = plain_command(&["jobs", "--function", "hello"]);
    let line = only_line(output_text(command.output().expect("it runs")), 2);
    assert_eq!(line, "error: no AWS region is configured; give --region, or set AWS_REGION");
    let mut command = plain_command(&["jobs", "--function", "hello", "--profile", "work"]);
    let line = only_line(output_text(command.output().expect("it runs")), 2);
    assert!(line.starts_with("error: the profile \"work\" has no region, or is not there; "), "{line}");
    let mut command = plain_command(&["jobs", "--function", "hello", "--region", "eu-central-1"]);
    let line = only_line(output_text(command.output().expect("it runs")), 1);
    let expected = "error: there are no valid AWS credentials for lambda:GetFunctionConfiguration; log in, ";
    assert!(line.starts_with(expected), "{line}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stack_that_is_not_there_or_has_nothing_of_ours() {
    let deployed = Deployed::start().await;
    let missing = CannedService::start(|_, _| xml_error(400, "ValidationError", "Stack with id nope does not exist"));
    let mut command = deployed.command(&["jobs", "--stack", "nope"]);
    command.env("AWS_ENDPOINT_URL_CLOUDFORMATION", missing.endpoint());
    let line = only_line(output_text(command.output().expect("it runs")), 1);
    let expected = "error: the stack nope is not there (cloudformation:ListStackResources); check its name, the region and \
                    the profile: ";
    assert!(line.starts_with(expected), "{line}");
    let empty = CannedService::start(|_, _| super::canned::stack(&[]));
    let mut command = deployed.command(&["jobs", "--stack", "other"]);
    command.env("AWS_ENDPOINT_URL_CLOUDFORMATION", empty.endpoint());
    let line = only_line(output_text(command.output().expect("it runs")), 2);
    assert!(
        line.starts_with("error: the stack other in eu-central-1 has no dispatcher of `cargo immortal template` in it"),
        "{line}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_action_that_is_missing_is_named() {
    let deployed = Deployed::start().await;
    deployed.fail("r-1", r#"{"name":"hangs"}"#);
    deployed.hanging("r-1").await;
    let table = [
        ("GetFunctionConfiguration", &["jobs"][..], "error: denied: lambda:GetFunctionConfiguration on "),
        ("ListTasks", &["jobs"], "error: denied: ecs:ListTasks on "),
        ("GetQueueAttributes", &["jobs"], "error: denied: sqs:GetQueueAttributes on "),
        ("UpdateEventSourceMapping", &["pause"], "error: denied: lambda:UpdateEventSourceMapping on "),
        ("ReceiveMessage", &["dead"], "error: denied: sqs:ReceiveMessage on "),
    ];
    for (operation, arguments, expected) in table {
        deployed.emulator.inject(Fault { operation, kind: FaultKind::AccessDenied, calls: FaultedCalls::All });
        let line = only_line(deployed.run(arguments).await, 1);
        assert!(line.starts_with(expected) && line.contains("; allow your role or user this action"), "{line}");
        deployed.emulator.end_faults(operation);
    }
    // What fails among several is said, and the others are done.
    deployed.emulator.inject(Fault { operation: "StopTask", kind: FaultKind::AccessDenied, calls: FaultedCalls::All });
    let (code, _, stderr) = deployed.run(&["stop", "--all", "--yes"]).await;
    assert_eq!(code, 1);
    assert!(stderr.starts_with("error: r-1: denied: ecs:StopTask on "), "{stderr}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_ask_cloudwatch_may_pause() {
    let deployed = Deployed::start().await;
    let denied = CannedService::start(|_, _| super::canned::CannedAnswer {
        status: 403,
        content_type: "application/cbor",
        // {"__type": "AccessDenied"}
        body: [&[0xa1, 0x66][..], b"__type", &[0x6c], b"AccessDenied"].concat(),
    });
    let mut command = deployed.command(&["pause"]);
    command.env("AWS_ENDPOINT_URL_CLOUDWATCH", denied.endpoint());
    let output = tokio::task::spawn_blocking(move || command.output()).await.expect("no panic").expect("it runs");
    let (code, stdout, stderr) = output_text(output);
    assert_eq!(code, 0, "{stderr}");
    assert!(stdout.starts_with("hello is paused"), "{stdout}");
    assert!(
        stderr.contains("denied: cloudwatch:GetMetricStatistics on ApproximateAgeOfOldestMessage of hello-failures"),
        "{stderr}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_throttle_that_does_not_end_and_one_that_does() {
    let deployed = Deployed::start().await;
    let throttle = |calls| Fault { operation: "ListTasks", kind: FaultKind::Throttle, calls };
    deployed.emulator.inject(throttle(FaultedCalls::Next(2)));
    let (code, _, stderr) = deployed.run(&["jobs"]).await;
    assert_eq!(code, 0, "{stderr}");
    deployed.emulator.inject(throttle(FaultedCalls::All));
    let line = only_line(deployed.run(&["jobs"]).await, 1);
    assert!(line.starts_with("error: throttled: ecs:ListTasks on the cluster jobs; try again in a minute"), "{line}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_answers() {
    let deployed = Deployed::start().await;
    let mut command = deployed.command(&["jobs", "--function", "hello"]);
    command.env("AWS_ENDPOINT_URL", "http://127.0.0.1:1");
    let output = tokio::task::spawn_blocking(move || command.output()).await.expect("no panic").expect("it runs");
    let line = only_line(output_text(output), 1);
    assert!(line.starts_with("error: AWS did not answer lambda:GetFunctionConfiguration on the function "), "{line}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_ends_or_repeats_work_is_not_done_unasked() {
    let deployed = Deployed::start().await;
    deployed.fail("r-1", r#"{"name":"hangs"}"#);
    deployed.hanging("r-1").await;
    let line = only_line(deployed.run(&["stop", "r-1"]).await, 2);
    assert_eq!(
        line,
        "error: Stop attempt 1 of r-1? Its work ends, and its event becomes a dead letter. There is nobody to ask; say so \
         with --yes"
    );
    let (_, stdout, _) = deployed.run(&["jobs"]).await;
    assert!(stdout.contains("running"), "{stdout}");
    let line = only_line(deployed.run(&["redrive", "r-1"]).await, 2);
    assert!(line.ends_with("say so with --yes"), "{line}");
    let line = only_line(deployed.run(&["stop", "r-2", "--yes"]).await, 1);
    assert!(line.starts_with("error: no task of r-2 is at work: its latest is not known to ECS"), "{line}");
    for arguments in [&["stop"][..], &["redrive"], &["dead", "--event"], &["logs"]] {
        let (code, stdout, _) = deployed.run(arguments).await;
        assert_eq!((code, stdout.as_str()), (2, ""), "{arguments:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn all_parts_that_are_missing_are_named_at_once() {
    let deployed = Deployed::start().await;
    // The primary is no dispatcher: it leads to nothing.
    let line = only_line(deployed.run(&["jobs", "--dispatcher", "hello"]).await, 2);
    let expected = "error: what is named by hand does not lead to all parts of the deployment; name the others: --function, \
                    --task-definition, --container, --failure-queue";
    assert_eq!(line, expected);
    let by_hand = [
        "jobs",
        "--dispatcher",
        "helloDlq",
        "--mapping",
        &deployed.mapping,
        "--failure-queue",
        "hello-failures",
        "--dead-letter-queue",
        "arn:aws:sqs:eu-central-1:123456789012:hello-dead-letters",
    ];
    let (code, stdout, stderr) = deployed.run(&by_hand).await;
    assert_eq!(code, 0, "{stderr}");
    assert!(stdout.contains("failure queue  0 waiting"), "{stdout}");
}
