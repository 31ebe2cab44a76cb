//! Outages of minutes and hours, and what is there when they are over.

use std::time::Duration;

use immortal_emulator::{EntryKind, FaultKind, FaultedCalls, StopCode};

use super::{KILLED, ends, fault, setup};
use crate::{binaries::zip_of, chain::Chain};

const NO_CAPACITY: &str =
    "Capacity is unavailable at this time. Please try again later or in a different availability zone";

/// Fails this many events of tasks that succeed; their requests.
fn fail_some(chain: &Chain, number: usize) -> Vec<String> {
    let requests: Vec<_> = (0..number).map(|number| format!("request-{number}")).collect();
    for request in &requests {
        chain.fail(request, &ends("0"), KILLED);
    }
    requests
}

/// As `RunTask` answers it, and as tasks see it that are taken and never start.
#[tokio::test]
async fn after_two_hours_without_capacity_every_job_runs_once() {
    let outages = [("RunTask", FaultKind::Failures(NO_CAPACITY)), ("Task", FaultKind::FailToStart(NO_CAPACITY))];
    for (operation, kind) in outages {
        let chain = setup().start_unmapped().await;
        chain.emulator.inject(fault(operation, kind, FaultedCalls::All));
        let requests = fail_some(&chain, 8);
        chain.map();
        chain.pass(Duration::from_hours(2)).await;
        assert!(chain.tasks_by_request().is_empty(), "{operation}\n{}", chain.story());
        chain.emulator.end_faults(operation);
        chain.passing(chain.wait_until_idle()).await;
        for request in &requests {
            chain.assert_job(request, 1, true);
        }
        chain.emulator.shutdown().await;
    }
}

#[tokio::test]
async fn what_never_starts_is_given_up_after_20_interruptions_and_waits_longer_each_time() {
    let chain = setup().start().await;
    let kind = FaultKind::FailToStart("CannotPullContainerError: no such image");
    chain.emulator.inject(fault("Task", kind, FaultedCalls::All));
    chain.fail("request-0", &ends("0"), KILLED);
    let letter = chain.passing(chain.given_up("request-0")).await;
    assert!(letter.contains("interrupted 21 times"), "{letter}");
    assert_eq!(chain.ends("request-0").len(), 21, "{}", chain.story());
    let entries = chain.emulator.journal();
    let waits = entries.iter().filter_map(|entry| match entry.kind {
        EntryKind::VisibilityChanged { timeout, .. } => Some(timeout.as_secs()),
        _ => None,
    });
    let waits: Vec<_> = waits.filter(|wait| *wait > 10).collect();
    // What the dispatcher itself took is a part of the wait.
    let planned: Vec<_> = [30, 120, 300].into_iter().chain([900; 15]).collect();
    assert_eq!(waits.len(), planned.len(), "{waits:?}");
    assert!(waits.iter().zip(&planned).all(|(wait, planned)| (planned - 15..=*planned).contains(wait)), "{waits:?}");
}

/// What is at work and what is new while the dispatcher fails, for ten minutes.
async fn survives(what: &str, begin: impl Fn(&Chain), end: impl Fn(&Chain)) {
    let chain = setup().start().await;
    for (request, how) in [("interrupted", "stop1 0"), ("refused", "stop2 0")] {
        chain.fail(request, &ends(how), KILLED);
    }
    let tasks = [chain.waiting("interrupted").await, chain.waiting("refused").await];
    begin(&chain);
    for task in &tasks {
        chain.emulator.interrupt(task, StopCode::SpotInterruption).expect("it runs");
    }
    let requests = fail_some(&chain, 4);
    chain.pass(Duration::from_mins(10)).await;
    end(&chain);
    chain.passing(chain.wait_until_idle()).await;
    for request in &requests {
        chain.assert_job(request, 1, true);
    }
    chain.assert_job("interrupted", 2, true);
    chain.assert_job("refused", 1, false);
    // A dispatcher that dies between a letter and the end of its record sends it again, for the same series.
    let mut series = super::series_of_letters(&chain, "refused");
    series.dedup();
    assert_eq!(series, [1], "{what}");
    chain.emulator.shutdown().await;
}

#[tokio::test]
async fn a_broken_deployment_of_the_dispatcher_loses_and_doubles_nothing() {
    let broken = || zip_of([("bootstrap", 0o755, b"#!/bin/sh\nexit 1\n".as_slice())]);
    let begin = |chain: &Chain| chain.redeploy_dispatcher(Some(broken()));
    survives("a broken deployment", begin, |chain| chain.redeploy_dispatcher(None)).await;
}

#[tokio::test]
async fn a_dispatcher_whose_calls_fail_loses_and_doubles_nothing() {
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
async fn a_dispatcher_that_dies_in_each_start_loses_and_doubles_nothing() {
    let gone = || FaultKind::SandboxesGone("killedDlq".into());
    let begin = |chain: &Chain| chain.emulator.inject(fault("RunTask", gone(), FaultedCalls::All));
    survives("gone", begin, |chain| chain.emulator.end_faults("RunTask")).await;
}
