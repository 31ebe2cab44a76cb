//! The template's text: a pure function of the plan.

use super::{
    grants,
    plan::{FailureDelivery, TemplatePlan},
};
use crate::names::repository;

const TEMPLATE: &str = include_str!("template.yaml");

/// Fills the template in.
pub(crate) fn template(plan: &TemplatePlan) -> String {
    let (on_failure, dead_letter_config, lost_metric) = match plan.delivery {
        FailureDelivery::OnFailure => (ON_FAILURE, "", "DestinationDeliveryFailures"),
        FailureDelivery::DeadLetterConfig => ("", DEAD_LETTER_CONFIG, "DeadLetterErrors"),
    };
    let with_progress =
        |grants: &[grants::PolicyGrant]| if plan.progress { grants::yaml(grants, 14) } else { String::new() };
    let progress = with_progress(grants::PROGRESS);
    let storage = plan.task.storage.map(|gib| format!("      EphemeralStorage:\n        SizeInGiB: {gib}\n"));
    let values = [
        ("name", plan.name.clone()),
        ("repository", repository(&plan.name)),
        ("architecture", plan.architecture.to_string()),
        ("ecs_architecture", plan.architecture.ecs().to_owned()),
        ("code", scalar(&plan.code)),
        ("dispatcher_code", scalar(plan.dispatcher_code.as_ref().unwrap_or(&plan.code))),
        ("lambda_memory", plan.memory.to_string()),
        ("lambda_timeout", plan.timeout.as_secs().to_string()),
        ("environment", environment(plan)),
        ("dead_letter_config", dead_letter_config.to_owned()),
        ("on_failure", on_failure.to_owned()),
        ("lost_metric", lost_metric.to_owned()),
        ("cpu", plan.task.cpu.to_string()),
        ("memory", plan.task.memory.to_string()),
        ("storage", storage.unwrap_or_default()),
        ("grants:primary", grants::yaml(grants::PRIMARY, 14) + &progress + &with_progress(grants::END_PROGRESS)),
        ("grants:dispatcher", grants::yaml(grants::DISPATCHER, 14)),
        ("grants:runner", grants::yaml(grants::RUNNER, 14) + &progress),
        ("grants:logs", grants::yaml(grants::LOGS, 14)),
        ("grants:image", grants::yaml(grants::IMAGE, 16)),
    ];
    fill(TEMPLATE, &values)
}

const ON_FAILURE: &str = "      DestinationConfig:
        OnFailure:
          Destination: !GetAtt FailureQueue.Arn
";

const DEAD_LETTER_CONFIG: &str = "      DeadLetterConfig:
        TargetArn: !GetAtt FailureQueue.Arn
";

fn environment(plan: &TemplatePlan) -> String {
    let lines =
        plan.environment.iter().map(|variable| format!("          {}: {}\n", variable.name, quoted(&variable.value)));
    let bucket = plan.progress.then(|| "          IMMORTAL_EVENT_BUCKET: !Ref EventBucket\n".to_owned());
    bucket.into_iter().chain(lines).collect()
}

/// Replaces each `@key@` once, so that no value is taken for a key.
fn fill(template: &str, values: &[(&str, String)]) -> String {
    let mut text = String::with_capacity(template.len() * 2);
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('@') {
        text.push_str(before);
        let known =
            after.split_once('@').and_then(|(key, after)| Some((values.iter().find(|(name, _)| *name == key)?, after)));
        let Some(((_, value), after)) = known else {
            text.push('@');
            rest = after;
            continue;
        };
        text.push_str(value);
        rest = after;
    }
    text.push_str(rest);
    text
}

/// A YAML scalar: plain where nothing in it could mean anything else.
fn scalar(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '/' | '_' | '-');
    let begins = |c: char| c.is_ascii_alphabetic() || matches!(c, '.' | '/');
    if text.starts_with(begins) && text.contains('/') && text.chars().all(plain) {
        text.to_owned()
    } else {
        quoted(text)
    }
}

/// A double-quoted YAML scalar: JSON's strings are among them.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use expect_test::expect_file;

    use super::*;
    use crate::{artifact::CpuArchitecture, template::plan::TaskSettings, value::EnvVariable};

    fn plan() -> TemplatePlan {
        TemplatePlan {
            name: "hello".into(),
            code: "../../lambda/hello/bootstrap.zip".into(),
            dispatcher_code: None,
            architecture: CpuArchitecture::X86_64,
            delivery: FailureDelivery::OnFailure,
            timeout: Duration::from_mins(15),
            memory: 512,
            environment: Vec::new(),
            task: TaskSettings { cpu: 1024, memory: 2048, storage: None },
            progress: false,
        }
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
            code: "/builds/my export/bootstrap.zip".into(),
            dispatcher_code: Some("/builds/my export/dispatcher.zip".into()),
            architecture: CpuArchitecture::Arm64,
            delivery: FailureDelivery::DeadLetterConfig,
            timeout: Duration::from_mins(1),
            memory: 1769,
            environment: vec![variable("BUCKET", "exports"), variable("PATTERN", "a@name@b: \"*\" # \\ é")],
            task: TaskSettings { cpu: 4096, memory: 16384, storage: Some(100) },
            progress: true,
        };
        expect_file!["expected/everything.yaml"].assert_eq(&template(&plan));
    }

    #[test]
    fn every_place_is_filled() {
        let filled = template(&plan());
        assert!(!filled.contains('@'), "{filled}");
        assert_eq!(filled, template(&plan()), "the same plan is the same text");
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
}
