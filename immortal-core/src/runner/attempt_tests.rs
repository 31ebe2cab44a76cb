//! Attempts with small scripts as bootstraps, against the real Runtime API.

use std::{fs, os::unix::fs::PermissionsExt as _};

use bytes::Bytes;
use rustix::process::{Signal, getpid, kill_process};
use tokio::sync::Mutex;

use super::{super::reported_error::summary, *};
use crate::runtime_api::ReportedError;

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

/// How an attempt of a test is to be run.
#[derive(Clone, Copy)]
struct Run {
    limit: Option<Duration>,
    /// Whether the runner is told to stop once the script has made the file `ready`.
    tell: bool,
    stop_timeout: Duration,
    start_timeout: Duration,
    source: Option<EventSource>,
}

const LONG: Duration = Duration::from_mins(1);
const PLAIN: Run = Run { limit: None, tell: false, stop_timeout: LONG, start_timeout: LONG, source: None };
const TOLD: Run = Run { tell: true, ..PLAIN };

async fn attempt(script: &str, run_as: Run) -> (AttemptOutcome, tempfile::TempDir) {
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
    let mut stop = StopSignal::listen().expect("signals");
    let child = start(&bootstrap, directory.path(), &environment).expect("bash");
    let ready = directory.path().join("ready");
    let told = async {
        if run_as.tell {
            while !ready.exists() {
                tokio::task::yield_now().await;
            }
            kill_process(getpid(), Signal::TERM).expect("ourselves");
        }
    };
    let Run { stop_timeout, start_timeout, .. } = run_as;
    let bounds = AttemptLimits { limit: run_as.limit.map(|limit| Instant::now() + limit), stop_timeout, start_timeout };
    let (outcome, ()) = tokio::join!(run(&api, invocation, child, &mut stop, bounds, run_as.source), told);
    (outcome, directory)
}

#[tokio::test]
async fn an_answer_decides_and_the_process_is_ended() {
    let (outcome, directory) = attempt("next; answer response '{\"n\":1}'; sleep 60", PLAIN).await;
    assert_eq!(outcome.exit, RunnerExit::Succeeded, "{outcome:?}");
    assert!(
        matches!(&outcome.end, AttemptEnd::Answered(InvocationAnswer::Response(body)) if body.bytes == "{\"n\":1}")
    );
    assert!(outcome.max_memory_mb.is_some_and(|most| most > 0));
    let next = fs::read_to_string(directory.path().join("next")).expect("written");
    assert!(next.ends_with("\r\n\r\n{}"), "{next}");

    let error = "next; answer error '{\"errorType\":\"Bad\",\"errorMessage\":\"no\"}'; sleep 60";
    let (outcome, _) = attempt(error, PLAIN).await;
    assert_eq!(outcome.exit, RunnerExit::HandlerFailed);
    assert!(
        matches!(&outcome.end, AttemptEnd::Answered(InvocationAnswer::Error(failure)) if summary(failure) == "Bad: no")
    );

    let init = "call POST /2018-06-01/runtime/init/error '{}' > /dev/null; exit 1";
    let (outcome, _) = attempt(init, PLAIN).await;
    assert_eq!(outcome.exit, RunnerExit::HandlerFailed);
    assert!(matches!(outcome.end, AttemptEnd::Answered(InvocationAnswer::InitError(_))));
}

