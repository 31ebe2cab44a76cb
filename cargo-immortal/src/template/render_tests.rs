use std::time::Duration;

use expect_test::expect_file;

use super::*;
use crate::{artifact::CpuArchitecture, template::plan::TaskSettings, value::EnvVariable};

fn plan() -> TemplatePlan {
    TemplatePlan {
        name: "hello".into(),
        version: "0.1.0".into(),
        architecture: CpuArchitecture::X86_64,
        primary: Some(PrimaryPlan {
            code: "../../lambda/hello/bootstrap.zip".into(),
            dispatcher_code: None,
            delivery: FailureDelivery::OnFailure,
            has_source_queue: false,
            timeout: Duration::from_mins(15),
            memory: 512,
            environment: Vec::new(),
        }),
        task: TaskSettings { cpu: 256, memory: 1024, storage: None },
        has_progress: false,
    }
}

fn triggered() -> TemplatePlan {
    let primary = plan().primary.map(|primary| PrimaryPlan { has_source_queue: true, ..primary });
    TemplatePlan { primary, ..plan() }
}

fn attached() -> TemplatePlan {
    TemplatePlan { primary: None, ..plan() }
}

#[test]
fn of_nothing_but_defaults() {
    expect_file!["expected/default.yaml"].assert_eq(&template(&plan()));
}

#[test]
fn of_everything_that_can_be_said() {
    let variable = |name: &str, value: &str| EnvVariable { name: name.into(), value: value.into() };
    let plan = TemplatePlan {
        name: "My-Export".into(),
        version: "0.1.0".into(),
        architecture: CpuArchitecture::Arm64,
        primary: Some(PrimaryPlan {
            code: "/builds/my export/bootstrap.zip".into(),
            dispatcher_code: Some("/builds/my export/dispatcher.zip".into()),
            delivery: FailureDelivery::DeadLetterConfig,
            has_source_queue: false,
            timeout: Duration::from_mins(1),
            memory: 1769,
            environment: vec![variable("BUCKET", "exports"), variable("PATTERN", "a@name@b: \"*\" # \\ é")],
        }),
        task: TaskSettings { cpu: 4096, memory: 16384, storage: Some(100) },
        has_progress: true,
    };
    expect_file!["expected/everything.yaml"].assert_eq(&template(&plan));
}

#[test]
fn of_a_function_that_a_queue_triggers() {
    expect_file!["expected/queue.yaml"].assert_eq(&template(&triggered()));
}

#[test]
fn of_all_but_the_primary() {
    expect_file!["expected/attach.yaml"].assert_eq(&template(&attached()));
}

#[test]
fn every_place_is_filled() {
    for plan in [plan(), triggered(), attached()] {
        let filled = template(&plan);
        // Not the one of the names that IAM takes.
        assert!(!filled.replace(",.@-]", "").contains('@'), "{filled}");
        assert_eq!(filled, template(&plan), "the same plan is the same text");
        // What CloudFormation takes in the call itself, as Terraform and Pulumi send it:
        // https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CreateStack.html
        assert!(filled.len() <= 51_200, "{} bytes", filled.len());
    }
}

#[test]
fn the_container_has_no_limits_of_its_own() {
    let filled = template(&plan());
    let (_, containers) = filled.split_once("ContainerDefinitions:\n").expect("a task definition");
    let (containers, _) = containers.split_once("\n\n").expect("other resources");
    for limit in ["Cpu:", "Memory:", "MemoryReservation:"] {
        assert!(!containers.contains(limit), "{containers}");
    }
}

#[test]
fn scalars_mean_what_they_say() {
    let table = [
        ("../../lambda/hello/bootstrap.zip", "../../lambda/hello/bootstrap.zip"),
        ("/a b/c.zip", "\"/a b/c.zip\""),
        ("a:b", "\"a:b\""),
        ("1.0", "\"1.0\""),
        ("-", "\"-\""),
        ("~/x", "\"~/x\""),
        ("", "\"\""),
    ];
    for (text, expected) in table {
        assert_eq!(scalar(text), expected);
    }
}
