//! `cargo immortal stop`: tasks told to stop, and so their jobs given up.

use std::process::ExitCode;

use immortal_core::job_object::started_by;
use serde::Serialize;

use super::{
    confirm::ConfirmArgs,
    jobs::{Job, JobState, jobs},
};
use crate::{
    aws::TaskSelection,
    deployment::DeploymentArgs,
    failure::CommandError,
    output::{eprint_line, print_line},
};

/// What the tasks' stop events say, and so the dead letters.
const REASON: &str = "stopped by a person with `cargo immortal stop`";

/// What to stop.
#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("which").required(true).args(["request_id", "all"]))]
pub(crate) struct StopArgs {
    /// The request whose task is to be stopped
    request_id: Option<String>,
    /// All tasks of the function
    #[arg(long)]
    all: bool,
    /// Print what was done as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    confirm: ConfirmArgs,
    #[command(flatten)]
    deployment: DeploymentArgs,
}

/// What was done.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct StopReport {
    function: String,
    stopped: Vec<String>,
    /// Request ids whose task could not be stopped.
    failed: Vec<String>,
}

pub(crate) async fn run(args: StopArgs) -> Result<ExitCode, CommandError> {
    let (aws, deployment) = args.deployment.open().await?;
    let family = deployment.task_family();
    let of_request = args.request_id.as_deref().map(started_by);
    let selection = match &of_request {
        Some(started_by) => TaskSelection::StartedBy(started_by),
        None => TaskSelection::Family(family),
    };
    let mut tasks = aws.tasks(&deployment.cluster, &deployment.container, selection).await?;
    tasks.retain(|task| task.family == family);
    let jobs = jobs(&tasks, jiff::Timestamp::now());
    let at_work: Vec<_> = jobs.iter().filter(|job| job.state.is_at_work()).collect();
    let function = &deployment.function;
    if at_work.is_empty() {
        return nothing(function, args.request_id.as_deref(), &jobs, args.json);
    }
    args.confirm.ask(&question(function, &at_work))?;
    let mut report = StopReport { function: function.clone(), ..StopReport::default() };
    for job in at_work {
        match aws.stop_task(&deployment.cluster, &job.task, REASON).await {
            Ok(()) => report.stopped.push(job.request_id.clone()),
            Err(error) => {
                eprint_line(format_args!("error: {}: {}", job.request_id, CommandError::from(error)));
                report.failed.push(job.request_id.clone());
            }
        }
    }
    if args.json {
        print_line(serde_json::to_string_pretty(&report).unwrap_or_default());
    } else {
        report.lines().iter().for_each(print_line);
    }
    if report.failed.is_empty() { Ok(ExitCode::SUCCESS) } else { Ok(ExitCode::FAILURE) }
}

/// Where nothing is at work: what was asked for by name should be, all may be none.
fn nothing(function: &str, request_id: Option<&str>, jobs: &[Job], json: bool) -> Result<ExitCode, CommandError> {
    if let Some(request_id) = request_id {
        return Err(CommandError::Failed(not_at_work(request_id, jobs)));
    }
    if json {
        let report = StopReport { function: function.to_owned(), ..StopReport::default() };
        print_line(serde_json::to_string_pretty(&report).unwrap_or_default());
    } else {
        print_line(format_args!("{function} has no task at work"));
    }
    Ok(ExitCode::SUCCESS)
}

fn not_at_work(request_id: &str, jobs: &[Job]) -> String {
    let state = jobs.iter().find(|job| job.request_id == request_id).map(|job| job.state);
    let what = match state {
        Some(JobState::Stopping) => "is stopping already".to_owned(),
        Some(state) => format!("ended: {}", state.word()),
        None => "is not known to ECS".to_owned(),
    };
    format!(
        "no task of {request_id} is at work: its latest {what}; what waits in the failure queue does not start while the \
         function is paused (`cargo immortal pause`)"
    )
}

fn question(function: &str, at_work: &[&Job]) -> String {
    match at_work {
        [job] => format!(
            "Stop attempt {} of {}? Its work ends, and its event becomes a dead letter.",
            job.attempt, job.request_id
        ),
        jobs => format!(
            "Stop all {} tasks of {function}? Their work ends, and their events become dead letters.",
            jobs.len()
        ),
    }
}

impl StopReport {
    fn lines(&self) -> Vec<String> {
        let mut lines: Vec<_> = self.stopped.iter().map(|request_id| format!("{request_id}: told to stop")).collect();
        if !self.stopped.is_empty() {
            lines.push(
                "the dispatcher makes dead letters of them; to run them again: cargo immortal redrive".to_owned(),
            );
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(request_id: &str, state: JobState) -> Job {
        Job {
            request_id: request_id.to_owned(),
            series: 0,
            attempt: 2,
            state,
            since_seconds: 0,
            age_seconds: 0,
            spot: false,
            cpu: 256,
            memory: 512,
            vcpu_hours: 0.0,
            gb_hours: 0.0,
            reason: None,
            task: String::new(),
            created: None,
            tasks: 1,
        }
    }

    #[test]
    fn the_question_says_what_it_means() {
        let (one, other) = (job("r-1", JobState::Running), job("r-2", JobState::Starting));
        assert_eq!(
            question("hello", &[&one]),
            "Stop attempt 2 of r-1? Its work ends, and its event becomes a dead letter."
        );
        assert_eq!(
            question("hello", &[&one, &other]),
            "Stop all 2 tasks of hello? Their work ends, and their events become dead letters."
        );
    }

    #[test]
    fn what_is_not_at_work_says_what_it_does_instead() {
        let table = [
            (vec![], "is not known to ECS"),
            (vec![job("r-1", JobState::Stopping)], "is stopping already"),
            (vec![job("r-1", JobState::Succeeded)], "ended: succeeded"),
        ];
        for (jobs, expected) in table {
            let text = not_at_work("r-1", &jobs);
            assert!(text.contains(expected) && text.starts_with("no task of r-1 is at work"), "{text}");
        }
    }

    #[test]
    fn as_json() {
        let report = StopReport {
            function: "hello".to_owned(),
            stopped: vec!["r-1".to_owned()],
            failed: vec!["r-2".to_owned()],
        };
        assert_eq!(
            serde_json::to_string(&report).expect("plain data"),
            r#"{"function":"hello","stopped":["r-1"],"failed":["r-2"]}"#
        );
    }
}
