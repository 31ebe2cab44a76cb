use clap::Parser;

use super::*;

#[derive(Debug, Parser)]
struct TypedValue {
    #[command(flatten)]
    args: LocalArgs,
}

pub(crate) fn plan(flags: &[&str]) -> LocalPlan {
    let typed = ["local", "--event", "event.json"].iter().chain(flags);
    let args = TypedValue::try_parse_from(typed).expect("good flags").args;
    let candidate = crate::package::example("jobs", "ingest");
    let manifest = Manifest::new("ingest", "jobs", "0.1.0");
    LocalPlan::resolve(&args, &candidate, &manifest, Path::new("/t/ingest"), Path::new("/t/cargo-immortal"))
}

fn reached() -> Vec<(String, String)> {
    let pairs = [("AWS_ENDPOINT_URL", "http://127.0.0.1:1"), ("AWS_REGION", "x"), ("AWS_ACCESS_KEY_ID", "x")];
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
}

#[test]
fn without_flags_the_primary_is_the_binary_and_is_killed_after_three_seconds() {
    let plan = plan(&[]);
    let primary = plan.primary(vec![1], &reached(), "arn:q".into());
    assert_eq!((primary.name.as_str(), primary.timeout.as_secs(), primary.retries), ("ingest", 3, 0));
    assert_eq!(primary.on_failure, Some(FailureTarget::OnFailure("arn:q".into())));
    let variables: Vec<_> = primary.environment.keys().map(String::as_str).collect();
    let expected = ["AWS_ENDPOINT_URL", "IMMORTAL_EVENT_BUCKET", "IMMORTAL_ROLE"];
    assert_eq!(variables, expected, "a function may not set what Lambda sets");
    assert!(plan.faults().is_empty());
}

#[test]
fn flags_change_the_primary() {
    let flags = ["--timeout", "5s", "--retries", "2", "--dead-letter-config", "--memory", "1024", "--env", "AB=c"];
    let primary = plan(&flags).primary(vec![1], &reached(), "arn:q".into());
    assert_eq!((primary.timeout.as_secs(), primary.retries, primary.memory), (5, 2, 1024));
    assert_eq!(primary.on_failure, Some(FailureTarget::DeadLetterConfig("arn:q".into())));
    assert_eq!(primary.environment.get("AB").map(String::as_str), Some("c"));
}

#[test]
fn the_dispatcher_knows_the_runner_by_its_revision() {
    let dispatcher = plan(&[]).dispatcher(vec![1], &reached(), "arn:t:1".into());
    assert_eq!(dispatcher.name, "ingestDlq");
    let expected = [
        ("AWS_ENDPOINT_URL", "http://127.0.0.1:1"),
        ("IMMORTAL_CONTAINER", "ingest-runner"),
        ("IMMORTAL_DEAD_LETTER_QUEUE", "http://127.0.0.1:1/123456789012/ingest-dead-letters"),
        ("IMMORTAL_EVENT_BUCKET", "ingest-events"),
        ("IMMORTAL_RUNNER", "arn:t:1"),
        ("IMMORTAL_SUBNETS", "subnet-local"),
    ];
    assert_eq!(dispatcher.environment, expected.map(|(name, value)| (name.to_owned(), value.to_owned())).into());
    assert_eq!(dispatcher.on_failure, None, "nothing invokes it but the failure queue's mapping");
}

#[test]
fn stopped_tasks_of_its_family_come_through_the_failure_queue() {
    let TaskRule { family, last_status, target } = plan(&[]).task_rule("arn:q".into());
    assert_eq!((family.as_deref(), last_status), (Some("ingest-runner"), vec!["STOPPED".to_owned()]));
    assert_eq!(target, RuleTarget::Queue("arn:q".into()));
}

#[test]
fn kills_come_after_the_interruptions() {
    let plan = plan(&["--interrupt-after", "2s", "--interruptions", "2", "--kill-attempts", "9"]);
    assert_eq!([0, 2, 5, 20].map(|tasks| plan.killed(tasks)), [0, 0, 3, 9]);
}

#[test]
fn the_task_is_the_same_binary_as_runner() {
    let ours = ["HOME", "DOCKER_HOST", "AWS_PROFILE"].map(|name| (name.to_owned(), "x".to_owned()));
    let definition = plan(&[]).task_definition(ours);
    assert!(!definition.environment.contains_key("HOME"));
    assert_eq!(definition.command, ["/t/ingest"]);
    assert_eq!(definition.environment.get("IMMORTAL_ROLE").map(String::as_str), Some("runner"));
    assert_eq!((definition.cpu, definition.memory), (256, 1024));
    assert_eq!(definition.stop_timeout.as_secs(), 6);
    assert_eq!(definition.environment.get("IMMORTAL_STOP_TIMEOUT").map(String::as_str), Some("6"));
    let log = definition.log.expect("a dead letter names it");
    assert_eq!((log.group.as_str(), log.stream_prefix.as_str()), ("/aws/ecs/ingest", "task"));
}

#[test]
fn the_task_is_a_container_when_asked_for() {
    let ours = ["HOME", "DOCKER_HOST", "AWS_PROFILE"].map(|name| (name.to_owned(), "x".to_owned()));
    let definition = plan(&["--docker", "hello-runner"]).task_definition(ours);
    let command = ["/t/cargo-immortal", "immortal", "container", "--image", "hello-runner"];
    assert_eq!(definition.command, command);
    let names: Vec<_> = definition.environment.keys().map(String::as_str).collect();
    assert_eq!(names, ["DOCKER_HOST", "HOME", "IMMORTAL_ROLE", "IMMORTAL_STOP_TIMEOUT"]);
}

#[test]
fn interruptions_come_before_kills() {
    let faults = plan(&["--interrupt-after", "2s", "--interruptions", "3", "--kill-attempts", "1"]).faults();
    let expected = "[Fault { operation: \"RunTask\", kind: Interrupt { after: 2s, stop_code: SpotInterruption }, \
         calls: Next(3) }, Fault { operation: \"RunTask\", kind: OutOfMemory { after: 1s }, calls: Next(1) }]";
    assert_eq!(format!("{faults:?}"), expected);
}
