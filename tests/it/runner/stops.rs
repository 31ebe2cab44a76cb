//! SIGTERM to the runner, and the processes it leaves: none.

use std::{
    io::Read as _,
    path::Path,
    process::Output,
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader, Lines},
    process::{Child, ChildStdout},
    time::timeout,
};

use immortal_emulator::Function;

use super::{RUNNER_TIMEOUT, RunnerBench, RunnerExit, function, runtime, unshared, zip_of};

/// A runner with a running handler.
struct RunningRunner {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    seen: Vec<String>,
}

impl RunnerBench {
    /// Starts the runner, and waits until its handler prints this line.
    async fn start_until(&self, line: &str) -> RunningRunner {
        let mut child = self.command().spawn().expect("the runner starts");
        let lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
        let mut running = RunningRunner { child, lines, seen: Vec::new() };
        while running.next_line().await.expect("the handler says so before it ends") != line {}
        running
    }
}

impl RunningRunner {
    async fn next_line(&mut self) -> Option<String> {
        let line = timeout(RUNNER_TIMEOUT, self.lines.next_line()).await.expect("the runner goes on").expect("text")?;
        self.seen.push(line.clone());
        Some(line)
    }

    /// Sends SIGTERM as ECS does, waits for the end of the runner, and returns how long that took.
    async fn stop(mut self) -> (RunnerExit, Duration) {
        let pid = self.child.id().expect("it runs").to_string();
        let told = Instant::now();
        let killed = std::process::Command::new("kill").args(["-TERM", &pid]).status();
        assert!(killed.expect("there is a kill").success());
        while self.next_line().await.is_some() {}
        let status = self.child.wait().await.expect("it is ours");
        let took = told.elapsed();
        let mut stderr = Vec::new();
        self.child.stderr.take().expect("it is piped").read_to_end(&mut stderr).await.expect("it is open");
        let output = Output { status, stdout: self.seen.join("\n").into_bytes(), stderr };
        (RunnerExit::new(&output), took)
    }
}

