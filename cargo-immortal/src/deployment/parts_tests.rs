use std::collections::BTreeMap;

use super::*;

const DEFINITION: &str = "arn:aws:ecs:eu-central-1:111111111111:task-definition/hello:7";

fn queue(name: &str) -> QueueAddress {
    QueueAddress { url: format!("https://sqs/{name}"), arn: format!("arn:aws:sqs:eu-central-1:111111111111:{name}") }
}

fn dispatcher(variables: &[(&str, &str)]) -> FunctionDetails {
    let variables: BTreeMap<_, _> =
        variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    FunctionDetails {
        name: "helloDlq".to_owned(),
        log_group: "/logs/dispatcher".to_owned(),
        variables,
        ..FunctionDetails::default()
    }
}

fn mapping(uuid: &str, queue_name: &str) -> MappingSettings {
    MappingSettings {
        uuid: uuid.to_owned(),
        queue_arn: queue(queue_name).arn,
        function_arn: "arn:aws:lambda:eu-central-1:111111111111:function:helloDlq".to_owned(),
        state: "Enabled".to_owned(),
        ..MappingSettings::default()
    }
}

#[expect(clippy::unnecessary_wraps, reason = "each part is one that may not be known")]
fn text(text: &str) -> Option<String> {
    Some(text.to_owned())
}

#[test]
fn the_dispatcher_leads_to_all_parts() {
    let configuration = dispatcher(&[
        ("IMMORTAL_FUNCTION", "arn:aws:lambda:eu-central-1:111111111111:function:hello:live"),
        ("IMMORTAL_RUNNER", DEFINITION),
        ("IMMORTAL_CONTAINER", "runner"),
        ("IMMORTAL_CLUSTER", "jobs"),
        ("IMMORTAL_DEAD_LETTER_QUEUE", "https://sqs/dead"),
        ("IMMORTAL_EVENT_BUCKET", "events"),
    ]);
    let parts = DeploymentParts { dispatcher: text("helloDlq"), ..DeploymentParts::default() };
    let parts = parts.or(DeploymentParts::from_dispatcher(&configuration)).with_mapping(&[mapping("m-1", "failures")]);
    let queues = parts.queues(None).expect("all is known");
    assert_eq!((queues.failure, queues.dead_letters), (queue("failures").arn.as_str(), Some("https://sqs/dead")));
    let deployment = parts.complete(None, queue("failures"), Some(queue("dead"))).expect("all is known");
    assert_eq!((deployment.function.as_str(), deployment.qualifier.as_deref()), ("hello", Some("live")));
    assert_eq!((deployment.cluster.as_str(), deployment.container.as_str()), ("jobs", "runner"));
    assert_eq!(deployment.task_family(), "hello");
    assert_eq!(deployment.mapping.as_deref(), Some("m-1"));
    assert_eq!(deployment.function_logs, "/aws/lambda/hello");
    assert_eq!(deployment.dispatcher_logs, "/logs/dispatcher");
}

#[test]
fn the_articles_dispatcher_has_less_to_say() {
    let configuration = dispatcher(&[("RUNNER", "immortal:3"), ("SUBNET", "subnet-1")]);
    let parts = DeploymentParts::from_dispatcher(&configuration);
    assert_eq!((parts.function.as_deref(), parts.cluster.as_deref()), (Some("hello"), Some("default")));
    assert_eq!(parts.container.as_deref(), Some("immortal"));
}

#[test]
fn flags_override_what_is_derived() {
    let args = PartArgs {
        function: text("hello:7"),
        cluster: text("other"),
        failure_queue: text("mine"),
        ..PartArgs::default()
    };
    let derived = DeploymentParts::from_dispatcher(&dispatcher(&[
        ("IMMORTAL_FUNCTION", "hello:live"),
        ("IMMORTAL_CLUSTER", "jobs"),
        ("IMMORTAL_RUNNER", "hello"),
    ]));
    let parts = DeploymentParts::from_args(&args).expect("a name").or(derived);
    assert_eq!((parts.function.as_deref(), parts.qualifier.as_deref()), (Some("hello"), Some("7")));
    assert_eq!((parts.cluster.as_deref(), parts.task_definition.as_deref()), (Some("other"), Some("hello")));
    let wrong = PartArgs { function: text("a b"), ..PartArgs::default() };
    assert!(DeploymentParts::from_args(&wrong).is_err());
}

#[test]
fn a_qualifier_is_that_of_the_name_beside_it() {
    let derived = || DeploymentParts { function: text("hello"), qualifier: text("live"), ..DeploymentParts::default() };
    let named = |function: &str| DeploymentParts { function: text(function), ..DeploymentParts::default() };
    assert_eq!(named("hello").or(derived()).qualifier.as_deref(), Some("live"));
    let other = named("bye").or(derived());
    assert_eq!((other.function.as_deref(), other.qualifier), (Some("bye"), None));
    assert_eq!(DeploymentParts::default().or(derived()).qualifier.as_deref(), Some("live"));
}

#[test]
fn all_that_is_missing_is_said_at_once() {
    let parts = DeploymentParts { function: text("hello"), ..DeploymentParts::default() };
    assert_eq!(
        parts.queues(None).expect_err("much is missing"),
        "what is named by hand does not lead to all parts of the deployment; name the others: --dispatcher, --cluster, \
         --task-definition, --container, --failure-queue"
    );
}

#[test]
fn of_several_mappings_the_failure_queues_is_taken() {
    let mappings = [mapping("m-1", "uploads"), mapping("m-2", "failures")];
    let known = |failure_queue: Option<&str>| DeploymentParts {
        failure_queue: failure_queue.map(str::to_owned),
        ..DeploymentParts::default()
    };
    for named in ["failures", "https://sqs.eu-central-1.amazonaws.com/1/failures", queue("failures").arn.as_str()] {
        assert_eq!(known(Some(named)).with_mapping(&mappings).mapping.as_deref(), Some("m-2"), "{named}");
    }
    assert_eq!(known(None).with_mapping(&mappings).mapping, None, "either could be it");
    let by_uuid = DeploymentParts { mapping: text("m-1"), ..DeploymentParts::default() }.with_mapping(&mappings);
    assert_eq!(by_uuid.failure_queue, Some(queue("uploads").arn));
}
