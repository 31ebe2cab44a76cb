//! Whether the runner's tasks can start, and are what the dispatcher takes them for.

use immortal_core::names::env;

use super::need;
use crate::{
    aws::TaskDefinitionSettings,
    deploy::version_of_tag,
    doctor::{
        finding::DoctorFinding,
        state::{DeployedState, ImagePresence, ObservedPart},
    },
};

/// In seconds, where nothing is said: <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ContainerDefinition.html>,
/// `stopTimeout`; the runner has the same default.
const DEFAULT_STOP_TIMEOUT: u32 = 30;

pub(super) fn findings(state: &DeployedState) -> Vec<DoctorFinding> {
    let mut findings = match need("task definition", &state.task_definition, || missing(state)) {
        Ok(definition) => {
            let mut findings = vec![shape(state, definition), stop_timeout(definition), log_driver(definition)];
            findings.push(image(state, definition));
            findings.push(version(state, definition));
            findings
        }
        Err(findings) => findings,
    };
    findings.extend(cluster(state));
    findings
}

fn missing(state: &DeployedState) -> DoctorFinding {
    let definition = &state.deployment.task_definition;
    DoctorFinding::fault(
        "task definition",
        format!("there is no task definition {definition}"),
        "deploy the stack again",
    )
}

fn shape(state: &DeployedState, definition: &TaskDefinitionSettings) -> DoctorFinding {
    const CHECK: &str = "task definition";
    let (family, container) = (state.deployment.task_family(), &state.deployment.container);
    if !definition.is_fargate {
        let text = format!("{family} is not for Fargate");
        return DoctorFinding::fault(CHECK, text, "register it with requiresCompatibilities FARGATE");
    }
    if !definition.containers.contains(container) {
        return DoctorFinding::fault(
            CHECK,
            format!("{family} has the containers {}, and orders are for {container}", definition.containers.join(", ")),
            format!("set {} of the dispatcher to the runner's container", env::CONTAINER),
        );
    }
    if definition.has_own_limits {
        let text = format!(
            "the container {container} of {family} has cpu or memory of its own: a larger attempt has no more than that"
        );
        return DoctorFinding::warning(CHECK, text, "take cpu, memory and memoryReservation out of the container");
    }
    DoctorFinding::ok(CHECK, format!("{family} has the container {container} for orders"))
}

fn stop_timeout(definition: &TaskDefinitionSettings) -> DoctorFinding {
    const CHECK: &str = "stop timeout";
    let own = definition.stop_timeout.unwrap_or(DEFAULT_STOP_TIMEOUT);
    let runner_timeout =
        definition.variables.get(env::STOP_TIMEOUT).map_or(Ok(DEFAULT_STOP_TIMEOUT), |text| text.parse::<u32>());
    let fix = || format!("set {} of the container to {own}, its stopTimeout", env::STOP_TIMEOUT);
    match runner_timeout {
        Err(_) => DoctorFinding::fault(CHECK, format!("{} is not a number of seconds", env::STOP_TIMEOUT), fix()),
        Ok(runner_timeout) if runner_timeout > own => DoctorFinding::fault(
            CHECK,
            format!(
                "the runner counts on {runner_timeout} s after SIGTERM, and ECS kills it after {own} s: a handler that saves its progress is cut off"
            ),
            fix(),
        ),
        Ok(runner_timeout) if runner_timeout < own => DoctorFinding::warning(
            CHECK,
            format!("ECS waits {own} s after SIGTERM, and the runner ends its handler after {runner_timeout} s"),
            fix(),
        ),
        Ok(runner_timeout) => DoctorFinding::ok(CHECK, format!("a handler has {runner_timeout} s after SIGTERM")),
    }
}

