use super::{
    super::{
        invocation_failure::tests::{PRIMARY, functions},
        task::{RunningOverride, TaskContainer},
    },
    *,
};

const CONTEXT: &str = r#"{"awsRequestId":"r-1","functionName":"ingest","functionVersion":"7"}"#;

fn config(bucket: Option<&str>) -> DispatcherConfig {
    let variables = [("AWS_LAMBDA_FUNCTION_NAME", "ingestDlq"), ("RUNNER", "jobs:3"), ("SUBNET", "s")];
    let bucket = bucket.map(|bucket| (env::EVENT_BUCKET, bucket));
    let variables: Vec<_> = variables.into_iter().chain(bucket).chain([(env::CONTAINER, "runner")]).collect();
    DispatcherConfig::read(|name| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned()))
        .expect("complete")
}

fn task(variables: &[(&str, &str)]) -> Task {
    let environment = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Task {
        arn: "t".into(),
        definition: Some("arn:aws:ecs:eu-central-1:111111111111:task-definition/jobs:2".into()),
        containers: vec![TaskContainer { name: "runner".into(), exit_code: Some(1), reason: None }],
        overrides: vec![RunningOverride { name: "runner".into(), environment }],
        ..Task::default()
    }
}

fn ours() -> Task {
    task(&[(env::EVENT, "{}"), (env::CONTEXT, CONTEXT), (env::ATTEMPT, "2")])
}

fn what(task: &Task) -> &'static str {
    match read(task, &config(None), &functions()) {
        TaskOrder::Ours(order) if order.attempt == 2 => "ours",
        TaskOrder::Ours(_) => "ours, with another attempt",
        TaskOrder::OtherTask(_) => "other task",
        TaskOrder::OtherFunction(_) => "other function",
        TaskOrder::Unreadable(_) => "unreadable",
    }
}

#[test]
fn only_a_readable_order_of_another_function_is_refused_in_our_family_and_container() {
    let of = |event: (&str, &str), context: &str| what(&task(&[event, (env::CONTEXT, context), (env::ATTEMPT, "2")]));
    let inline = (env::EVENT, "{}");
    let gzip = "H4sIAAAAAAAA/6uuBQBDv6ajAgAAAA==";
    let other_arn = CONTEXT.replace(
        "\"functionName\"",
        "\"invokedFunctionArn\":\"arn:aws:lambda:eu-central-1:222222222222:function:ingest\",\"functionName\"",
    );
    let table = [
        ("ours", of(inline, CONTEXT)),
        ("ours", of((env::EVENT_GZIP, gzip), CONTEXT)),
        ("ours", of((env::EVENT_S3, "s3://b/k"), CONTEXT)),
        ("ours", of(inline, &CONTEXT.replace("\"ingest\"", &format!("\"{PRIMARY}\"")))),
        ("ours", of(inline, &CONTEXT.replace('}', ",\"xrayTraceId\":5,\"tenantId\":\"a\\nb\"}"))),
        ("other function", of(inline, &CONTEXT.replace("ingest", "other"))),
        ("other function", of(inline, &other_arn)),
        ("other function", of((env::EVENT, "HIDDEN_DUE_TO_SECURITY_REASONS"), &CONTEXT.replace("ingest", "other"))),
        ("unreadable", of(inline, &CONTEXT[..CONTEXT.len() - 1])),
        ("unreadable", of(inline, "HIDDEN_DUE_TO_SECURITY_REASONS")),
        ("unreadable", of(inline, "")),
        ("unreadable", of(inline, "{}")),
        ("unreadable", of(inline, "5")),
        ("unreadable", of((env::EVENT, "{\"a\":"), CONTEXT)),
        ("unreadable", of((env::EVENT_GZIP, "HIDDEN_DUE_TO_SECURITY_REASONS"), CONTEXT)),
        ("unreadable", of((env::EVENT_GZIP, &gzip[..24]), CONTEXT)),
        ("unreadable", of((env::EVENT_S3, "HIDDEN"), CONTEXT)),
        ("unreadable", of(("A", "1"), CONTEXT)),
        (
            "unreadable",
            what(&task(&[inline, (env::CONTEXT, CONTEXT), (env::ATTEMPT, "2"), (env::HANDLER_PATH, "HIDDEN_x")])),
        ),
        ("unreadable", what(&task(&[("A", "1")]))),
        ("unreadable", what(&task(&[]))),
    ];
    for (row, (expected, read)) in table.into_iter().enumerate() {
        assert_eq!(read, expected, "row {row}");
    }
}

