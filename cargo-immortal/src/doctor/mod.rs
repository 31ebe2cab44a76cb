//! `cargo immortal doctor`: what is deployed against what a deployment must be like. `gather` asks AWS, `rules` decide.

mod finding;
mod gather;
mod rules;
mod state;

use std::process::ExitCode;

use serde::Serialize;

use self::finding::{DoctorFinding, FindingLevel, summary};
use crate::{
    deployment::DeploymentArgs,
    failure::CommandError,
    output::{eprint_line, print_line},
};

/// What to check.
#[derive(Debug, clap::Args)]
pub(crate) struct DoctorArgs {
    #[command(flatten)]
    deployment: DeploymentArgs,
    /// Print the findings as JSON
    #[arg(long)]
    json: bool,
}

/// All findings, for programs.
#[derive(Debug, Serialize)]
struct DoctorReport<'a> {
    function: &'a str,
    findings: &'a [DoctorFinding],
}

pub(crate) async fn run(args: DoctorArgs) -> Result<ExitCode, CommandError> {
    let (aws, deployment) = args.deployment.open().await?;
    let state = Box::pin(gather::gather(&aws, deployment)).await;
    let findings = rules::findings(&state);
    if args.json {
        let report = DoctorReport { function: &state.deployment.function, findings: &findings };
        print_line(serde_json::to_string_pretty(&report).map_err(|error| CommandError::Failed(error.to_string()))?);
    } else {
        findings.iter().for_each(print_line);
        eprint_line(summary(&findings));
    }
    let has_fault = findings.iter().any(|finding| finding.level == FindingLevel::Fault);
    Ok(if has_fault { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sound_deployment_is_ok_throughout() {
        let findings = rules::findings(&rules::fixture::sound());
        let others: Vec<_> = findings.iter().filter(|finding| finding.level != FindingLevel::Ok).collect();
        assert!(others.is_empty(), "{others:?}");
        let checks: std::collections::BTreeSet<_> = findings.iter().map(|finding| finding.check).collect();
        expect_test::expect![[r#"{"architecture", "capacity", "cluster", "dead letters", "dispatcher", "failure queue", "image", "log group", "mapping", "network", "on-failure", "package", "partial batches", "permissions", "queue policy", "redrive", "retries", "runner version", "stop timeout", "stopped tasks", "task definition", "task logs", "visibility", "vpc"}"#]]
        .assert_eq(&format!("{checks:?}"));
    }

    #[test]
    fn a_program_reads_the_same_findings() {
        let findings = [
            DoctorFinding::ok("retries", "hello has no retries in Lambda"),
            DoctorFinding::fault("image", "it is gone", "push it"),
        ];
        let report = DoctorReport { function: "hello", findings: &findings };
        expect_test::expect![[r#"
            {
              "function": "hello",
              "findings": [
                {
                  "check": "retries",
                  "level": "ok",
                  "text": "hello has no retries in Lambda",
                  "fix": null
                },
                {
                  "check": "image",
                  "level": "fault",
                  "text": "it is gone",
                  "fix": "push it"
                }
              ]
            }"#]]
        .assert_eq(&serde_json::to_string_pretty(&report).expect("plain data"));
    }
}