fn log_driver(definition: &TaskDefinitionSettings) -> DoctorFinding {
    const CHECK: &str = "task logs";
    let Some(options) = &definition.log_options else {
        let text =
            "the container's log driver is not awslogs, so that `cargo immortal logs` finds nothing of its tasks";
        return DoctorFinding::warning(CHECK, text, "give the container the log driver awslogs");
    };
    // https://docs.aws.amazon.com/AmazonECS/latest/developerguide/using_awslogs.html, `mode`
    match options.get("mode").map(String::as_str) {
        Some("blocking") => DoctorFinding::ok(CHECK, "every line is kept"),
        _ => DoctorFinding::warning(
            CHECK,
            "the log driver drops lines that come faster than they are sent, START, END and the result among them",
            "set the option mode of awslogs to blocking",
        ),
    }
}

fn image(state: &DeployedState, definition: &TaskDefinitionSettings) -> DoctorFinding {
    const CHECK: &str = "image";
    let image = &definition.image;
    match &state.image {
        ImagePresence::InRegistry(ObservedPart::Known(())) => DoctorFinding::ok(CHECK, format!("{image} is there")),
        ImagePresence::InRegistry(ObservedPart::Missing) => DoctorFinding::fault(
            CHECK,
            format!("{image} is not in its repository: no task can start"),
            "push it, or cargo immortal deploy",
        ),
        ImagePresence::InRegistry(ObservedPart::Unknown(why)) => DoctorFinding::not_checked(CHECK, why),
        ImagePresence::Elsewhere => {
            DoctorFinding::not_checked(CHECK, format!("{image} lies in another registry than this account's"))
        }
    }
}

fn version(state: &DeployedState, definition: &TaskDefinitionSettings) -> DoctorFinding {
    const CHECK: &str = "runner version";
    let tag = definition.image.rsplit_once(':').map(|(_, tag)| tag).unwrap_or_default();
    match (version_of_tag(tag), state.dispatcher_version.as_deref()) {
        (Some(runner), Some(dispatcher)) if runner == dispatcher => {
            DoctorFinding::ok(CHECK, format!("runner and dispatcher are of version {runner}"))
        }
        (Some(runner), Some(dispatcher)) => DoctorFinding::warning(
            CHECK,
            format!("the runner is of version {runner}, and the dispatcher of {dispatcher}"),
            "cargo immortal deploy",
        ),
        (None, _) => DoctorFinding::not_checked(
            CHECK,
            "the image's tag names no version; `cargo immortal deploy` gives it one that does",
        ),
        (_, None) => DoctorFinding::not_checked(CHECK, "the stack has no output Version, which names the dispatcher's"),
    }
}

