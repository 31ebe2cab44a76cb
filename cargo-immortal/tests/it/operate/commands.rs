//! Each command, rightly used.

use std::time::Duration;

use immortal_emulator::{EntryKind, JournalEntry};
use serde_json::Value;

use super::deployed::Deployed;

const BY_HAND: [&str; 4] = ["--function", "hello", "--region", "eu-central-1"];

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_at_work_are_shown_with_what_waits() {
    let deployed = Deployed::start().await;
    deployed.fail("r-1", r#"{"name":"hangs"}"#);
    let task = deployed.hanging("r-1").await;
    let (code, stdout, stderr) = deployed.run(&[&["jobs", "--json"], &BY_HAND[..]].concat()).await;
    assert_eq!(code, 0, "{stderr}");
    let overview = json(&stdout);
    assert_eq!(overview["function"], "hello");
    assert_eq!((&overview["paused"], &overview["mapping"]), (&Value::from(false), &Value::from("Enabled")));
    assert_eq!(overview["deadLetters"]["waiting"], 0);
    let job = &overview["jobs"][0];
    assert_eq!((&job["requestId"], &job["state"]), (&Value::from("r-1"), &Value::from("running")));
    assert_eq!((&job["attempt"], &job["series"], &job["tasks"]), (&1.into(), &0.into(), &1.into()));
    assert_eq!((&job["cpu"], &job["memory"], &job["spot"]), (&256.into(), &512.into(), &false.into()));
    assert_eq!(job["task"], task.as_str());
    let (code, stdout, _) = deployed.run(&["jobs"]).await;
    assert_eq!(code, 0);
    assert!(
        stdout.starts_with("REQUEST") && stdout.contains("\nr-1 ") && stdout.contains("paused         no"),
        "{stdout}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn watched_jobs_are_shown_again_and_again() {
    use std::{
        io::{BufRead as _, BufReader},
        process::Stdio,
    };

    let deployed = Deployed::start().await;
    let mut command = deployed.command(&["jobs", "--json", "--watch", "1s"]);
    let mut child = command.stdout(Stdio::piped()).spawn().expect("it runs");
    let stdout = BufReader::new(child.stdout.take().expect("piped"));
    let lines = tokio::task::spawn_blocking(move || stdout.lines().take(2).collect::<Result<Vec<_>, _>>());
    let lines = lines.await.expect("no panic").expect("text");
    child.kill().and_then(|()| child.wait()).expect("ours");
    assert_eq!(lines.len(), 2);
    for line in lines {
        assert_eq!(json(&line)["function"], "hello");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_paused_starts_nothing_until_it_is_resumed() {
    let deployed = Deployed::start().await;
    let (code, stdout, stderr) = deployed.run(&["pause", "--json"]).await;
    assert_eq!(code, 0, "{stderr}");
    let report = json(&stdout);
    assert_eq!((&report["paused"], &report["wasPaused"], &report["waiting"]), (&true.into(), &false.into(), &0.into()));
    assert_eq!(report["retentionSeconds"], 14 * 86_400);

    deployed.fail("r-1", r#"{"name":"hangs"}"#);
    let (_, stdout, _) = deployed.run(&["pause"]).await;
    assert!(stdout.starts_with("hello is already paused"), "{stdout}");
    assert!(stdout.contains("1 in the failure queue, which keeps a message for 14d"), "{stdout}");
    assert!(stdout.contains("the oldest is 3h 10m old and would be lost at "), "{stdout}");
    let (_, stdout, _) = deployed.run(&["jobs", "--json"]).await;
    let overview = json(&stdout);
    assert_eq!((&overview["paused"], &overview["failureQueue"]["waiting"]), (&true.into(), &1.into()));
    assert_eq!(overview["jobs"], Value::Array(Vec::new()), "nothing was started");

    let (code, stdout, stderr) = deployed.run(&["resume"]).await;
    assert_eq!(code, 0, "{stderr}");
    assert!(stdout.starts_with("hello goes on: "), "{stdout}");
    deployed.hanging("r-1").await;
    let (_, stdout, _) = deployed.run(&["resume", "--json"]).await;
    assert_eq!(json(&stdout)["wasPaused"], false);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_job_is_a_dead_letter() {
    let deployed = Deployed::start().await;
    for request_id in ["r-1", "r-2", "r-3"] {
        deployed.fail(request_id, r#"{"name":"hangs"}"#);
        deployed.hanging(request_id).await;
    }
    let (code, stdout, stderr) = deployed.run(&["stop", "r-1", "--yes"]).await;
    assert_eq!((code, stderr.as_str()), (0, ""));
    assert!(stdout.starts_with("r-1: told to stop\n"), "{stdout}");
    deployed.dead_letters(1).await;
    let (code, stdout, _) = deployed.run(&["dead", "r-1"]).await;
    assert_eq!(code, 0);
    assert!(stdout.contains("somebody stopped the task"), "{stdout}");

    let (code, stdout, stderr) = deployed.run(&["stop", "--all", "--yes", "--json"]).await;
    assert_eq!(code, 0, "{stderr}");
    let mut stopped: Vec<_> = json(&stdout)["stopped"].as_array().expect("a list").clone();
    stopped.sort_by_key(ToString::to_string);
    assert_eq!(stopped, ["r-2", "r-3"]);
    deployed.dead_letters(3).await;
    let (code, stdout, _) = deployed.run(&["stop", "--all"]).await;
    assert_eq!((code, stdout.as_str()), (0, "hello has no task at work\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn dead_letters_are_shown_and_left_where_they_are() {
    let deployed = Deployed::start().await;
    deployed.fail("r-1", r#"{"name":"", "n": 1.0}"#);
    deployed.dead_letters(1).await;
    let (code, stdout, _) = deployed.run(&["dead", "--json"]).await;
    assert_eq!(code, 0);
    let report = json(&stdout);
    let letter = &report["letters"][0];
    assert_eq!((&letter["requestId"], &letter["attempts"], &letter["series"]), (&"r-1".into(), &3.into(), &0.into()));
    assert!(!stdout.contains("1.0"), "no event without --event: {stdout}");
    // Byte for byte, and nothing else, so that it can be sent again.
    let (code, stdout, stderr) = deployed.run(&["dead", "r-1", "--event"]).await;
    assert_eq!((code, stdout.as_str(), stderr.as_str()), (0, "{\"name\":\"\", \"n\": 1.0}\n", ""));
    let (code, _, stderr) = deployed.run(&["dead", "r-9"]).await;
    assert_eq!(code, 1);
    assert!(stderr.contains("nothing of the request r-9 is in the queue hello-dead-letters"), "{stderr}");
    assert_eq!(deployed.emulator.messages("hello-dead-letters").len(), 1);
    assert_eq!(
        deployed.emulator.time_until_visible("hello-dead-letters"),
        Some(Duration::ZERO),
        "others can receive it"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redriven_job_begins_a_new_series() {
    let deployed = Deployed::start().await;
    for (count, request_id) in (1..).zip(["r-1", "r-2", "r-3"]) {
        deployed.fail(request_id, r#"{"name":""}"#);
        deployed.dead_letters(count).await;
    }
    deployed.deploy_fix();
    let (code, stdout, stderr) = deployed.run(&["redrive", "r-2", "--yes"]).await;
    assert_eq!(code, 0, "{stderr}");
    assert_eq!(stdout, "1 dead letter runs again: see `cargo immortal jobs`\n");
    assert!(stderr.contains("others cannot receive"), "{stderr}");
    deployed.succeeded("r-2").await;
    assert_eq!(deployed.emulator.messages("hello-dead-letters").len(), 2, "the others stay");
    assert_eq!(deployed.emulator.time_until_visible("hello-dead-letters"), Some(Duration::ZERO), "and can be received");

    let (_, _, _) = deployed.run(&["pause"]).await;
    let (code, stdout, _) = deployed.run(&["redrive", "--all", "--yes", "--json"]).await;
    assert_eq!(code, 0);
    let report = json(&stdout);
    assert_eq!((&report["redriven"], &report["paused"]), (&2.into(), &true.into()));
    let (code, _, _) = deployed.run(&["resume"]).await;
    assert_eq!(code, 0);
    for request_id in ["r-1", "r-3"] {
        deployed.succeeded(request_id).await;
    }
    let (_, stdout, _) = deployed.run(&["jobs", "--json"]).await;
    let jobs = json(&stdout)["jobs"].as_array().expect("a list").clone();
    assert_eq!(jobs.len(), 3);
    assert!(
        jobs.iter().all(|job| job["state"] == "succeeded" && job["series"] == 1 && job["attempt"] == 1),
        "{stdout}"
    );
    let (code, stdout, _) = deployed.run(&["redrive", "--all"]).await;
    assert_eq!((code, stdout.as_str()), (0, "hello has no dead letters: nothing to run again\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redrive_that_cannot_be_sent_loses_nothing() {
    use immortal_emulator::{Fault, FaultKind, FaultedCalls};

    let deployed = Deployed::start().await;
    deployed.fail("r-1", r#"{"name":""}"#);
    deployed.dead_letters(1).await;
    let fault = Fault { operation: "SendMessage", kind: FaultKind::AccessDenied, calls: FaultedCalls::All };
    deployed.emulator.inject(fault);
    let (code, _, stderr) = deployed.run(&["redrive", "r-1", "--yes"]).await;
    assert_eq!(code, 1);
    assert!(stderr.contains("error: denied: sqs:SendMessage on "), "{stderr}");
    assert_eq!(deployed.emulator.messages("hello-dead-letters").len(), 1);
    assert_eq!(deployed.emulator.time_until_visible("hello-dead-letters"), Some(Duration::ZERO));
    let was_deleted = |entry: &JournalEntry| matches!(&entry.kind, EntryKind::Called { operation, .. } if operation == "DeleteMessage");
    assert!(!deployed.emulator.journal().iter().any(was_deleted));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_nested_stack_is_found_in_the_one_around_it() {
    use super::{
        canned::{CannedService, stack},
        deployed::output_text,
    };

    let deployed = Deployed::start().await;
    let around = |arn: &str| {
        [("Hello", "AWS::Lambda::Function", "hello".to_owned()), ("Jobs", "AWS::CloudFormation::Stack", arn.to_owned())]
    };
    let nested = CannedService::start(move |_, body| {
        if body.contains("StackName=around") {
            return stack(&around("arn:aws:cloudformation:eu-central-1:123456789012:stack/nested/1"));
        }
        // As CDK names it.
        stack(&[("HelloImmortalDispatcher0A1B2C3D", "AWS::Lambda::Function", "helloDlq".to_owned())])
    });
    let mut command = deployed.command(&["jobs", "--stack", "around", "--json"]);
    command.env("AWS_ENDPOINT_URL_CLOUDFORMATION", nested.endpoint());
    let output = tokio::task::spawn_blocking(move || command.output()).await.expect("no panic").expect("it runs");
    let (code, stdout, stderr) = output_text(output);
    assert_eq!(code, 0, "{stderr}");
    let overview = json(&stdout);
    // The mapping is not in this stack: the dispatcher leads to it, and to the queues.
    assert_eq!((&overview["function"], &overview["mapping"]), (&"hello".into(), &"Enabled".into()));
    assert_eq!(overview["deadLetters"]["waiting"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dispatcher_of_another_name_is_found_behind_the_failure_queue() {
    let deployed = Deployed::start().await;
    // There is no `loneDlq`.
    deployed.emulator.deploy(deployed.primary("lone")).expect("a sound function");
    let (code, stdout, stderr) = deployed.run(&["jobs", "--function", "lone", "--json"]).await;
    assert_eq!(code, 0, "{stderr}");
    assert_eq!(json(&stdout)["mapping"], "Enabled");
}
