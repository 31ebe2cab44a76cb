//! `cargo chaos [--seed N] [--jobs N]`: the real dispatcher and real tasks on the emulator, with faults in a third of all
//! steps. Exits with 1 if a job is lost, doubled or changed, if the run is incomplete, or if a fault struck too rarely: never,
//! or fewer than 20 times in a run of at least 10,000 jobs.
//!
//! A seed repeats the jobs and not the run. It decides what each job is, how its attempts end, and for each operation
//! which of the calls, tasks and deliveries that name the job a fault strikes: the first, the second and so on. Those that
//! name none (`GetFunction`, `GetFunctionEventInvokeConfig`, `DescribeTaskDefinition`, downloads, messages that are sent
//! through the API or redriven) are numbered in the order in which they arrive, which depends on time. So do how often a job
//! calls, when sandboxes of the dispatcher are killed, what fails for a while, and which tasks people stop.

mod chaos_fault;
mod deployment;
mod disturbance;
mod job_history;
mod job_plan;
mod programs;
mod resting_messages;
mod run;
mod run_problem;
mod strike_table;
mod verdict;

use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;
use immortal_emulator::EntrySource;

use crate::{
    programs::ChaosPrograms,
    run::{ChaosOutcome, ChaosRun},
    strike_table::{StrikeCount, least_strikes, too_rare},
    verdict::{JobEnd, Violation},
};

/// Thousands of jobs at once, with faults in everything that they need.
#[derive(Debug, Parser)]
struct ChaosArgs {
    /// Decides what each job is, and which of the calls that name it fail.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many jobs at least: more follow, up to as many again, while a fault has struck too rarely.
    #[arg(long, default_value_t = 10_000)]
    jobs: u64,
}

/// How many violations are printed with their job's journal.
const PRINTED_JOURNALS: usize = 3;

#[tokio::main]
async fn main() -> Result<ExitCode> {
    let ChaosArgs { seed, jobs } = ChaosArgs::parse();
    let stripped = tempfile::tempdir()?;
    let programs = ChaosPrograms::build(stripped.path())?;
    let outcome = ChaosRun { seed, jobs }.run(&programs).await?;
    print_summary(seed, &outcome);
    let rare = too_rare(&outcome.strikes, least_strikes(jobs));
    for StrikeCount { operation, name, strikes } in &rare {
        eprintln!("error: a fault struck {strikes} times: {operation}, {name}; run more jobs");
    }
    for problem in &outcome.problems {
        eprintln!("error: {problem}");
    }
    for (request, violation) in &outcome.violations {
        eprintln!("error: request {request}: {violation:?}");
    }
    for (request, _) in outcome.violations.iter().take(PRINTED_JOURNALS) {
        print_journal_of(&outcome, request);
    }
    if outcome.violations.is_empty() && outcome.problems.is_empty() && rare.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    eprintln!("run the same jobs again with: cargo chaos --seed {seed} --jobs {jobs}");
    Ok(ExitCode::FAILURE)
}

#[expect(clippy::cast_precision_loss, reason = "the counts are far below 2^52")]
fn print_summary(seed: u64, outcome: &ChaosOutcome) {
    let count_of = |end| outcome.job_ends.get(&end).copied().unwrap_or_default();
    let count_violations = |is: fn(&Violation) -> bool| outcome.violations.iter().filter(|(_, one)| is(one)).count();
    let lost = count_violations(|one| matches!(one, Violation::Lost));
    let changed = count_violations(|one| matches!(one, Violation::EventChanged | Violation::EventUnseen));
    let doubled = outcome.violations.len() - lost - changed;
    println!(
        "seed {seed}: {} jobs in {:.0} s, by {} tasks; of {} calls, runs and deliveries {:.1} % were disturbed",
        outcome.jobs,
        outcome.took.as_secs_f64(),
        outcome.tasks,
        outcome.counts.calls,
        100.0 * outcome.counts.struck as f64 / outcome.counts.calls as f64,
    );
    println!(
        "done in Lambda {}, done on Fargate {}, dead letters {}; lost {lost}, doubled {doubled}, changed {changed}; \
         duplicate tasks after their token's life {}, duplicate dead letters {}\n",
        count_of(JobEnd::InLambda),
        count_of(JobEnd::OnFargate),
        count_of(JobEnd::DeadLetter),
        outcome.duplicate_tasks,
        outcome.duplicate_letters,
    );
    print!("{}", strike_table::table(&outcome.strikes));
}

/// What happened to a request, without log lines.
fn print_journal_of(outcome: &ChaosOutcome, request: &str) {
    eprintln!("\nrequest {request}:");
    for entry in outcome.emulator.journal() {
        let is_about = match &entry.source {
            EntrySource::Lambda { request_id, .. } => request_id == request,
            EntrySource::Task { started_by, .. } => started_by.as_deref() == Some(request),
            EntrySource::Queue { .. } | EntrySource::Api => format!("{:?}", entry.kind).contains(request),
        };
        if is_about {
            eprintln!("{:8.3} {:?} {:?}", entry.at.as_secs_f64(), entry.source, entry.kind);
        }
    }
}
