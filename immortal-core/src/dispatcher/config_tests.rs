use super::*;

fn read(variables: &[(&str, &str)]) -> Result<DispatcherConfig, ConfigProblems> {
    DispatcherConfig::read(|name| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned()))
}

#[test]
fn the_articles_three_variables_are_enough() {
    let variables = [("AWS_LAMBDA_FUNCTION_NAME", "ingestDlq"), ("RUNNER", "runner:3"), ("SUBNET", "subnet-1")];
    let config = read(&variables).expect("complete");
    assert_eq!(config.primary.name, "ingest");
    assert_eq!((config.task_definition.as_str(), config.container.as_str()), ("runner:3", "runner"));
    assert_eq!(config.cluster, "default");
    let network = NetworkConfig { subnets: vec!["subnet-1".into()], security_groups: vec![], public_ip: true };
    assert_eq!(config.network, network);
    assert_eq!(config.transport, EventTransport::Inline { bucket: None });
    assert_eq!(config.options, TaskOptions { propagate_tags: false, execute_command: false });
}

#[test]
fn everything_can_be_said() {
    let variables = [
        ("AWS_LAMBDA_FUNCTION_NAME", "any"),
        ("AWS_REGION", "cn-north-1"),
        ("IMMORTAL_FUNCTION", "arn:aws-cn:lambda:cn-north-1:111111111111:function:ingest:live"),
        ("IMMORTAL_RUNNER", "arn:aws-cn:ecs:cn-north-1:111111111111:task-definition/immortal:12"),
        ("RUNNER", "unused"),
        ("IMMORTAL_SUBNETS", "subnet-1, subnet-2,"),
        ("IMMORTAL_SECURITY_GROUPS", "sg-1,sg-2"),
        ("IMMORTAL_ASSIGN_PUBLIC_IP", "DISABLED"),
        ("IMMORTAL_CLUSTER", "batch"),
        ("IMMORTAL_CONTAINER", "main"),
        ("IMMORTAL_EVENT_BUCKET", "events"),
        ("IMMORTAL_INLINE_EVENTS", "false"),
        ("IMMORTAL_DEAD_LETTER_QUEUE", "https://sqs.cn-north-1.amazonaws.com.cn/111111111111/dead"),
        ("IMMORTAL_MAX_TASKS", "50"),
        (
            "IMMORTAL_SOURCE_QUEUES",
            "arn:aws-cn:sqs:cn-north-1:111111111111:a, arn:aws-cn:sqs:cn-north-1:111111111111:b,",
        ),
        ("IMMORTAL_PROPAGATE_TAGS", "true"),
        ("IMMORTAL_EXECUTE_COMMAND", "false"),
        ("IMMORTAL_METRICS", "off"),
    ];
    let config = read(&variables).expect("complete");
    assert_eq!((config.max_tasks, config.has_metrics), (Some(50), false));
    assert_eq!(config.options, TaskOptions { propagate_tags: true, execute_command: false });
    assert_eq!(config.source_queues, ["a", "b"].map(|name| format!("arn:aws-cn:sqs:cn-north-1:111111111111:{name}")));
    assert!(config.dead_letter_queue.is_some_and(|url| url.ends_with("/dead")));
    assert_eq!(config.primary.qualifier.as_deref(), Some("live"));
    assert_eq!(config.container, "main");
    assert_eq!(family(&config.task_definition), "immortal");
    assert_eq!(config.network.subnets, ["subnet-1", "subnet-2"]);
    assert_eq!(config.network.security_groups, ["sg-1", "sg-2"]);
    assert!(!config.network.public_ip);
    assert_eq!(config.transport, EventTransport::Bucket("events".into()));
}

#[test]
fn all_problems_are_said_at_once() {
    let variables = [
        ("AWS_LAMBDA_FUNCTION_NAME", "Dlq"),
        ("IMMORTAL_SUBNETS", " , "),
        ("IMMORTAL_ASSIGN_PUBLIC_IP", "yes"),
        ("IMMORTAL_INLINE_EVENTS", "false"),
        ("IMMORTAL_METRICS", "no"),
    ];
    let problems = read(&variables).expect_err("nothing in it is right");
    let said = problems.to_string();
    for name in ["FUNCTION", "RUNNER", "SUBNETS", "ASSIGN_PUBLIC_IP", "INLINE_EVENTS", "EVENT_BUCKET", "METRICS"] {
        assert!(said.contains(&format!("IMMORTAL_{name}")), "{said}");
    }
    assert_eq!(problems.0.len(), 6, "{said}");
}

#[test]
fn outside_of_lambda_it_is_said_with_all_the_rest() {
    let ConfigProblems(problems) = DispatcherConfig::read_in_lambda(|_| None).expect_err("nothing is there");
    assert_eq!(problems.len(), 4, "{problems:?}");
    assert!(problems[0].contains("AWS_LAMBDA_RUNTIME_API"), "{problems:?}");
}

#[test]
fn a_value_of_no_meaning_is_a_problem() {
    let complete = [("AWS_LAMBDA_FUNCTION_NAME", "ingestDlq"), ("RUNNER", "r"), ("SUBNET", "s")];
    let table = [
        ("IMMORTAL_FUNCTION", "arn:aws:s3:::bucket"),
        ("IMMORTAL_INLINE_EVENTS", "False"),
        ("IMMORTAL_EVENT_BUCKET", "s3://bucket"),
        ("IMMORTAL_ASSIGN_PUBLIC_IP", "disabled"),
        ("IMMORTAL_DEAD_LETTER_QUEUE", "arn:aws:sqs:eu-central-1:111111111111:dead"),
        ("IMMORTAL_MAX_TASKS", "0"),
        ("IMMORTAL_SOURCE_QUEUES", "https://sqs.eu-central-1.amazonaws.com/111111111111/uploads"),
        ("IMMORTAL_SOURCE_QUEUES", "arn:aws:sqs:eu-central-1:111111111111:uploads.fifo"),
        ("IMMORTAL_PROPAGATE_TAGS", "TASK_DEFINITION"),
        ("IMMORTAL_EXECUTE_COMMAND", "yes"),
    ];
    for (name, value) in table {
        let variables = [complete.as_slice(), &[(name, value)]].concat();
        let ConfigProblems(problems) = read(&variables).expect_err(name);
        assert!(problems.len() == 1 && problems[0].contains(name), "{problems:?}");
    }
}
