//! Outages of minutes and hours.

use std::time::Duration;

use immortal_emulator::{EntryKind, FaultKind, FaultedCalls, StopCode};

use super::{KILLED, ends, fault, setup};
use crate::{binaries::zip_of, chain::Chain};

const NO_CAPACITY: &str =
    "Capacity is unavailable at this time. Please try again later or in a different availability zone";

/// Sends this many failures whose tasks will succeed, and returns their request ids.
fn fail_some(chain: &Chain, number: usize) -> Vec<String> {
    let requests: Vec<_> = (0..number).map(|number| format!("request-{number}")).collect();
    for request in &requests {
        chain.send_failure(request, &ends("0"), KILLED);
    }
    requests
}

/// Both as errors of `RunTask`, and as tasks that are accepted and never start.
#[tokio::test]
async fn after_two_hours_without_capacity_every_job_runs_once() {
    let outages = [("RunTask", FaultKind::Failures(NO_CAPACITY)), ("Task", FaultKind::FailToStart(NO_CAPACITY))];
    for (operation, kind) in outages {
        let chain = setup().start_unmapped().await;
        chain.emulator.inject(fault(operation, kind, FaultedCalls::All));
        let requests = fail_some(&chain, 8);
        chain.map_failure_queue();
        chain.advance(Duration::from_hours(2)).await;
        assert!(chain.tasks_by_request().is_empty(), "{operation}\n{}", chain.journal_text());
        chain.emulator.end_faults(operation);
        chain.advancing_until(chain.wait_until_idle()).await;
        for request in &requests {
            chain.assert_job(request, 1, true);
        }
        chain.emulator.shutdown().await;
    }
}

#[tokio::test]
async fn a_task_that_never_starts_waits_longer_each_time_and_is_given_up_after_20_interruptions() {
    let chain = setup().start().await;
    let kind = FaultKind::FailToStart("CannotPullContainerError: no such image");
    chain.emulator.inject(fault("Task", kind, FaultedCalls::All));
    chain.send_failure("request-0", &ends("0"), KILLED);
    let letter = chain.advancing_until(chain.wait_for_dead_letter("request-0")).await;
    assert!(letter.contains("interrupted 21 times"), "{letter}");
    assert_eq!(chain.stop_times("request-0").len(), 21, "{}", chain.journal_text());
    let entries = chain.emulator.journal();
    let waits = entries.iter().filter_map(|entry| match entry.kind {
        EntryKind::VisibilityChanged { timeout, .. } => Some(timeout.as_secs()),
        _ => None,
    });
    let waits: Vec<_> = waits.filter(|wait| *wait > 10).collect();
    // The dispatcher's own time is part of the delay.
    let planned: Vec<_> = [30, 120, 300].into_iter().chain([900; 15]).collect();
    assert_eq!(waits.len(), planned.len(), "{waits:?}");
    assert!(waits.iter().zip(&planned).all(|(wait, planned)| (planned - 15..=*planned).contains(wait)), "{waits:?}");
}

/// Ten minutes with a failing dispatcher: for running jobs, and for new ones.
async fn survives(what: &str, begin: impl Fn(&Chain), end: impl Fn(&Chain)) {
    let chain = setup().start().await;
    for (request, how) in [("interrupted", "stop1 0"), ("refused", "stop2 0")] {
        chain.send_failure(request, &ends(how), KILLED);
    }
    let tasks = [chain.wait_for_waiting_task("interrupted").await, chain.wait_for_waiting_task("refused").await];
    begin(&chain);
    for task in &tasks {
        chain.emulator.interrupt(task, StopCode::SpotInterruption).expect("it runs");
    }
    let requests = fail_some(&chain, 4);
    chain.advance(Duration::from_mins(10)).await;
    end(&chain);
    chain.advancing_until(chain.wait_until_idle()).await;
    for request in &requests {
        chain.assert_job(request, 1, true);
    }
    chain.assert_job("interrupted", 2, true);
    chain.assert_job("refused", 1, false);
    // A dispatcher that is killed between sending a dead letter and deleting its record sends it again, for the same
    // series.
    let mut series = super::series_of_letters(&chain, "refused");
    series.dedup();
    assert_eq!(series, [1], "{what}");
    chain.emulator.shutdown().await;
}

#[tokio::test]
async fn a_broken_deployment_of_the_dispatcher_loses_and_duplicates_nothing() {
    let broken = || zip_of([("bootstrap", 0o755, b"#!/bin/sh\nexit 1\n".as_slice())]);
    let begin = |chain: &Chain| chain.redeploy_dispatcher(Some(broken()));
    survives("a broken deployment", begin, |chain| chain.redeploy_dispatcher(None)).await;
}

#[tokio::test]
async fn a_dispatcher_whose_calls_fail_loses_and_duplicates_nothing() {
    const CALLS: [&str; 4] = ["RunTask", "ListTasks", "SendMessage", "ChangeMessageVisibility"];
    for kind in [FaultKind::Status(503), FaultKind::ResetBefore, FaultKind::AccessDenied] {
        let begin = |chain: &Chain| {
            for call in CALLS {
                chain.emulator.inject(fault(call, kind.clone(), FaultedCalls::All));
            }
        };
        let end = |chain: &Chain| CALLS.into_iter().for_each(|call| chain.emulator.end_faults(call));
        survives(&format!("{kind:?}"), begin, end).await;
    }
}

#[tokio::test]
async fn a_dispatcher_that_is_killed_in_each_call_loses_and_duplicates_nothing() {
    let gone = || FaultKind::SandboxesGone("killedDlq".into());
    let begin = |chain: &Chain| {
        chain.emulator.inject(fault("RunTask", gone(), FaultedCalls::All));
    };
    survives("gone", begin, |chain| chain.emulator.end_faults("RunTask")).await;
}