#[test]
fn another_family_or_container_is_nothing_to_do_whatever_its_order_says() {
    let named = |containers: &[&str], overrides: &[&str]| Task {
        containers: containers
            .iter()
            .map(|name| TaskContainer { name: (*name).into(), exit_code: None, reason: None })
            .collect(),
        overrides: overrides.iter().map(|name| RunningOverride { name: (*name).into(), environment: vec![] }).collect(),
        ..ours()
    };
    let of_family = |definition: Option<&str>| Task { definition: definition.map(str::to_owned), ..ours() };
    let table = [
        ("other task", of_family(Some("arn:aws:ecs:eu-central-1:111111111111:task-definition/web:2"))),
        ("other task", of_family(Some("web"))),
        ("ours", of_family(Some("jobs"))),
        ("ours", of_family(None)),
        ("other task", named(&["web"], &["web"])),
        ("other task", named(&[], &["web"])),
        ("other task", named(&["web"], &[])),
        ("unreadable", named(&["web", "runner"], &["web"])),
        ("unreadable", named(&[], &[])),
    ];
    for (row, (expected, task)) in table.into_iter().enumerate() {
        assert_eq!(what(&task), expected, "row {row}");
    }
}

fn order(event: EventForm) -> Order {
    let TaskOrder::Ours(order) = read(&ours(), &config(None), &functions()) else { panic!("it is ours") };
    Order { event, handler_path: Some("h".into()), ..*order }
}

#[test]
fn a_queue_names_no_handler_and_no_object_of_anothers() {
    let hash = "0".repeat(64);
    let own = format!("s3://events/immortal/ingest/r-1/{hash}");
    let table = [
        (Some("events"), EventForm::Inline("1".into()), true),
        (None, EventForm::Gzip("H4sI".into()), true),
        (Some("events"), EventForm::S3(own.clone()), true),
        (None, EventForm::S3(own.clone()), false),
        (Some("others"), EventForm::S3(own), false),
        (Some("events"), EventForm::S3("s3://payroll/2026".into()), false),
        (Some("events"), EventForm::S3(format!("s3://events/immortal/ingest/r-2/{hash}")), false),
    ];
    for (bucket, event, expected) in table {
        let said = format!("{event:?}");
        match restrict(order(event), &config(bucket), &functions()) {
            Ok(order) => assert!(expected && order.handler_path.is_none(), "{said}"),
            Err(refusal) => {
                assert!(!expected, "{said}");
                assert!(refusal.0.contains("r-1") && refusal.0.contains(env::EVENT_BUCKET), "{refusal}");
            }
        }
    }
}

#[test]
fn a_request_id_or_version_that_could_forge_a_line_is_refused() {
    let with = |request_id: &str, version: &str| {
        let order = order(EventForm::Inline("1".into()));
        let context =
            Context { aws_request_id: request_id.to_owned(), function_version: version.to_owned(), ..order.context };
        refuse_forged(&Order { context, ..order })
    };
    assert!(with("r-1", "7").is_ok());
    for refused in [with("r-1\nEND RequestId: r-2", "7"), with("r-1", "7\r"), with("r-1\u{85}", "7")] {
        assert!(!refused.expect_err("it holds one").0.contains(char::is_control));
    }
}
