//! A run: all jobs through the chain, disturbed, and then judged.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use immortal_emulator::{Emulator, FaultCounts, FaultedCalls, InjectedFault, MessageAttribute};
use tokio::{sync::watch, time::timeout};

use crate::{
    chaos_fault::{self, ChaosFault},
    deployment::{self, CLOCK_SPEED, DISPATCHER, FAILURES, PRIMARY},
    disturbance::{DisturbanceCounts, Disturbances},
    job_history::{AttemptPlace, JobHistories},
    job_plan::{FailureRoute, HandlerEnd, JobPlan},
    programs::ChaosPrograms,
    resting_messages::{RestingMessages, sha256},
    run_problem::{RunProblem, problems_of_run},
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

/// The handler's own failures, as the table of strikes names them.
const HANDLER_FAILURES: [(HandlerEnd, &str); 5] = [
    (HandlerEnd::Fail, "returns an error"),
    (HandlerEnd::Refuse, "refuses the event"),
    (HandlerEnd::LoseAnswer, "loses its answer"),
    (HandlerEnd::Kill, "is killed"),
    (HandlerEnd::Hang, "hangs"),
];

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
    pub(crate) job_ends: HashMap<JobEnd, usize>,
    pub(crate) duplicate_letters: usize,
    pub(crate) duplicate_tasks: usize,
    pub(crate) tasks: usize,
    /// What makes the run incomplete.
    pub(crate) problems: Vec<RunProblem>,
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
        let (ended, ended_jobs) = watch::channel(0_usize);
        let watching = tokio::spawn(update_histories(Arc::clone(&emulator), Arc::clone(&histories), ended));
        let (stop_sender, stop) = watch::channel(false);
        let disturbances =
            Disturbances { emulator: Arc::clone(&emulator), histories: Arc::clone(&histories), seed: self.seed };
        let (count_sender, disturbed) = watch::channel(DisturbanceCounts::new());
        let disturbing = tokio::spawn(async move { disturbances.run(stop, count_sender).await });

        let least = strike_table::least_strikes(self.jobs);
        let strikes = |fault: &RandomFault| emulator.struck_calls(fault.injected);
        let has_all_struck = || {
            let is_rare = |fault| strikes(fault) < least;
            !faults.iter().any(is_rare) && strike_table::too_rare(&disturbed.borrow().rows(), least).is_empty()
        };
        let sent = self.send_all(&emulator, has_all_struck, ended_jobs).await?;
        // Nobody stops or redrives anything, and nothing fails for a while; all else goes on.
        stop_sender.send_replace(true);
        disturbing.await.context("the disturbances failed")?;
        let is_idle = timeout(LONGEST_WAIT, emulator.wait_until_idle()).await.is_ok();
        watching.abort();
        clock.abort();

        let took = begin.elapsed();
        let row = |fault: &RandomFault| StrikeCount { strikes: strikes(fault), ..fault.row };
        let mut rows: Vec<_> = faults.iter().map(row).collect();
        let in_a_row = sent.iter().flat_map(|job| &job.interruptions).map(|fault| emulator.struck_calls(*fault)).sum();
        rows.push(StrikeCount { operation: "Task", name: "interrupted again and again", strikes: in_a_row });
        rows.extend(disturbed.borrow().rows());
        let asked = usize::try_from(self.jobs)?;
        Ok(judge_all(emulator, &sent, rows, took, |heard_of, sent| problems_of_run(is_idle, asked, sent, heard_of)))
    }

    /// Sends every job's event, one for each job that ends, and then further ones until each fault has struck often enough.
    async fn send_all(
        self,
        emulator: &Emulator,
        has_all_struck: impl Fn() -> bool,
        mut ended_jobs: watch::Receiver<usize>,
    ) -> Result<Vec<SentJob>> {
        let jobs = usize::try_from(self.jobs)?;
        let on_their_way = MOST_ON_THEIR_WAY.min(jobs / 4 + 1);
        let mut sent = Vec::with_capacity(jobs);
        for number in 0..jobs * 2 {
            let most = if number < jobs { on_their_way } else { 1 + on_their_way / 10 };
            let has_room = ended_jobs.wait_for(|ended| number < ended + most);
            let Ok(has_room) = timeout(LONGEST_WAIT, has_room).await else {
                break;
            };
            has_room.context("the task that follows the journal ended early")?;
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

/// A fault that strikes at random, injected.
struct RandomFault {
    injected: InjectedFault,
    /// Its place in the table of strikes.
    row: StrikeCount,
}

fn inject(emulator: &Emulator) -> Vec<RandomFault> {
    let faults = chaos_fault::all();
    let probabilities = chaos_fault::probabilities(&faults);
    let inject = |(ChaosFault { target, name, kind, .. }, probability): (ChaosFault, f64)| RandomFault {
        injected: target.inject(emulator, kind, FaultedCalls::Probability(probability)),
        row: StrikeCount { operation: target.name, name, strikes: 0 },
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
async fn update_histories(emulator: Arc<Emulator>, histories: Arc<Mutex<JobHistories>>, ended: watch::Sender<usize>) {
    let never = emulator.wait_for(|entry| {
        let mut histories = histories.lock().unwrap_or_else(PoisonError::into_inner);
        histories.add(entry);
        ended.send_if_modified(|ended| std::mem::replace(ended, histories.ended()) != histories.ended());
        None::<()>
    });
    never.await;
}

/// Judges each job, and the run by what was heard of which requests, and by those that were sent.
fn judge_all(
    emulator: Arc<Emulator>,
    sent: &[SentJob],
    mut strikes: Vec<StrikeCount>,
    took: Duration,
    problems: impl FnOnce(&mut dyn Iterator<Item = &str>, &HashSet<&str>) -> Vec<RunProblem>,
) -> ChaosOutcome {
    let mut histories = JobHistories::default();
    emulator.journal().iter().for_each(|entry| histories.add(entry));
    let RestingMessages { letters, results, problems: mut found } = RestingMessages::read(&emulator);
    let requests: HashSet<&str> = sent.iter().map(|job| job.request.as_str()).collect();
    let mut heard_of = histories.requests().chain(letters.keys().chain(results.keys()).map(String::as_str));
    found.extend(problems(&mut heard_of, &requests));

    let (mut duplicate_letters, mut duplicate_tasks) = (0, 0);
    let (mut job_ends, mut violations) = (HashMap::new(), Vec::new());
    for SentJob { plan, request, .. } in sent {
        let letters = letters.get(request).map(Vec::as_slice).unwrap_or_default();
        let results = results.get(request).map(Vec::as_slice).unwrap_or_default();
        match judge(&histories.history(request), letters, results, &sha256(&plan.event)) {
            Ok(verdict) => {
                *job_ends.entry(verdict.end).or_default() += 1;
                duplicate_letters += verdict.duplicate_letters;
                duplicate_tasks += verdict.duplicate_tasks;
            }
            Err(violation) => violations.push((request.clone(), violation)),
        }
    }
    for (place, operation) in
        [(AttemptPlace::Lambda, "the handler in Lambda"), (AttemptPlace::Fargate, "the handler on Fargate")]
    {
        let row = |(end, name)| StrikeCount { operation, name, strikes: histories.handler_ends(place, end) };
        strikes.extend(HANDLER_FAILURES.map(row));
    }
    let counts = emulator.fault_counts();
    ChaosOutcome {
        jobs: sent.len(),
        job_ends,
        duplicate_letters,
        duplicate_tasks,
        tasks: histories.tasks,
        problems: found,
        violations,
        strikes,
        counts,
        took,
        emulator,
    }
}
