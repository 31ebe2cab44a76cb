//! Whether the function can run on Fargate.

use immortal_core::names::env;

use super::need;
use crate::doctor::{finding::DoctorFinding, state::DeployedState};

pub(super) fn findings(state: &DeployedState) -> Vec<DoctorFinding> {
    let function = match need("package", &state.function, || missing(state)) {
        Ok(function) => function,
        Err(findings) => return findings,
    };
    let name = &function.name;
    let mut findings = vec![package(state)];
    if let Some(reason) = &function.failed_update {
        let fix = format!("deploy {name} again");
        findings.push(DoctorFinding::fault("update", format!("the last update of {name} failed: {reason}"), fix));
    }
    findings.extend(architecture(state));
    findings.push(subnets(state));
    findings
}

fn missing(state: &DeployedState) -> DoctorFinding {
    let function = state.function_name();
    DoctorFinding::fault(
        "package",
        format!("there is no function {function}"),
        "deploy it, or name another one with --function",
    )
}

fn package(state: &DeployedState) -> DoctorFinding {
    const CHECK: &str = "package";
    let Some(function) = state.function.known() else { return missing(state) };
    let name = &function.name;
    if function.is_image {
        let text = format!("{name} is a container image, and the runner unpacks zip files only");
        return DoctorFinding::fault(CHECK, text, "deploy it as a zip, or run its image as a task of its own");
    }
    if function.is_durable {
        let text = format!("{name} is a durable function, which resumes by Lambda's checkpoints");
        return DoctorFinding::fault(CHECK, text, "take the long step out of it, into a function of its own");
    }
    if function.has_file_system {
        let text = format!("{name} mounts a file system (EFS), which a task doesn't have");
        return DoctorFinding::fault(CHECK, text, "read those files from S3, or bring them in a layer");
    }
    match function.runtime.as_deref() {
        Some(runtime) if !runtime.starts_with("provided") => DoctorFinding::warning(
            CHECK,
            format!(
                "{name} runs on {runtime}, which the runner's image must bring: that of `cargo immortal runner` doesn't"
            ),
            "build the image on one that has the runtime: docs/from-the-article.md",
        ),
        runtime => {
            DoctorFinding::ok(CHECK, format!("{name} is a zip on {}", runtime.unwrap_or("a runtime of its own")))
        }
    }
}

fn architecture(state: &DeployedState) -> Option<DoctorFinding> {
    const CHECK: &str = "architecture";
    let (function, definition) = (state.function.known()?, state.task_definition.known()?);
    let wanted = function.architecture.to_uppercase();
    Some(if definition.architecture == wanted {
        DoctorFinding::ok(CHECK, format!("function and tasks are {}", function.architecture))
    } else {
        DoctorFinding::fault(
            CHECK,
            format!(
                "{} is built for {}, and its tasks run on {}",
                function.name, function.architecture, definition.architecture
            ),
            format!("set RuntimePlatform.CpuArchitecture of the task definition to {wanted}, with an image for it"),
        )
    })
}

/// The subnets' VPC is EC2's to say, which is not asked: that the same subnets are named is all that can be told.
fn subnets(state: &DeployedState) -> DoctorFinding {
    const CHECK: &str = "vpc";
    let own = state.function.known().map(|function| function.subnets.as_slice()).unwrap_or_default();
    if own.is_empty() {
        return DoctorFinding::ok(CHECK, "the function is outside any VPC, so its tasks may run in any");
    }
    let Some(tasks) =
        state.dispatcher_variable(env::SUBNETS).or_else(|| state.dispatcher_variable(env::SUBNETS_ARTICLE))
    else {
        return DoctorFinding::not_checked(CHECK, "in which subnets tasks run is not known");
    };
    let shared = tasks.split(',').any(|subnet| own.iter().any(|own| own == subnet.trim()));
    if shared {
        DoctorFinding::ok(CHECK, "function and tasks share a subnet, and so a VPC")
    } else {
        DoctorFinding::warning(
            CHECK,
            format!(
                "the function runs in {}, and its tasks in {tasks}: if those are of another VPC, the handler doesn't reach there what it reaches in Lambda",
                own.join(",")
            ),
            "deploy with Subnets of the function's VPC",
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        aws::FunctionDetails,
        doctor::{
            rules::fixture::{check, function, sound},
            state::ObservedPart,
        },
    };

    #[test]
    fn what_cannot_run_on_fargate_is_a_fault() {
        let with = |function: FunctionDetails| DeployedState { function: ObservedPart::Known(function), ..sound() };
        let arm = || FunctionDetails { architecture: "arm64".into(), ..function() };
        let in_subnets = |subnets: &[&str]| FunctionDetails {
            subnets: subnets.iter().map(|subnet| (*subnet).to_owned()).collect(),
            ..function()
        };
        let table = vec![
            (sound(), ["ok", "ok", "ok"].as_slice(), "provided.al2023"),
            (with(FunctionDetails { is_image: true, ..function() }), &["fault", "ok", "ok"], "container image"),
            (with(FunctionDetails { is_durable: true, ..function() }), &["fault", "ok", "ok"], "durable"),
            (with(FunctionDetails { has_file_system: true, ..function() }), &["fault", "ok", "ok"], "EFS"),
            (
                with(FunctionDetails { runtime: Some("python3.13".into()), ..function() }),
                &["warning", "ok", "ok"],
                "python3.13",
            ),
            (
                with(FunctionDetails { failed_update: Some("no key".into()), ..function() }),
                &["ok", "fault", "ok", "ok"],
                "failed: no key",
            ),
            (with(arm()), &["ok", "fault", "ok"], "CpuArchitecture of the task definition to ARM64"),
            (with(in_subnets(&["subnet-b", "subnet-c"])), &["ok", "ok", "ok"], "share a subnet"),
            (with(in_subnets(&["subnet-c"])), &["ok", "ok", "warning"], "Subnets of the function's VPC"),
            (DeployedState { function: ObservedPart::Missing, ..sound() }, &["fault"], "there is no function hello"),
            (
                DeployedState { function: ObservedPart::Unknown("denied: x".into()), ..sound() },
                &["not-checked"],
                "denied: x",
            ),
            (DeployedState { task_definition: ObservedPart::Missing, ..sound() }, &["ok", "ok"], ""),
        ];
        for (state, levels, words) in table {
            check(&findings(&state), levels, words);
        }
    }
}
