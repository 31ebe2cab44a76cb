//! Whether tasks get out of their subnets, as far as the tasks that stopped tell: what a subnet's routes are is EC2's to say,
//! which is not asked.

use immortal_core::names::env;

use super::name;
use crate::doctor::{
    finding::DoctorFinding,
    state::{DeployedState, ObservedPart},
};

/// What ECS says of a task that couldn't reach ECR, Logs or Secrets Manager.
///
/// Source: <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/stopped-task-error-codes.html>
const NO_WAY_OUT: [&str; 4] =
    ["CannotPullContainerError", "ResourceInitializationError", "CannotPullImageManifestError", "i/o timeout"];

pub(super) fn findings(state: &DeployedState) -> Vec<DoctorFinding> {
    vec![network(state)]
}

fn network(state: &DeployedState) -> DoctorFinding {
    const CHECK: &str = "network";
    let tasks = match &state.stopped_tasks {
        ObservedPart::Known(tasks) => tasks.as_slice(),
        ObservedPart::Missing => &[],
        ObservedPart::Unknown(why) => return DoctorFinding::not_checked(CHECK, why),
    };
    let public =
        !state.dispatcher_variable(env::ASSIGN_PUBLIC_IP).is_some_and(|value| value.eq_ignore_ascii_case("DISABLED"));
    let way = if public {
        "tasks have a public address (AssignPublicIp=ENABLED), which needs public subnets, with an internet gateway"
    } else {
        "tasks have no public address (AssignPublicIp=DISABLED), which needs subnets with a NAT gateway, or endpoints for ECR, S3, Lambda and Logs"
    };
    let stuck = tasks.iter().find(|task| !task.started && NO_WAY_OUT.iter().any(|sign| task.reason.contains(sign)));
    if let Some(task) = stuck {
        let text = format!("the task {} could not start: {}", name(&task.task), task.reason.trim());
        return DoctorFinding::fault(
            CHECK,
            text,
            format!("{way}; deploy with other Subnets or AssignPublicIp, or add what is missing"),
        );
    }
    if let Some(task) = tasks.iter().find(|task| !task.started && task.stop_code == "TaskFailedToStart") {
        let text = format!("the task {} could not start: {}", name(&task.task), task.reason.trim());
        return DoctorFinding::warning(CHECK, text, "the dispatcher starts it again; look at it if it stays so");
    }
    if tasks.iter().any(|task| task.started) {
        return DoctorFinding::ok(CHECK, "a task of the last hour started");
    }
    DoctorFinding::not_checked(
        CHECK,
        format!("no task stopped within the last hour, and a subnet's routes are not asked; {way}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        aws::StoppedTaskReason,
        doctor::rules::fixture::{check, dispatcher, sound},
    };

    #[test]
    fn tasks_that_stopped_tell_of_the_network() {
        let task = |stop_code: &str, reason: &str, started| StoppedTaskReason {
            task: "arn:aws:ecs:r:1:task/jobs/t1".into(),
            stop_code: stop_code.into(),
            reason: reason.into(),
            started,
        };
        let ended = task("EssentialContainerExited", "Essential container in task exited", true);
        let unpulled = task("TaskFailedToStart", "CannotPullContainerError: dial tcp: i/o timeout", false);
        let uninitialised =
            task("TaskFailedToStart", "ResourceInitializationError: unable to pull registry auth", false);
        let no_capacity = task("TaskFailedToStart", "Capacity is unavailable at this time", false);
        let with = |tasks: ObservedPart<Vec<StoppedTaskReason>>| DeployedState { stopped_tasks: tasks, ..sound() };
        let mut private = with(ObservedPart::Known(vec![]));
        let mut in_private = dispatcher();
        in_private.variables.insert("IMMORTAL_ASSIGN_PUBLIC_IP".into(), "DISABLED".into());
        private.dispatcher = ObservedPart::Known(in_private);
        let table = [
            (with(ObservedPart::Known(vec![ended.clone()])), "ok", "started"),
            (
                with(ObservedPart::Known(vec![ended.clone(), unpulled])),
                "fault",
                "t1 could not start: CannotPullContainerError",
            ),
            (with(ObservedPart::Known(vec![uninitialised])), "fault", "internet gateway; deploy with other Subnets"),
            (with(ObservedPart::Known(vec![no_capacity, ended])), "warning", "Capacity is unavailable"),
            (with(ObservedPart::Known(vec![])), "not-checked", "internet gateway"),
            (private, "not-checked", "NAT gateway"),
            (with(ObservedPart::Unknown("denied: ecs:ListTasks on x".into())), "not-checked", "ecs:ListTasks"),
        ];
        for (state, level, words) in table {
            check(&findings(&state), &[level], words);
        }
    }
}
