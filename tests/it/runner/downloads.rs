//! Failing downloads: resumed where possible, otherwise left to the next attempt.

use std::time::{Duration, Instant};

use immortal_emulator::{EntryKind, FaultKind, FaultedCalls};
use tokio::task::JoinSet;

use super::{RunnerBench, function, package, runtime};

#[tokio::test]
async fn a_failing_download_is_resumed() {
    let troubles = [
        (FaultKind::Truncated, FaultedCalls::Next(1)),
        (FaultKind::Stall, FaultedCalls::Next(1)),
        (FaultKind::Expired, FaultedCalls::Next(1)),
        (FaultKind::Status(503), FaultedCalls::Next(1)),
        (FaultKind::ResetBefore, FaultedCalls::Next(1)),
        (FaultKind::NoRanges, FaultedCalls::All),
    ];
    for (kind, calls) in troubles {
        let bench = RunnerBench::new(function(package("bare"))).await.with("IMMORTAL_STALL_TIMEOUT", "1");
        let end = bench.fault("Download", kind.clone(), calls).run().await;
        assert_eq!(end.code, Some(0), "{kind:?}: {}", end.full_output());
    }
}

#[tokio::test]
async fn a_failed_download_is_left_to_the_next_attempt_and_nothing_of_it_runs() {
    let table = [
        (FaultKind::Corrupt, "hash"),
        (FaultKind::AccessDenied, "refused with 403"),
        (FaultKind::Truncated, "times in a row"),
        (FaultKind::Stall, "nothing came for 1 s"),
        (FaultKind::Status(503), "503"),
    ];
    let mut runs = JoinSet::new();
    for (kind, expected) in table {
        runs.spawn(async move {
            // Small, because each try downloads half of the rest.
            let bench = RunnerBench::new(runtime("next; respond 1")).await.with("IMMORTAL_STALL_TIMEOUT", "1");
            let bench = bench.fault("Download", kind.clone(), FaultedCalls::All);
            let end = bench.run().await;
            assert_eq!(end.code, Some(75), "{kind:?}: {}", end.full_output());
            assert!(end.stderr.contains(expected), "{kind:?} says {expected}: {}", end.full_output());
            assert!(!bench.path("task").exists(), "{kind:?}: files were unpacked");
        });
    }
    runs.join_all().await;
}

#[tokio::test]
async fn an_expired_url_is_requested_again_once() {
    let bench =
        RunnerBench::new(runtime("next; respond 1")).await.fault("Download", FaultKind::Expired, FaultedCalls::All);
    let end = bench.run().await;
    assert_eq!(end.code, Some(75), "{}", end.full_output());
    let asked = |of: &str| {
        let entries = bench.emulator.journal();
        let called = |what: &EntryKind| matches!(what, EntryKind::Called { operation, .. } if operation == of);
        entries.iter().filter(|entry| called(&entry.kind)).count()
    };
    assert_eq!((asked("GetFunction"), asked("Download")), (2, 2));
}

#[tokio::test]
async fn get_function_is_retried_while_throttled() {
    let bench = RunnerBench::new(runtime("next; respond 1")).await.fault(
        "GetFunction",
        FaultKind::Throttle,
        FaultedCalls::Next(2),
    );
    let end = bench.fault("GetFunction", FaultKind::Status(500), FaultedCalls::Nth(3)).run().await;
    assert_eq!(end.code, Some(0), "{}", end.full_output());
}

#[tokio::test]
async fn a_function_that_may_not_be_read_is_left_to_the_next_attempt() {
    let started = Instant::now();
    let bench = RunnerBench::new(runtime("next; respond 1")).await.fault(
        "GetFunction",
        FaultKind::AccessDenied,
        FaultedCalls::All,
    );
    let end = bench.run().await;
    assert_eq!(end.code, Some(75), "{}", end.full_output());
    assert!(end.stderr.contains("lambda:GetFunction"), "{}", end.full_output());
    assert!(started.elapsed() < Duration::from_secs(30), "the denied call is not repeated");
}