#[tokio::test]
async fn a_response_may_name_the_message_as_failed() {
    let of_a_queue = Run { source: Some(EventSource::Sqs), ..PLAIN };
    let named = r#"{"batchItemFailures":[{"itemIdentifier":"r-1"}]}"#;
    let other = r#"{"batchItemFailures":[{"itemIdentifier":"r-2"}]}"#;
    let table = [
        (named, of_a_queue, RunnerExit::HandlerFailed),
        (other, of_a_queue, RunnerExit::HandlerFailed),
        (r#"{"batchItemFailures":[]}"#, of_a_queue, RunnerExit::Succeeded),
        ("null", of_a_queue, RunnerExit::Succeeded),
        (named, PLAIN, RunnerExit::Succeeded),
    ];
    for (response, run_as, expected) in table {
        let (outcome, _) = attempt(&format!("next; answer response '{response}'; sleep 60"), run_as).await;
        assert_eq!(outcome.exit, expected, "{response}: {outcome:?}");
    }
}

#[tokio::test]
async fn without_an_answer_the_process_end_decides() {
    for (script, exit) in [
        ("next; exit 0", RunnerExit::Unanswered),
        ("exit 2", RunnerExit::Unanswered),
        ("next; kill -9 $$", RunnerExit::Killed(9)),
        ("kill -11 $$", RunnerExit::Killed(11)),
        ("kill -15 $$", RunnerExit::Killed(15)),
    ] {
        let (outcome, _) = attempt(script, PLAIN).await;
        assert_eq!(outcome.exit, exit, "{script}");
    }
}

#[tokio::test]
async fn the_limit_ends_it_polite_or_deaf() {
    let limited = Run { limit: Some(Duration::from_millis(200)), ..PLAIN };
    for script in ["next; sleep 60", "trap '' TERM; next; while :; do sleep 0.1; done"] {
        let (outcome, _) = attempt(script, limited).await;
        assert_eq!(outcome.exit, RunnerExit::LimitReached, "{script}");
    }
}

#[tokio::test]
async fn told_to_stop_it_passes_that_on_and_takes_a_late_answer() {
    let polite = "trap 'answer response 7; exit 0' TERM; next; touch ready; while :; do sleep 0.01; done";
    let (outcome, _) = attempt(polite, TOLD).await;
    assert_eq!(outcome.exit, RunnerExit::Succeeded, "{outcome:?}");
    let silent = "trap 'exit 0' TERM; next; touch ready; while :; do sleep 0.01; done";
    let (outcome, _) = attempt(silent, TOLD).await;
    assert_eq!(outcome.exit, RunnerExit::Stopped, "{outcome:?}");
}

/// A process beside the bootstrap that reports SIGTERM through a FIFO; reading that starts no other process.
const WITNESS: &str = "mkfifo told
(trap 'echo > told; exit' TERM; touch witness; while :; do sleep 0.01; done) &
until [ -e witness ]; do sleep 0.01; done
until_told() { read -r _ < told; }
";

#[tokio::test]
async fn a_process_without_a_handler_of_sigterm_continues_and_may_respond() {
    let (outcome, _) = attempt(&format!("{WITNESS}next; touch ready; until_told; answer response 7"), TOLD).await;
    assert_eq!(outcome.exit, RunnerExit::Succeeded, "{outcome:?}");
}

#[tokio::test]
async fn a_process_that_installs_its_handler_later_gets_sigterm_then() {
    let later = "next; touch ready; until_told; trap 'answer response 7; exit 0' TERM; while :; do sleep 0.01; done";
    let (outcome, _) = attempt(&format!("{WITNESS}{later}"), TOLD).await;
    assert_eq!(outcome.exit, RunnerExit::Succeeded, "{outcome:?}");
}

#[tokio::test]
async fn the_attempt_continues_while_a_process_handles_sigterm() {
    let script = "next
        (trap 'trap - TERM; while kill -0 $$ 2>/dev/null; do sleep 0.01; done; answer response 7; exit 0' TERM
         touch ready; while :; do sleep 0.01; done) &
        trap 'exit 0' TERM; while :; do sleep 0.01; done";
    let (outcome, _) = attempt(script, TOLD).await;
    assert_eq!(outcome.exit, RunnerExit::Succeeded, "{outcome:?}");
}

#[tokio::test]
async fn without_a_handler_of_sigterm_the_process_is_ended_five_seconds_before_the_stop_timeout() {
    let started = Instant::now();
    let wait = Duration::from_millis(200);
    let without_handler = Run { stop_timeout: TERMINATION_MARGIN + wait, ..TOLD };
    let (outcome, _) = attempt("next; touch ready; exec sleep 60", without_handler).await;
    assert_eq!(outcome.exit, RunnerExit::Stopped, "{outcome:?}");
    assert!(matches!(outcome.end, AttemptEnd::Exited(ProcessEnd::Signal(15))), "{outcome:?}");
    assert!(started.elapsed() >= wait, "not at once");
}

#[tokio::test]
async fn a_process_that_ignores_sigterm_is_killed_two_seconds_before_the_stop_timeout() {
    let deaf = "trap '' TERM; next; touch ready; while :; do sleep 0.01; done";
    let (outcome, _) = attempt(deaf, Run { stop_timeout: GRACE + Duration::from_millis(200), ..TOLD }).await;
    assert_eq!(outcome.exit, RunnerExit::Stopped, "{outcome:?}");
    assert!(matches!(outcome.end, AttemptEnd::Exited(ProcessEnd::Signal(9))), "{outcome:?}");
}

#[tokio::test]
async fn an_answer_that_breaks_off_before_the_next_question_is_none() {
    for kind in ["response", "error"] {
        let script = format!(
            r#"next
            exec 4<>"/dev/tcp/${{AWS_LAMBDA_RUNTIME_API/://}}"
            printf 'POST /2018-06-01/runtime/invocation/r-1/{kind} HTTP/1.1
Host: x
Content-Length: 9

1' >&4
            exec 4>&-
            next"#
        );
        let (outcome, _) = attempt(&script, PLAIN).await;
        assert_eq!(outcome.exit, RunnerExit::Unanswered, "{kind}: {outcome:?}");
        assert!(matches!(outcome.end, AttemptEnd::Answered(InvocationAnswer::Missing(_))), "{kind}: {outcome:?}");
    }
}

#[tokio::test]
async fn who_never_asks_for_the_event_is_ended() {
    let hasty = Run { start_timeout: Duration::from_millis(200), ..PLAIN };
    let (outcome, _) = attempt("exec sleep 60", hasty).await;
    assert_eq!(outcome.exit, RunnerExit::Unanswered, "{outcome:?}");
    assert!(matches!(outcome.end, AttemptEnd::Exited(ProcessEnd::Signal(15))), "{outcome:?}");
}

#[tokio::test]
async fn who_asked_in_time_has_all_the_time_to_answer() {
    let start_timeout = Duration::from_secs(3);
    let started = Instant::now();
    let script = "next; sleep 3.1; answer response 7";
    let (outcome, _) = attempt(script, Run { start_timeout, ..PLAIN }).await;
    assert_eq!(outcome.exit, RunnerExit::Succeeded, "{outcome:?}");
    assert!(started.elapsed() > start_timeout);
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
        assert!(matches!(started, Err(super::super::error::RunnerError::Permanent(_))), "{content:?}: {started:?}");
    }
}

