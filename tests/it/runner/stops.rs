//! Being told to stop, and what is left behind: nothing.

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

use super::{Bench, End, PATIENCE, function, runtime, unshared, zip_of};

/// A runner whose handler runs.
struct Running {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    seen: Vec<String>,
}

impl Bench {
    /// Starts the runner, and waits for a line of its handler's.
    async fn start_until(&self, line: &str) -> Running {
        let mut child = self.command().spawn().expect("the runner starts");
        let lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
        let mut running = Running { child, lines, seen: Vec::new() };
        while running.next_line().await.expect("the handler says so before it ends") != line {}
        running
    }
}

impl Running {
    async fn next_line(&mut self) -> Option<String> {
        let line = timeout(PATIENCE, self.lines.next_line()).await.expect("the runner goes on").expect("text")?;
        self.seen.push(line.clone());
        Some(line)
    }

    /// Tells it to stop, as ECS does, and waits for its end; how long that took.
    async fn stop(mut self) -> (End, Duration) {
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
        (End::of(&output), took)
    }
}

#[tokio::test]
async fn a_polite_handlers_answer_still_counts() {
    for (answer, code) in [("respond saved", 0), (r#"answer error "Content-Length: 2\r\n" "{}""#, 1)] {
        let polite = format!("trap '{answer}; exit 0' TERM; next; echo ready; while :; do sleep 0.01; done");
        let (end, took) = Bench::of(runtime(&polite)).await.start_until("ready").await.stop().await;
        assert_eq!(end.code, Some(code), "{answer}: {}", end.all());
        assert_eq!(end.stdout.contains("\nsaved\n"), code == 0, "{}", end.all());
        assert!(took < Duration::from_secs(10), "{took:?}");
    }
}

#[tokio::test]
async fn a_handler_that_ends_without_an_answer_was_stopped() {
    // Who doesn't heed it is ended five seconds before the end, which is at once here.
    for bootstrap in
        ["next; echo ready; exec sleep 60", "trap 'exit 0' TERM; next; echo ready; while :; do sleep 0.01; done"]
    {
        let bench = Bench::of(runtime(bootstrap)).await.with("IMMORTAL_STOP_TIMEOUT", "5");
        let (end, _) = bench.start_until("ready").await.stop().await;
        assert_eq!(end.code, Some(143), "{bootstrap}: {}", end.all());
        assert!(end.stderr.contains("told to stop"), "{bootstrap}: {}", end.all());
    }
}

/// A function whose shell `bootstrap` starts its program, this runtime, without `exec`.
fn under_a_shell(program: &str) -> Function {
    let program = runtime(program).zip;
    let mut program = zip::ZipArchive::new(std::io::Cursor::new(program)).expect("made just now");
    let mut text = String::new();
    program.by_name("bootstrap").expect("its only entry").read_to_string(&mut text).expect("a script");
    let shell = b"#!/bin/sh\n./program\necho \"the program ended with $?\"\n".as_slice();
    function(zip_of([("bootstrap", 0o755, shell), ("program", 0o755, text.as_bytes())]))
}

#[tokio::test]
async fn a_program_under_a_shell_is_told_and_its_answer_counts() {
    let polite = "trap 'respond saved; exit 0' TERM; next; echo ready; while :; do sleep 0.01; done";
    let (end, took) = Bench::of(under_a_shell(polite)).await.start_until("ready").await.stop().await;
    assert_eq!(end.code, Some(0), "{}", end.all());
    assert!(end.stdout.contains("\nsaved\n"), "{}", end.all());
    assert!(took < Duration::from_secs(10), "{took:?}");
}

#[tokio::test]
async fn at_its_end_a_program_under_a_shell_is_told_too() {
    // It is ended as soon as it has answered, and has two seconds to note that.
    let noting = "trap 'echo noted; exit 0' TERM; next; respond 1; while :; do sleep 0.01; done";
    let end = Bench::of(under_a_shell(noting)).await.run().await;
    assert_eq!(end.code, Some(0), "{}", end.all());
    assert!(end.stdout.contains("noted"), "{}", end.all());
}

#[tokio::test]
async fn a_deaf_handler_is_killed_two_seconds_before_the_time_is_over() {
    let deaf = runtime("trap '' TERM; next; echo ready; while :; do sleep 0.01; done");
    let bench = Bench::of(deaf).await.with("IMMORTAL_STOP_TIMEOUT", "4");
    let (end, took) = bench.start_until("ready").await.stop().await;
    assert_eq!(end.code, Some(143), "{}", end.all());
    assert!((Duration::from_secs(2)..Duration::from_secs(4)).contains(&took), "{took:?}");
    assert!(end.stdout.contains("REPORT RequestId: "), "{}", end.all());
}

#[tokio::test]
async fn told_to_stop_while_it_downloads_it_stops_at_once() {
    use immortal_emulator::{FaultKind, FaultedCalls};

    let bench = Bench::of(runtime("next; respond 1")).await.fault("Download", FaultKind::Stall, FaultedCalls::All);
    let child = bench.command().spawn().expect("the runner starts");
    let pid = child.id().expect("it runs").to_string();
    let called = bench.emulator.wait_for(|entry| {
        matches!(&entry.kind, immortal_emulator::EntryKind::Called { operation, .. } if operation == "Download")
            .then_some(())
    });
    timeout(PATIENCE, called).await.expect("it downloads");
    assert!(std::process::Command::new("kill").args(["-TERM", &pid]).status().expect("there is a kill").success());
    let output = timeout(Duration::from_secs(10), child.wait_with_output()).await.expect("it stops").expect("ours");
    let end = End::of(&output);
    assert_eq!(end.code, Some(143), "{}", end.all());
}

#[tokio::test]
async fn what_the_handler_started_ends_with_it() {
    let leaving = runtime("(trap '' TERM; while :; do sleep 1; done) & echo \"left $!\"; next; respond 1; sleep 60");
    let end = Bench::of(leaving).await.run().await;
    assert_eq!(end.code, Some(0), "{}", end.all());
    let left = end.stdout.lines().find_map(|line| line.strip_prefix("left ")).expect("it said so");
    // Killed it is; whoever inherited it reaps it in its own time.
    let state = std::fs::read_to_string(Path::new("/proc").join(left).join("stat")).ok();
    let state = state.as_deref().and_then(|stat| stat.rsplit(')').next()?.trim().chars().next());
    assert!(matches!(state, None | Some('Z' | 'X')), "{left} is {state:?}");
}

#[tokio::test]
async fn as_pid_1_it_reaps_what_is_left_to_it() {
    let Some(prefix) = unshared(&["--pid", "--fork", "--kill-child", "--mount-proc"]) else { return };
    // Each orphan's parent is gone, so the runner is its parent, and must take its status: until then it has a number.
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
    let bench = Bench { prefix, ..Bench::of(orphaning).await };
    let end = bench.run().await;
    assert_eq!(end.code, Some(0), "{}", end.all());
    assert!(end.stdout.contains("\"parent 1\""), "{}", end.all());
}
