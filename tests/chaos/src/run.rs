//! A run: all jobs through the chain, disturbed, and then judged.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use immortal_emulator::{Emulator, Fault, FaultCounts, FaultedCalls, InjectedFault, MessageAttribute};
use tokio::{sync::watch, time::timeout};

use crate::{
    chaos_fault::{self, DISPATCHER},
    deployment::{self, CLOCK_SPEED, FAILURES, PRIMARY},
    disturbance::Disturbances,
    job_history::JobHistories,
    job_plan::{FailureRoute, HandlerEnd, JobPlan},
    letters,
    programs::ChaosPrograms,
    strike_table::{self, StrikeCount},
    verdict::{JobEnd, Violation, judge},
};

/// The most jobs that are on their way at once: with many more, records are dispatched after the waits that are planned for
/// them.
const MOST_ON_THEIR_WAY: usize = 400;
/// How long a run waits for the end of jobs before it judges them as they are: after the fifth interruption of a job, each
/// further one costs it 45 seconds.
const LONGEST_WAIT: Duration = Duration::from_mins(10);
/// How often the services' clock is moved.
const CLOCK_STEP: Duration = Duration::from_millis(50);

/// What is to be run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ChaosRun {
    pub(crate) seed: u64,
    pub(crate) jobs: u64,
}

/// What came of it.
#[derive(Debug)]
pub(crate) struct ChaosOutcome {
    pub(crate) jobs: usize,
    pub(crate) ends: HashMap<JobEnd, usize>,
    pub(crate) twin_letters: usize,
    pub(crate) twin_tasks: usize,
    pub(crate) tasks: usize,
    /// The request id of each job that broke a rule, and the rule.
    pub(crate) violations: Vec<(String, Violation)>,
    pub(crate) strikes: Vec<StrikeCount>,
    pub(crate) counts: FaultCounts,
    pub(crate) took: Duration,
    pub(crate) emulator: Arc<Emulator>,
}

/// A job that was sent.
struct SentJob {
    plan: JobPlan,
    request: String,
    /// The faults that interrupt its tasks.
    interruptions: Vec<InjectedFault>,
}

impl ChaosRun {
    pub(crate) async fn run(self, programs: &ChaosPrograms) -> Result<ChaosOutcome> {
        let emulator = Arc::new(deployment::start(self.seed, programs).await?);
        let faults = inject(&emulator);
        emulator.map_queue(FAILURES, DISPATCHER, 10)?;
        let begin = Instant::now();
        let clock = tokio::spawn(move_clock(Arc::clone(&emulator)));
        let histories = Arc::new(Mutex::new(JobHistories::default()));
        let (ended, ends) = watch::channel(0_usize);
        let watching = tokio::spawn(follow(Arc::clone(&emulator), Arc::clone(&histories), ended));
        let (calm, is_calm) = watch::channel(false);
        let disturbances =
            Disturbances { emulator: Arc::clone(&emulator), histories: Arc::clone(&histories), seed: self.seed };
        let disturbing = tokio::spawn(async move { disturbances.run(is_calm).await });

        let least = strike_table::least_strikes(self.jobs);
        let has_all_struck = || faults.iter().all(|(_, _, fault)| emulator.struck_calls(*fault) >= least);
        let sent = self.send_all(&emulator, has_all_struck, ends).await?;
        // Nobody stops or redrives anything, and nothing fails for a while; all else goes on.
        calm.send_replace(true);
        let disturbed = disturbing.await.context("the disturbances ended early")?;
        if timeout(LONGEST_WAIT, emulator.wait_until_idle()).await.is_err() {
            eprintln!("jobs are still at work after {LONGEST_WAIT:?}; they are judged as they are");
        }
        watching.abort();
        clock.abort();

        let took = begin.elapsed();
        let mut strikes: Vec<_> = faults
            .iter()
            .map(|(operation, name, fault)| StrikeCount { operation, name, strikes: emulator.struck_calls(*fault) })
            .collect();
        let in_a_row = sent.iter().flat_map(|job| &job.interruptions).map(|fault| emulator.struck_calls(*fault)).sum();
        strikes.push(StrikeCount { operation: "Task", name: "interrupted again and again", strikes: in_a_row });
        strikes.extend(disturbed.rows());
        Ok(judge_all(emulator, &sent, strikes, took))
    }