#[test]
fn how_it_ends_by_answer_process_and_cut() {
    let response = || {
        AttemptEnd::Answered(InvocationAnswer::Response(crate::runtime_api::AnswerBody {
            bytes: Bytes::new(),
            length: 0,
        }))
    };
    let error =
        || AttemptEnd::Answered(InvocationAnswer::Error(ReportedError { error_type: None, body: Bytes::new() }));
    let ours = |error_type: &str| {
        let body = format!(r#"{{"errorType":"Immortal.{error_type}","errorMessage":"no"}}"#).into();
        AttemptEnd::Answered(InvocationAnswer::Error(ReportedError { error_type: Some("unhandled".into()), body }))
    };
    let missing =
        || AttemptEnd::Answered(InvocationAnswer::Missing(ReportedError { error_type: None, body: Bytes::new() }));
    let failed = || AttemptEnd::MessageFailed {
        response: crate::runtime_api::AnswerBody { bytes: Bytes::new(), length: 0 },
        failures: BatchFailures::All,
    };
    for (end, cut, expected) in [
        (failed(), None, RunnerExit::HandlerFailed),
        (failed(), Some(CutShort::Stopped), RunnerExit::HandlerFailed),
        (failed(), Some(CutShort::Limit), RunnerExit::LimitReached),
        (response(), None, RunnerExit::Succeeded),
        (response(), Some(CutShort::Stopped), RunnerExit::Succeeded),
        (response(), Some(CutShort::Limit), RunnerExit::Succeeded),
        (error(), None, RunnerExit::HandlerFailed),
        (ours("UnreadableEvent"), None, RunnerExit::CannotRun),
        (ours("Stopped"), Some(CutShort::Stopped), RunnerExit::Stopped),
        (ours("Stopped"), None, RunnerExit::Stopped),
        (ours("Stopped"), Some(CutShort::Limit), RunnerExit::LimitReached),
        (ours("Superseded"), None, RunnerExit::Superseded),
        (ours("Superseded"), Some(CutShort::Stopped), RunnerExit::Superseded),
        (error(), Some(CutShort::Stopped), RunnerExit::HandlerFailed),
        (error(), Some(CutShort::Limit), RunnerExit::LimitReached),
        (missing(), None, RunnerExit::Unanswered),
        (missing(), Some(CutShort::Stopped), RunnerExit::Stopped),
        (missing(), Some(CutShort::Limit), RunnerExit::LimitReached),
        (response(), Some(CutShort::NeverAsked), RunnerExit::Succeeded),
        (error(), Some(CutShort::NeverAsked), RunnerExit::HandlerFailed),
        (AttemptEnd::Exited(ProcessEnd::Signal(15)), Some(CutShort::NeverAsked), RunnerExit::Unanswered),
        (AttemptEnd::Exited(ProcessEnd::Code(0)), None, RunnerExit::Unanswered),
        (AttemptEnd::Exited(ProcessEnd::Code(1)), None, RunnerExit::Unanswered),
        (AttemptEnd::Exited(ProcessEnd::Code(124)), None, RunnerExit::Unanswered),
        (AttemptEnd::Exited(ProcessEnd::Code(0)), Some(CutShort::Stopped), RunnerExit::Stopped),
        (AttemptEnd::Exited(ProcessEnd::Signal(9)), Some(CutShort::Stopped), RunnerExit::Stopped),
        (AttemptEnd::Exited(ProcessEnd::Signal(9)), Some(CutShort::Limit), RunnerExit::LimitReached),
        (AttemptEnd::Exited(ProcessEnd::Signal(9)), None, RunnerExit::Killed(9)),
    ] {
        assert_eq!(exit(&end, cut), expected, "{end:?} {cut:?}");
    }
}
