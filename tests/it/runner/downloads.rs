//! Downloads that go wrong: mended where they can be, the next attempt's where they can't.

use std::time::{Duration, Instant};

use immortal_emulator::{EntryKind, FaultKind, FaultedCalls};
use tokio::task::JoinSet;

use super::{Bench, function, package, runtime};

#[tokio::test]
async fn a_download_in_trouble_is_mended() {
    let troubles = [
        (FaultKind::Truncated, FaultedCalls::Next(1)),
        (FaultKind::Stall, FaultedCalls::Next(1)),
        (FaultKind::Expired, FaultedCalls::Next(1)),
        (FaultKind::Status(503), FaultedCalls::Next(1)),
        (FaultKind::ResetBefore, FaultedCalls::Next(1)),
        (FaultKind::NoRanges, FaultedCalls::All),
    ];
    for (kind, calls) in troubles {
        let bench = Bench::of(function(package("bare"))).await.with("IMMORTAL_STALL_TIMEOUT", "1");
        let end = bench.fault("Download", kind.clone(), calls).run().await;
        assert_eq!(end.code, Some(0), "{kind:?}: {}", end.all());
    }
}

#[tokio::test]
async fn a_download_that_fails_for_now_is_the_next_attempts_and_nothing_of_it_runs() {
    let table = [
        (FaultKind::Corrupt, "hash"),
        (FaultKind::AccessDenied, "refused with 403"),
        (FaultKind::Truncated, "times in a row"),
        (FaultKind::Stall, "nothing came for 1 s"),
        (FaultKind::Status(503), "503"),
    ];
    let mut runs = JoinSet::new();
    for (kind, said) in table {
        runs.spawn(async move {
            // Small: each try brings half of what is left.
            let bench = Bench::of(runtime("next; respond 1")).await.with("IMMORTAL_STALL_TIMEOUT", "1");
            let bench = bench.fault("Download", kind.clone(), FaultedCalls::All);
            let end = bench.run().await;
            assert_eq!(end.code, Some(75), "{kind:?}: {}", end.all());
            assert!(end.stderr.contains(said), "{kind:?} says {said}: {}", end.all());
            assert!(!bench.path("task").exists(), "{kind:?}: something was unpacked");
        });
    }
    runs.join_all().await;
}

#[tokio::test]
async fn an_expired_address_is_asked_for_anew_once() {
    let bench = Bench::of(runtime("next; respond 1")).await.fault("Download", FaultKind::Expired, FaultedCalls::All);
    let end = bench.run().await;
    assert_eq!(end.code, Some(75), "{}", end.all());
    let asked = |of: &str| {
        let entries = bench.emulator.journal();
        let called = |what: &EntryKind| matches!(what, EntryKind::Called { operation, .. } if operation == of);
        entries.iter().filter(|entry| called(&entry.kind)).count()
    };
    assert_eq!((asked("GetFunction"), asked("Download")), (2, 2));
}

#[tokio::test]
async fn get_function_is_asked_again_while_it_throttles() {
    let bench =
        Bench::of(runtime("next; respond 1")).await.fault("GetFunction", FaultKind::Throttle, FaultedCalls::Next(2));
    let end = bench.fault("GetFunction", FaultKind::Status(500), FaultedCalls::Nth(3)).run().await;
    assert_eq!(end.code, Some(0), "{}", end.all());
}

#[tokio::test]
async fn a_function_that_may_not_be_read_is_the_next_attempts() {
    let started = Instant::now();
    let bench =
        Bench::of(runtime("next; respond 1")).await.fault("GetFunction", FaultKind::AccessDenied, FaultedCalls::All);
    let end = bench.run().await;
    assert_eq!(end.code, Some(75), "{}", end.all());
    assert!(end.stderr.contains("lambda:GetFunction"), "{}", end.all());
    assert!(started.elapsed() < Duration::from_secs(30), "it isn't asked for again and again");
}
