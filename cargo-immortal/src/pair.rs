//! The programs of a slim deployment: the primary's, and the one of dispatcher and runner. Whether the roles are linked, and
//! whether both are builds of the same function.

use immortal_core::{manifest::Manifest, role::Role};
use serde_json::Value;

use crate::{
    artifact::{
        BuildArtifact, CpuArchitecture, UnpackedArtifact, build_command, build_roles_command, roles_path, shown,
    },
    describe,
    failure::CommandError,
    package::PackageCandidate,
    value::EnvVariable,
};

/// The flag that takes the second program.
const FLAG: &str = "--dispatcher-zip";

/// Refuses a program that can't be the dispatcher's, or the runner's.
pub(crate) fn require(role: Role, artifact: &BuildArtifact, candidate: &PackageCandidate) -> Result<(), CommandError> {
    if artifact.has_role(role) {
        return Ok(());
    }
    let (path, architecture) = (shown(&artifact.path), artifact.program.architecture);
    Err(CommandError::WrongUse(without_role(role, &path, candidate, architecture, FLAG)))
}

/// What is said of a program without a role, where a flag takes one that has it.
pub(crate) fn without_role(
    role: Role,
    path: &str,
    candidate: &PackageCandidate,
    architecture: CpuArchitecture,
    flag: &str,
) -> String {
    format!(
        "{path} was built without the {role} role; build a program that has it: {}, and name it with {flag} {}",
        build_roles_command(candidate, architecture),
        roles_path(candidate)
    )
}

/// What both programs describe, which must be the same.
pub(crate) async fn describe(
    primary: (&BuildArtifact, &UnpackedArtifact),
    dispatcher: (&BuildArtifact, &UnpackedArtifact),
    candidate: &PackageCandidate,
    variables: &[EnvVariable],
) -> Result<Manifest, CommandError> {
    let (first, second) = (shown(&primary.0.path), shown(&dispatcher.0.path));
    let manifest = describe::describe(&primary.1.executable, &first, variables).await?;
    let other = describe::describe(&dispatcher.1.executable, &second, variables).await?;
    let differences = differences(&manifest, &other);
    if differences.is_empty() {
        return Ok(manifest);
    }
    let architecture = primary.0.program.architecture;
    Err(CommandError::WrongUse(format!(
        "{first} and {second} are not builds of the same function: they describe {}; build both from the same source: \
         {}, and {}",
        differences.join(", "),
        build_command(candidate, architecture),
        build_roles_command(candidate, architecture)
    )))
}

/// Each field that differs, with both values.
fn differences(primary: &Manifest, dispatcher: &Manifest) -> Vec<String> {
    // As JSON, so that no field is forgotten.
    let [primary, dispatcher] =
        [primary, dispatcher].map(|manifest| serde_json::to_value(manifest).unwrap_or_default());
    let fields = primary.as_object().into_iter().flatten();
    let other = |field: &str| dispatcher.get(field).unwrap_or(&Value::Null);
    let different = fields.filter(|(field, value)| *value != other(field));
    different.map(|(field, value)| format!("{field} as {value} and as {}", other(field))).collect()
}

#[cfg(test)]
mod tests {
    use immortal_core::manifest::DispatchOn;

    use super::*;
    use crate::package::example;

    #[test]
    fn every_field_that_differs_is_named() {
        let hello = || Manifest::new("hello", "hello", "0.1.0").task_size(256, 512);
        let table = [
            (hello(), ""),
            (Manifest::new("greet", "hello", "0.1.0").task_size(256, 512), r#"handler as "hello" and as "greet""#),
            (
                Manifest::new("hello", "hello", "0.2.0").task_size(256, 1024),
                r#"memory as 512 and as 1024, version as "0.1.0" and as "0.2.0""#,
            ),
            (Manifest::new("hello", "hello", "0.1.0"), "cpu as 256 and as null, memory as 512 and as null"),
            (Manifest { immortal: "9.9.9".into(), ..hello() }, r#"immortal as "0.1.0" and as "9.9.9""#),
            (hello().storage(30), "storage as null and as 30"),
            (hello().spot(true), "spot as false and as true"),
            (hello().attempts(5), "attempts as 3 and as 5"),
            (hello().on(DispatchOn::Killed), r#"on as "any" and as "killed""#),
            (hello().grace(0), "grace as 10000 and as 0"),
            (hello().limit(60_000), "limit as null and as 60000"),
        ];
        for (dispatcher, expected) in table {
            assert_eq!(differences(&hello(), &dispatcher).join(", "), expected);
        }
    }

    #[test]
    fn a_missing_role_names_the_build_and_the_flag() {
        let message =
            without_role(Role::Runner, "bootstrap.zip", &example("jobs", "ingest"), CpuArchitecture::Arm64, "--binary");
        assert_eq!(
            message,
            "bootstrap.zip was built without the runner role; build a program that has it: cargo lambda build --release \
             --output-format zip --arm64 -p jobs --features \
             immortal-lambda/dispatcher,immortal-lambda/runner,immortal-lambda/large-events \
             --lambda-dir target/dispatcher, and name it with --binary target/dispatcher/ingest/bootstrap.zip"
        );
    }
}