#[tokio::test]
async fn a_response_after_sigterm_counts() {
    for (answer, code) in [("respond saved", 0), (r#"answer error "Content-Length: 2\r\n" "{}""#, 1)] {
        let polite = format!("trap '{answer}; exit 0' TERM; next; echo ready; while :; do sleep 0.01; done");
        let (end, took) = RunnerBench::new(runtime(&polite)).await.start_until("ready").await.stop().await;
        assert_eq!(end.code, Some(code), "{answer}: {}", end.full_output());
        assert_eq!(end.stdout.contains("\nsaved\n"), code == 0, "{}", end.full_output());
        assert!(took < Duration::from_secs(10), "{took:?}");
    }
}

#[tokio::test]
async fn a_handler_that_exits_on_sigterm_without_a_response_was_stopped() {
    // A handler that ignores SIGTERM is killed five seconds before the stop timeout, which here is immediately.
    for bootstrap in
        ["next; echo ready; exec sleep 60", "trap 'exit 0' TERM; next; echo ready; while :; do sleep 0.01; done"]
    {
        let bench = RunnerBench::new(runtime(bootstrap)).await.with("IMMORTAL_STOP_TIMEOUT", "5");
        let (end, _) = bench.start_until("ready").await.stop().await;
        assert_eq!(end.code, Some(143), "{bootstrap}: {}", end.full_output());
        assert!(end.stderr.contains("the task is being stopped"), "{bootstrap}: {}", end.full_output());
    }
}

/// A function whose `bootstrap` is a shell script that runs this runtime without `exec`.
fn under_a_shell(program: &str) -> Function {
    let program = runtime(program).zip;
    let mut program = zip::ZipArchive::new(std::io::Cursor::new(program)).expect("made just now");
    let mut text = String::new();
    program.by_name("bootstrap").expect("its only entry").read_to_string(&mut text).expect("a script");
    let shell = b"#!/bin/sh\n./program\necho \"the program ended with $?\"\n".as_slice();
    function(zip_of([("bootstrap", 0o755, shell), ("program", 0o755, text.as_bytes())]))
}

#[tokio::test]
async fn a_program_under_a_shell_gets_sigterm_and_its_response_counts() {
    let polite = "trap 'respond saved; exit 0' TERM; next; echo ready; while :; do sleep 0.01; done";
    let (end, took) = RunnerBench::new(under_a_shell(polite)).await.start_until("ready").await.stop().await;
    assert_eq!(end.code, Some(0), "{}", end.full_output());
    assert!(end.stdout.contains("\nsaved\n"), "{}", end.full_output());
    assert!(took < Duration::from_secs(10), "{took:?}");
}

#[tokio::test]
async fn after_its_response_a_program_under_a_shell_gets_sigterm_too() {
    // It gets SIGTERM as soon as it has responded, and two seconds later SIGKILL.
    let noting = "trap 'echo noted; exit 0' TERM; next; respond 1; while :; do sleep 0.01; done";
    let end = RunnerBench::new(under_a_shell(noting)).await.run().await;
    assert_eq!(end.code, Some(0), "{}", end.full_output());
    assert!(end.stdout.contains("noted"), "{}", end.full_output());
}

#[tokio::test]
async fn a_handler_that_ignores_sigterm_is_killed_two_seconds_before_the_end() {
    let deaf = runtime("trap '' TERM; next; echo ready; while :; do sleep 0.01; done");
    let bench = RunnerBench::new(deaf).await.with("IMMORTAL_STOP_TIMEOUT", "4");
    let (end, took) = bench.start_until("ready").await.stop().await;
    assert_eq!(end.code, Some(143), "{}", end.full_output());
    assert!((Duration::from_secs(2)..Duration::from_secs(4)).contains(&took), "{took:?}");
    assert!(end.stdout.contains("REPORT RequestId: "), "{}", end.full_output());
}

#[tokio::test]
async fn sigterm_during_a_download_stops_the_runner_at_once() {
    use immortal_emulator::{FaultKind, FaultedCalls};

    let bench =
        RunnerBench::new(runtime("next; respond 1")).await.fault("Download", FaultKind::Stall, FaultedCalls::All);
    let child = bench.command().spawn().expect("the runner starts");
    let pid = child.id().expect("it runs").to_string();
    let called = bench.emulator.wait_for(|entry| {
        matches!(&entry.kind, immortal_emulator::EntryKind::Called { operation, .. } if operation == "Download")
            .then_some(())
    });
    timeout(RUNNER_TIMEOUT, called).await.expect("it downloads");
    assert!(std::process::Command::new("kill").args(["-TERM", &pid]).status().expect("there is a kill").success());
    let output = timeout(Duration::from_secs(10), child.wait_with_output()).await.expect("it stops").expect("ours");
    let end = RunnerExit::new(&output);
    assert_eq!(end.code, Some(143), "{}", end.full_output());
}

#[tokio::test]
async fn processes_that_the_handler_started_end_with_it() {
    let leaving = runtime("(trap '' TERM; while :; do sleep 1; done) & echo \"left $!\"; next; respond 1; sleep 60");
    let end = RunnerBench::new(leaving).await.run().await;
    assert_eq!(end.code, Some(0), "{}", end.full_output());
    let left = end.stdout.lines().find_map(|line| line.strip_prefix("left ")).expect("it said so");
    // It was killed; its new parent may not have reaped it yet.
    let state = std::fs::read_to_string(Path::new("/proc").join(left).join("stat")).ok();
    let state = state.as_deref().and_then(|stat| stat.rsplit(')').next()?.trim().chars().next());
    assert!(matches!(state, None | Some('Z' | 'X')), "{left} is {state:?}");
}

#[tokio::test]
async fn as_pid_1_it_reaps_orphans() {
    let Some(prefix) = unshared(&["--pid", "--fork", "--kill-child", "--mount-proc"]) else { return };
    // The parent of each orphan has ended, so the runner must reap it; until then its process id stays in use.
    let orphaning = runtime(
        r#"for orphan in 1 2 3; do (sh -c 'echo $$ > "new$0"; mv "new$0" "orphan$0"' $orphan &); done
until [ -e orphan1 ] && [ -e orphan2 ] && [ -e orphan3 ]; do sleep 0.01; done
for try in $(seq 1000); do
  left=$(for orphan in $(cat orphan1 orphan2 orphan3); do [ -e "/proc/$orphan" ] && echo "$orphan"; done)
  [ -n "$left" ] || { next; respond "\"parent $PPID\""; exit 0; }
  sleep 0.01
done
echo "never reaped: $left"; exit 1"#,
    );
    let bench = RunnerBench { prefix, ..RunnerBench::new(orphaning).await };
    let end = bench.run().await;
    assert_eq!(end.code, Some(0), "{}", end.full_output());
    assert!(end.stdout.contains("\"parent 1\""), "{}", end.full_output());
}