fn cluster(state: &DeployedState) -> Vec<DoctorFinding> {
    const CHECK: &str = "cluster";
    let wanted = &state.deployment.cluster;
    let missing = || {
        let fix = format!(
            "aws ecs create-cluster --cluster-name {} --capacity-providers FARGATE FARGATE_SPOT",
            super::name(wanted)
        );
        DoctorFinding::fault(CHECK, format!("there is no cluster {wanted}"), fix)
    };
    let cluster = match need(CHECK, &state.cluster, missing) {
        Ok(cluster) => cluster,
        Err(findings) => return findings,
    };
    let name = &cluster.name;
    if cluster.status != "ACTIVE" {
        return vec![missing()];
    }
    let has_spot = cluster.capacity_providers.iter().any(|provider| provider == "FARGATE_SPOT");
    let spot = if has_spot {
        DoctorFinding::ok("capacity", format!("{name} has FARGATE_SPOT, for functions with spot = true"))
    } else {
        DoctorFinding::warning(
            "capacity",
            format!("{name} has no FARGATE_SPOT: a function with spot = true can't start a task there"),
            format!(
                "aws ecs put-cluster-capacity-providers --cluster {name} --capacity-providers FARGATE FARGATE_SPOT \
                 --default-capacity-provider-strategy '[]'"
            ),
        )
    };
    vec![DoctorFinding::ok(CHECK, format!("{name} is active")), spot]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        aws::ClusterSettings,
        doctor::rules::fixture::{check, cluster as sound_cluster, definition, sound},
    };

    const SOUND: [&str; 7] = ["ok"; 7];

    fn with(change: impl Fn(&mut TaskDefinitionSettings)) -> DeployedState {
        let mut definition = definition();
        change(&mut definition);
        DeployedState { task_definition: ObservedPart::Known(definition), ..sound() }
    }

    fn check_at(state: &DeployedState, at: usize, level: &'static str, words: &str) {
        let mut expected = SOUND;
        expected[at] = level;
        check(&findings(state), &expected, words);
    }

    #[test]
    fn the_definition_is_what_the_dispatcher_takes_it_for() {
        check(&findings(&sound()), &SOUND, "hello has the container runner for orders");
        check_at(&with(|it| it.is_fargate = false), 0, "fault", "FARGATE");
        check_at(
            &with(|it| it.containers = vec!["app".into()]),
            0,
            "fault",
            "has the containers app, and orders are for runner",
        );
        check_at(&with(|it| it.has_own_limits = true), 0, "warning", "memoryReservation");
        let missing = DeployedState { task_definition: ObservedPart::Missing, ..sound() };
        check(&findings(&missing), &["fault", "ok", "ok"], "no task definition");
        let unknown = DeployedState { task_definition: ObservedPart::Unknown("denied: ecs:X".into()), ..sound() };
        check(&findings(&unknown), &["not-checked", "ok", "ok"], "denied: ecs:X");
    }

    #[test]
    fn the_runner_counts_on_the_time_that_ecs_gives() {
        let table = [
            (Some(120), Some("120"), "ok", "120 s"),
            (None, None, "ok", "30 s"),
            (Some(30), None, "ok", "30 s"),
            (Some(30), Some("120"), "fault", "IMMORTAL_STOP_TIMEOUT of the container to 30"),
            (None, Some("120"), "fault", "kills it after 30 s"),
            (Some(120), None, "warning", "ends its handler after 30 s"),
            (Some(120), Some("2m"), "fault", "not a number"),
        ];
        for (own, runner_timeout, level, words) in table {
            let state = with(|it| {
                it.stop_timeout = own;
                it.variables = runner_timeout
                    .map(|text| ("IMMORTAL_STOP_TIMEOUT".to_owned(), text.to_owned()))
                    .into_iter()
                    .collect();
            });
            check_at(&state, 1, level, words);
        }
    }

    #[test]
    fn logs_image_and_version() {
        check_at(&with(|it| it.log_options = None), 2, "warning", "awslogs");
        check_at(&with(|it| it.log_options = Some([].into())), 2, "warning", "mode of awslogs to blocking");
        let image = |image| DeployedState { image, ..sound() };
        check_at(&image(ImagePresence::InRegistry(ObservedPart::Missing)), 3, "fault", "no task can start");
        check_at(
            &image(ImagePresence::InRegistry(ObservedPart::Unknown("denied: ecr:X".into()))),
            3,
            "not-checked",
            "ecr:X",
        );
        check_at(&image(ImagePresence::Elsewhere), 3, "not-checked", "another registry");
        check_at(&with(|it| it.image = "i:1".into()), 4, "not-checked", "names no version");
        let newer = DeployedState { dispatcher_version: Some("0.2.0".into()), ..sound() };
        check_at(&newer, 4, "warning", "runner is of version 0.1.0, and the dispatcher of 0.2.0");
        check_at(&DeployedState { dispatcher_version: None, ..sound() }, 4, "not-checked", "output Version");
    }

    #[test]
    fn the_cluster_has_capacity() {
        let with = |cluster: ObservedPart<ClusterSettings>| DeployedState { cluster, ..sound() };
        let inactive = ClusterSettings { status: "INACTIVE".into(), ..sound_cluster() };
        let plain = ClusterSettings { capacity_providers: vec!["FARGATE".into()], ..sound_cluster() };
        let table = [
            (with(ObservedPart::Missing), ["fault"].as_slice(), "create-cluster --cluster-name jobs"),
            (with(ObservedPart::Known(inactive)), &["fault"], "no cluster jobs"),
            (with(ObservedPart::Unknown("denied: ecs:X".into())), &["not-checked"], "ecs:X"),
            (with(ObservedPart::Known(plain)), &["ok", "warning"], "put-cluster-capacity-providers --cluster jobs"),
        ];
        for (state, levels, words) in table {
            check(&findings(&state), &[&SOUND[..5], levels].concat(), words);
        }
    }
}
