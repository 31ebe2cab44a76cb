//! Attempts with small scripts as bootstraps, against the real Runtime API.

use std::{fs, os::unix::fs::PermissionsExt as _};

use bytes::Bytes;
use rustix::process::{Signal, getpid, kill_process};
use tokio::sync::Mutex;

use super::*;

/// Functions for scripts in bash, which speaks TCP by itself.
const PRELUDE: &str = r#"#!/bin/bash
call() { # method, path, body: prints head and body of the answer
  exec 3<>"/dev/tcp/${AWS_LAMBDA_RUNTIME_API/://}"
  printf '%s %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: %s\r\n\r\n%s' "$1" "$2" "${#3}" "$3" >&3
  cat <&3
}
next() { call GET /2018-06-01/runtime/invocation/next '' > "$PWD/next"; }
answer() { call POST "/2018-06-01/runtime/invocation/r-1/$1" "$2" > "$PWD/answer"; }
"#;

/// Signals go to the whole process, and so its tests for them take turns.
static SIGNALS: Mutex<()> = Mutex::const_new(());

async fn attempt(
    script: &str,
    limit: Option<Duration>,
    tell: bool,
    stop_timeout: Duration,
) -> (Outcome, tempfile::TempDir) {
    let _turn = SIGNALS.lock().await;
    let directory = tempfile::tempdir().expect("a directory");
    let bootstrap = directory.path().join("bootstrap");
    fs::write(&bootstrap, format!("{PRELUDE}{script}\n")).expect("ours");
    fs::set_permissions(&bootstrap, fs::Permissions::from_mode(0o755)).expect("ours");
    let api = RuntimeApi::bind().await.expect("loopback");
    let environment = BTreeMap::from([
        ("AWS_LAMBDA_RUNTIME_API".to_owned(), api.address().to_string()),
        ("PATH".to_owned(), "/usr/bin:/bin".to_owned()),
    ]);
    let invocation = Invocation { request_id: "r-1".into(), event: Bytes::from_static(b"{}"), ..Invocation::default() };
    let mut stop = Stop::listen().expect("signals");
    let child = start(&bootstrap, directory.path(), &environment).expect("bash");
    let ready = directory.path().join("ready");
    let told = async {
        if tell {
            while !ready.exists() {
                tokio::task::yield_now().await;
            }
            kill_process(getpid(), Signal::TERM).expect("ourselves");
        }
    };
    let bounds = Bounds { limit: limit.map(|limit| Instant::now() + limit), stop_timeout };
    let (outcome, ()) = tokio::join!(run(&api, invocation, child, &mut stop, bounds), told);
    (outcome, directory)
}

const LONG: Duration = Duration::from_mins(1);

#[tokio::test]
async fn an_answer_decides_and_the_process_is_ended() {
    let (outcome, directory) = attempt("next; answer response '{\"n\":1}'; sleep 60", None, false, LONG).await;
    assert_eq!(outcome.exit, Exit::Succeeded, "{outcome:?}");
    assert!(matches!(&outcome.end, End::Answered(Answer::Response(body)) if body.bytes == "{\"n\":1}"));
    assert!(outcome.max_memory_mb.is_some_and(|most| most > 0));
    let next = fs::read_to_string(directory.path().join("next")).expect("written");
    assert!(next.ends_with("\r\n\r\n{}"), "{next}");

    let error = "next; answer error '{\"errorType\":\"Bad\",\"errorMessage\":\"no\"}'; sleep 60";
    let (outcome, _) = attempt(error, None, false, LONG).await;
    assert_eq!(outcome.exit, Exit::Failed);
    assert!(matches!(&outcome.end, End::Answered(Answer::Error(failure)) if words(failure) == "Bad: no"));

    let init = "call POST /2018-06-01/runtime/init/error '{}' > /dev/null; exit 1";
    let (outcome, _) = attempt(init, None, false, LONG).await;
    assert_eq!(outcome.exit, Exit::Failed);
    assert!(matches!(outcome.end, End::Answered(Answer::InitError(_))));
}