    /// Sends every job's event, as fast as jobs come to their ends, and then more, one for one, until each fault has struck
    /// often enough.
    async fn send_all(
        self,
        emulator: &Emulator,
        has_all_struck: impl Fn() -> bool,
        mut ends: watch::Receiver<usize>,
    ) -> Result<Vec<SentJob>> {
        let jobs = usize::try_from(self.jobs)?;
        let on_their_way = MOST_ON_THEIR_WAY.min(jobs / 4 + 1);
        let mut sent = Vec::with_capacity(jobs);
        for number in 0..jobs * 2 {
            let most = if number < jobs { on_their_way } else { 1 + on_their_way / 10 };
            let has_room = ends.wait_for(|ended| number < ended + most);
            let Ok(has_room) = timeout(LONGEST_WAIT, has_room).await else {
                eprintln!("no job has ended for {LONGEST_WAIT:?}; those that were sent are judged");
                break;
            };
            has_room.context("nothing follows the jobs")?;
            if number >= jobs && has_all_struck() {
                break;
            }
            let plan = JobPlan::new(self.seed, u64::try_from(number)?);
            let request = send(emulator, &plan).await?;
            let interruptions = chaos_fault::interruptions(plan.interruptions);
            let interruptions = interruptions.map(|fault| emulator.inject_for(&request, fault)).collect();
            sent.push(SentJob { plan, request, interruptions });
            if (number + 1) % 1000 == 0 {
                eprintln!("{} of {jobs} jobs", number + 1);
            }
        }
        Ok(sent)
    }
}

fn inject(emulator: &Emulator) -> Vec<(&'static str, &'static str, InjectedFault)> {
    let faults = chaos_fault::all();
    let probabilities = chaos_fault::probabilities(&faults);
    let inject = |(fault, probability): (chaos_fault::ChaosFault, f64)| {
        let calls = FaultedCalls::Probability(probability);
        let injected = emulator.inject(Fault { operation: fault.operation, kind: fault.kind, calls });
        (fault.operation, fault.name, injected)
    };
    faults.into_iter().zip(probabilities).map(inject).collect()
}

async fn send(emulator: &Emulator, plan: &JobPlan) -> Result<String> {
    let FailureRoute::Message(times) = plan.route else {
        return Ok(emulator.invoke(PRIMARY, plan.event.clone()).await?);
    };
    let attributes = BTreeMap::from([
        ("RequestID".to_owned(), MessageAttribute::text(plan.request_id.clone())),
        ("ErrorCode".to_owned(), MessageAttribute::number(200)),
        ("ErrorMessage".to_owned(), MessageAttribute::text("Task timed out after 2.00 seconds")),
    ]);
    for _ in 0..times {
        emulator.send_message(FAILURES, plan.event.clone(), attributes.clone())?;
    }
    Ok(plan.request_id.clone())
}

/// Moves the services' clock, so that it runs at its speed.
async fn move_clock(emulator: Arc<Emulator>) {
    loop {
        tokio::time::sleep(CLOCK_STEP).await;
        emulator.advance(CLOCK_STEP * (CLOCK_SPEED - 1));
    }
}

/// Keeps the histories up to date.
async fn follow(emulator: Arc<Emulator>, histories: Arc<Mutex<JobHistories>>, ended: watch::Sender<usize>) {
    let never = emulator.wait_for(|entry| {
        let mut histories = histories.lock().unwrap_or_else(PoisonError::into_inner);
        histories.add(entry);
        ended.send_if_modified(|ended| std::mem::replace(ended, histories.ended()) != histories.ended());
        None::<()>
    });
    never.await;
}

fn judge_all(emulator: Arc<Emulator>, sent: &[SentJob], strikes: Vec<StrikeCount>, took: Duration) -> ChaosOutcome {
    let mut histories = JobHistories::default();
    emulator.journal().iter().for_each(|entry| histories.add(entry));
    let letters = letters::by_request(&emulator);
    let (mut twin_letters, mut twin_tasks) = (0, 0);
    let (mut ends, mut violations, mut handlers) = (HashMap::new(), Vec::new(), HashMap::new());
    for SentJob { plan, request, .. } in sent {
        let history = histories.of(request);
        let of_job = letters.get(request).map(Vec::as_slice).unwrap_or_default();
        match judge(&history, of_job, &letters::sha256(&plan.event)) {
            Ok(verdict) => {
                *ends.entry(verdict.end).or_default() += 1;
                twin_letters += verdict.twin_letters;
                twin_tasks += verdict.twin_tasks;
            }
            Err(violation) => violations.push((request.clone(), violation)),
        }
        // What the handler did in the attempts in which it had the event.
        for end in plan.ends.iter().take(history.seen.len()) {
            *handlers.entry(*end as usize).or_insert(0_u64) += 1;
        }
    }
    let mut strikes = strikes;
    for (end, name) in [
        (HandlerEnd::Fail, "returns an error"),
        (HandlerEnd::LoseAnswer, "loses its answer"),
        (HandlerEnd::Kill, "is killed"),
        (HandlerEnd::Hang, "hangs"),
    ] {
        let strikes_of = handlers.get(&(end as usize)).copied().unwrap_or_default();
        strikes.push(StrikeCount { operation: "the handler", name, strikes: strikes_of });
    }
    let counts = emulator.fault_counts();
    ChaosOutcome {
        jobs: sent.len(),
        ends,
        twin_letters,
        twin_tasks,
        tasks: histories.tasks,
        violations,
        strikes,
        counts,
        took,
        emulator,
    }
}
