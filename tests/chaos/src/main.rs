//! `cargo chaos [--seed N] [--jobs N]`: the real dispatcher and real tasks on the emulator, with faults in a third of all
//! steps. Exits with 1 if a job is lost, doubled or changed, or if a fault never struck, of 10,000
//! jobs and more less than 20 times.
//!
//! The seed decides what each job is and which of its calls fail. When dispatchers are killed, what fails for a while, and
//! which tasks people stop depends on time.

mod chaos_fault;
mod deployment;
mod disturbance;
mod job_history;
mod job_plan;
mod letters;
mod programs;
mod run;
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
    verdict::JobEnd,
};

/// Thousands of jobs at once, with faults in everything that they need.
#[derive(Debug, Parser)]
struct ChaosArgs {
    /// Decides what each job is, and which of its calls fail.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many jobs at least: more follow, up to as many again, while a fault has struck too rarely.
    #[arg(long, default_value_t = 10_000)]
    jobs: u64,
}

/// How many violations are told with what happened to the job.
const TOLD: usize = 3;

#[tokio::main]
async fn main() -> Result<ExitCode> {
    let ChaosArgs { seed, jobs } = ChaosArgs::parse();
    let stripped = tempfile::tempdir()?;
    let programs = ChaosPrograms::build(stripped.path())?;
    let outcome = ChaosRun { seed, jobs }.run(&programs).await?;
    tell(seed, &outcome);
    let rare = too_rare(&outcome.strikes, least_strikes(jobs));
    for StrikeCount { operation, name, strikes } in &rare {
        eprintln!("error: a fault struck {strikes} times: {operation}, {name}; run more jobs");
    }
    for (request, violation) in &outcome.violations {
        eprintln!("error: request {request}: {violation:?}");
    }
    for (request, _) in outcome.violations.iter().take(TOLD) {
        tell_story(&outcome, request);
    }
    if outcome.violations.is_empty() && rare.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    eprintln!("run it again with: cargo chaos --seed {seed} --jobs {jobs}");
    Ok(ExitCode::FAILURE)
}

#[expect(clippy::cast_precision_loss, reason = "the counts are far below 2^52")]
fn tell(seed: u64, outcome: &ChaosOutcome) {
    let of = |end| outcome.ends.get(&end).copied().unwrap_or_default();
    let broken = |is: fn(&verdict::Violation) -> bool| outcome.violations.iter().filter(|(_, one)| is(one)).count();
    let lost = broken(|one| matches!(one, verdict::Violation::Lost));
    let changed = broken(|one| matches!(one, verdict::Violation::EventChanged));
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
        "done in Lambda {}, done on Fargate {}, dead letters {}; lost {lost}, doubled {doubled}, changed {changed}; twins after their token's life {}, copies of dead letters {}\n",
        of(JobEnd::InLambda),
        of(JobEnd::OnFargate),
        of(JobEnd::DeadLetter),
        outcome.twin_tasks,
        outcome.twin_letters,
    );
    print!("{}", strike_table::table(&outcome.strikes));
}

/// What happened to a request, without log lines.
fn tell_story(outcome: &ChaosOutcome, request: &str) {
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