#[tokio::test]
async fn without_an_answer_the_process_end_decides() {
    for (script, exit) in [
        ("next; exit 0", Exit::Failed),
        ("exit 2", Exit::Failed),
        ("next; kill -9 $$", Exit::Killed(9)),
        ("kill -11 $$", Exit::Killed(11)),
        ("kill -15 $$", Exit::Killed(15)),
    ] {
        let (outcome, _) = attempt(script, None, false, LONG).await;
        assert_eq!(outcome.exit, exit, "{script}");
    }
}

#[tokio::test]
async fn the_limit_ends_it_polite_or_deaf() {
    let limit = Some(Duration::from_millis(200));
    for script in ["next; sleep 60", "trap '' TERM; next; while :; do sleep 0.1; done"] {
        let (outcome, _) = attempt(script, limit, false, LONG).await;
        assert_eq!(outcome.exit, Exit::LimitReached, "{script}");
    }
}

#[tokio::test]
async fn told_to_stop_it_passes_that_on_and_takes_a_late_answer() {
    let polite = "trap 'answer response 7; exit 0' TERM; next; touch ready; while :; do sleep 0.01; done";
    let (outcome, _) = attempt(polite, None, true, LONG).await;
    assert_eq!(outcome.exit, Exit::Succeeded, "{outcome:?}");
    let (outcome, _) = attempt("next; touch ready; exec sleep 60", None, true, LONG).await;
    assert_eq!(outcome.exit, Exit::Stopped, "{outcome:?}");
}

#[tokio::test]
async fn a_deaf_process_is_killed_two_seconds_before_the_stop_timeout() {
    let deaf = "trap '' TERM; next; touch ready; while :; do sleep 0.01; done";
    let (outcome, _) = attempt(deaf, None, true, GRACE + Duration::from_millis(200)).await;
    assert_eq!(outcome.exit, Exit::Stopped, "{outcome:?}");
    assert!(matches!(outcome.end, End::Exited(Ended::Signal(9))), "{outcome:?}");
}

#[tokio::test]
async fn what_cant_be_executed_is_given_up_for_good() {
    let directory = tempfile::tempdir().expect("a directory");
    for (content, mode) in [("#!/no/such/interpreter\n", 0o755), ("\0garbage", 0o755)] {
        let bootstrap = directory.path().join("bootstrap");
        let _ = fs::remove_file(&bootstrap);
        fs::write(&bootstrap, content).expect("ours");
        fs::set_permissions(&bootstrap, fs::Permissions::from_mode(mode)).expect("ours");
        let started = start(&bootstrap, directory.path(), &BTreeMap::new());
        assert!(matches!(started, Err(super::super::exit::Obstacle::Never(_))), "{content:?}: {started:?}");
    }
}

#[test]
fn how_it_ends_by_answer_process_and_cut() {
    let response = || End::Answered(Answer::Response(crate::runtime_api::Body { bytes: Bytes::new(), length: 0 }));
    let error = || End::Answered(Answer::Error(Failure { error_type: None, body: Bytes::new() }));
    for (end, cut, expected) in [
        (response(), None, Exit::Succeeded),
        (response(), Some(Cut::Told), Exit::Succeeded),
        (response(), Some(Cut::Limit), Exit::Succeeded),
        (error(), None, Exit::Failed),
        (error(), Some(Cut::Told), Exit::Failed),
        (error(), Some(Cut::Limit), Exit::LimitReached),
        (End::Exited(Ended::Code(0)), None, Exit::Failed),
        (End::Exited(Ended::Code(124)), None, Exit::Failed),
        (End::Exited(Ended::Code(0)), Some(Cut::Told), Exit::Stopped),
        (End::Exited(Ended::Signal(9)), Some(Cut::Told), Exit::Stopped),
        (End::Exited(Ended::Signal(9)), Some(Cut::Limit), Exit::LimitReached),
        (End::Exited(Ended::Signal(9)), None, Exit::Killed(9)),
    ] {
        assert_eq!(exit(&end, cut), expected, "{end:?} {cut:?}");
    }
}

#[test]
fn an_error_is_told_in_a_few_words() {
    for (error_type, body, expected) in [
        (Some("unhandled"), r#"{"errorType":"Bad","errorMessage":"line\nbreak"}"#, "Bad: line break"),
        (Some("unhandled"), "no json", "unhandled"),
        (None, "", "an error"),
    ] {
        let failure = Failure { error_type: error_type.map(str::to_owned), body: body.to_owned().into() };
        assert_eq!(words(&failure), expected);
    }
}
