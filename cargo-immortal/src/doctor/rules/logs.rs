//! Whether what function, dispatcher and tasks print is kept, and for how long.

use super::need;
use crate::{
    aws::LogGroupSettings,
    doctor::{
        finding::DoctorFinding,
        state::{DeployedState, ObservedPart},
    },
};

const CHECK: &str = "log group";

pub(super) fn findings(state: &DeployedState) -> Vec<DoctorFinding> {
    let tasks = state.task_definition.known().and_then(|definition| definition.log_options.as_ref());
    let of_tasks = tasks.and_then(|options| options.get("awslogs-group"));
    let makes_own = tasks.and_then(|options| options.get("awslogs-create-group")).is_some_and(|value| value == "true");
    let finding = |(name, group): (&String, &ObservedPart<LogGroupSettings>)| {
        let missing = || {
            let fix = format!("aws logs create-log-group --log-group-name {name}");
            if of_tasks == Some(name) && !makes_own {
                DoctorFinding::fault(CHECK, format!("there is no log group {name}: no task can start"), fix)
            } else {
                DoctorFinding::warning(
                    CHECK,
                    format!("there is no log group {name}, unless its writer may make it"),
                    fix,
                )
            }
        };
        match need(CHECK, group, missing) {
            Ok(group) => match group.retention {
                Some(days) => vec![DoctorFinding::ok(CHECK, format!("{name} keeps lines for {days} days"))],
                None => vec![DoctorFinding::warning(
                    CHECK,
                    format!("{name} keeps lines for ever"),
                    format!("aws logs put-retention-policy --log-group-name {name} --retention-in-days 30"),
                )],
            },
            Err(findings) => findings,
        }
    };
    state.log_groups.iter().flat_map(finding).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::rules::fixture::{check, definition, sound};

    #[test]
    fn every_log_group_is_there_and_ends_some_day() {
        let with = |name: &str, group: ObservedPart<LogGroupSettings>| DeployedState {
            log_groups: [(name.to_owned(), group)].into(),
            ..sound()
        };
        let group = |retention| ObservedPart::Known(LogGroupSettings { name: "/aws/ecs/hello".into(), retention });
        let mut makes_own = with("/aws/ecs/hello", ObservedPart::Missing);
        let mut options = definition();
        options.log_options.get_or_insert_default().insert("awslogs-create-group".into(), "true".into());
        makes_own.task_definition = ObservedPart::Known(options);
        let table = [
            (with("/aws/ecs/hello", group(Some(30))), "ok", "for 30 days"),
            (with("/aws/ecs/hello", group(None)), "warning", "put-retention-policy --log-group-name /aws/ecs/hello"),
            (with("/aws/ecs/hello", ObservedPart::Missing), "fault", "no task can start"),
            (makes_own, "warning", "unless its writer may make it"),
            (
                with("/aws/lambda/hello", ObservedPart::Missing),
                "warning",
                "create-log-group --log-group-name /aws/lambda/hello",
            ),
            (with("/aws/lambda/hello", ObservedPart::Unknown("denied: logs:X".into())), "not-checked", "logs:X"),
        ];
        for (state, level, words) in table {
            check(&findings(&state), &[level], words);
        }
    }
}
