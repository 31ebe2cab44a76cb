//! Downloads that go wrong: mended where they can be, the next attempt's where they can't.

use std::time::{Duration, Instant};

use immortal_emulator::{Calls, How, What};
use tokio::task::JoinSet;

use super::{Bench, function, package, runtime};

#[tokio::test]
async fn a_download_in_trouble_is_mended() {
    let troubles = [
        (How::Cut, Calls::Next(1)),
        (How::Stall, Calls::Next(1)),
        (How::Expired, Calls::Next(1)),
        (How::Status(503), Calls::Next(1)),
        (How::ResetBefore, Calls::Next(1)),
        (How::NoRanges, Calls::All),
    ];
    for (how, calls) in troubles {
        let bench = Bench::of(function(package("bare"))).await.with("IMMORTAL_STALL_TIMEOUT", "1");
        let end = bench.fault("Download", how.clone(), calls).run().await;
        assert_eq!(end.code, Some(0), "{how:?}: {}", end.all());
    }
}

#[tokio::test]
async fn a_download_that_fails_for_now_is_the_next_attempts_and_nothing_of_it_runs() {
    let table = [
        (How::Corrupt, "hash"),
        (How::AccessDenied, "refused with 403"),
        (How::Cut, "times in a row"),
        (How::Stall, "nothing came for 1 s"),
        (How::Status(503), "503"),
    ];
    let mut runs = JoinSet::new();
    for (how, said) in table {
        runs.spawn(async move {
            // Small: each try brings half of what is left.
            let bench = Bench::of(runtime("next; respond 1")).await.with("IMMORTAL_STALL_TIMEOUT", "1");
            let bench = bench.fault("Download", how.clone(), Calls::All);
            let end = bench.run().await;
            assert_eq!(end.code, Some(75), "{how:?}: {}", end.all());
            assert!(end.stderr.contains(said), "{how:?} says {said}: {}", end.all());
            assert!(!bench.path("task").exists(), "{how:?}: something was unpacked");
        });
    }
    runs.join_all().await;
}

#[tokio::test]
async fn an_expired_address_is_asked_for_anew_once() {
    let bench = Bench::of(runtime("next; respond 1")).await.fault("Download", How::Expired, Calls::All);
    let end = bench.run().await;
    assert_eq!(end.code, Some(75), "{}", end.all());
    let asked = |of: &str| {
        let happenings = bench.emulator.happenings();
        let called = |what: &What| matches!(what, What::Called { operation, .. } if operation == of);
        happenings.iter().filter(|happening| called(&happening.what)).count()
    };
    assert_eq!((asked("GetFunction"), asked("Download")), (2, 2));
}

#[tokio::test]
async fn get_function_is_asked_again_while_it_throttles() {
    let bench = Bench::of(runtime("next; respond 1")).await.fault("GetFunction", How::Throttle, Calls::Next(2));
    let end = bench.fault("GetFunction", How::Status(500), Calls::Nth(3)).run().await;
    assert_eq!(end.code, Some(0), "{}", end.all());
}

#[tokio::test]
async fn a_function_that_may_not_be_read_is_the_next_attempts() {
    let started = Instant::now();
    let bench = Bench::of(runtime("next; respond 1")).await.fault("GetFunction", How::AccessDenied, Calls::All);
    let end = bench.run().await;
    assert_eq!(end.code, Some(75), "{}", end.all());
    assert!(end.stderr.contains("lambda:GetFunction"), "{}", end.all());
    assert!(started.elapsed() < Duration::from_secs(30), "it isn't asked for again and again");
}
