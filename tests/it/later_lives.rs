//! Hand-over, the attempts after the first task, and the dead-letter queue.

use std::time::Duration;

use immortal_emulator::{EntryKind, EntrySource, Fault, FaultKind, FaultedCalls, JournalEntry, StopCode};

use crate::chain::{Chain, DEAD_LETTERS, FAILURES, Fate, Setup};

fn attempts(chain: &Chain, request: &str) -> Vec<u64> {
    chain.seen(request).iter().map(|seen| seen.attempt).collect()
}

fn inject(chain: &Chain, kind: FaultKind, calls: FaultedCalls) {
    chain.emulator.inject(Fault { operation: "RunTask", kind, calls });
}

fn interrupt(stop_code: StopCode) -> FaultKind {
    FaultKind::Interrupt { after: Duration::from_millis(300), stop_code }
}

/// This request's tasks, in order: which attempt, and whether on Spot.
fn tasks(chain: &Chain, request: &str) -> Vec<(Option<u32>, bool)> {
    let entries = chain.emulator.journal();
    let tasks = entries.iter().filter_map(|entry| match (&entry.source, &entry.kind) {
        (EntrySource::Task { started_by, .. }, EntryKind::TaskStarted { attempt, spot, .. }) => {
            (started_by.as_deref() == Some(request)).then_some((*attempt, *spot))
        }
        _ => None,
    });
    tasks.collect()
}

#[tokio::test]
async fn a_handler_that_never_yields_hands_over_and_serves_on() {
    let chain = Setup { timeout: Duration::from_secs(2), ..Setup::of("handed_over") }.start().await;
    let request = chain.invoke(r#"{"lambda":"spin"}"#).await;
    assert!(matches!(chain.fate(&request).await, Fate::Task(_)));
    assert_eq!(attempts(&chain, &request), [0, 1]);
    let seen = chain.seen(&request);
    assert_eq!(seen[0].lasting(), seen[1].lasting());
    assert_eq!(seen[0].context["env_config"]["log_stream"], seen[1].context["env_config"]["log_stream"], "handed over");
    let handed_over = chain.emulator.journal().iter().any(
        |entry| matches!(&entry.kind, EntryKind::Failed { error_type, .. } if error_type == "Immortal.HandedOver"),
    );
    assert!(handed_over, "{}", chain.story());
    let killed = chain.emulator.journal().iter().any(|entry| matches!(entry.kind, EntryKind::TimedOut { .. }));
    assert!(!killed, "it gave up by itself");
    let next = chain.invoke(r#"{"lambda":"succeed"}"#).await;
    assert!(matches!(chain.fate(&next).await, Fate::Lambda(_)), "the fresh copy serves");
}

#[tokio::test]
async fn after_a_hand_over_a_function_with_an_extension_of_its_own_begins_in_a_new_sandbox() {
    let chain = Setup { timeout: Duration::from_secs(2), ..Setup::of("graceful") }.start().await;
    let request = chain.invoke(r#"{"lambda":"hang"}"#).await;
    assert!(matches!(chain.fate(&request).await, Fate::Task(_)), "{}", chain.story());
    assert_eq!(attempts(&chain, &request), [0, 1]);
    let line_of_lambda = |part: &'static str| {
        chain.emulator.wait_for(move |entry| match (&entry.source, &entry.kind) {
            (EntrySource::Lambda { .. }, EntryKind::Log { line, .. }) => line.contains(part).then_some(()),
            _ => None,
        })
    };
    line_of_lambda("init panicked: could not register").await;
    let next = chain.invoke(r#"{"lambda":"succeed"}"#).await;
    assert!(matches!(chain.fate(&next).await, Fate::Lambda(_)), "{}", chain.story());
    assert_eq!(attempts(&chain, &next), [0]);
    let logs = chain.logs(&next);
    assert!(logs.iter().any(|line| line == "registered"), "a new sandbox registers again:\n{}", logs.join("\n"));
}

/// The whole promise at once.
#[tokio::test]
async fn handed_over_in_time_it_survives_two_interruptions_and_is_done_by_attempt_3() {
    let chain = Setup { timeout: Duration::from_secs(3), ..Setup::of("spot") }.start().await;
    let request = chain.invoke(r#"{"lambda":"spin","tasks":["spin","spin","succeed"]}"#).await;
    for attempt in [1, 2] {
        let task = chain.at_work(&request, attempt).await;
        chain.emulator.interrupt(&task, StopCode::SpotInterruption).expect("it runs");
    }
    assert!(matches!(chain.fate(&request).await, Fate::Task(_)), "{}", chain.story());
    assert_eq!(tasks(&chain, &request), [(Some(1), true), (Some(2), true), (Some(3), false)]);
    let told_to_stop = chain.logs(&request).iter().filter(|line| *line == "told to stop").count();
    assert_eq!(told_to_stop, 2, "SIGTERM reached the handler twice:\n{}", chain.story());
    let killed = chain.emulator.journal().iter().any(|entry| matches!(entry.kind, EntryKind::TimedOut { .. }));
    assert!(!killed, "handed over before the kill");
    let lives = chain.seen(&request);
    assert_eq!(attempts(&chain, &request), [0, 1, 2, 3]);
    for life in &lives[1..] {
        assert_eq!((&life.event, life.lasting()), (&lives[0].event, lives[0].lasting()));
        // Only a hand-over tells these.
        for of_lambda in ["/env_config/log_stream", "/xray_trace_id"] {
            assert_eq!(life.context.pointer(of_lambda), lives[0].context.pointer(of_lambda), "{of_lambda}");
        }
    }
}

#[tokio::test]
async fn a_failed_task_is_followed_by_the_next_attempt() {
    let chain = Setup::of("killed").start().await;
    let request = chain.invoke(r#"{"lambda":"fail","tasks":["fail","exit","succeed"]}"#).await;
    assert!(matches!(chain.fate(&request).await, Fate::Task(_)));
    assert_eq!(attempts(&chain, &request), [0, 1, 2, 3]);
    assert!(chain.emulator.messages(DEAD_LETTERS).is_empty());
}

#[tokio::test]
async fn used_up_it_rests_in_the_dead_letter_queue_and_runs_again_when_redriven() {
    let chain = Setup::of("killed").start().await;
    let request = chain.invoke(r#"{"lambda":"fail","tasks":["fail","fail","fail","succeed"]}"#).await;
    let record = chain.given_up(&request).await;
    assert!(record.contains("attempts"), "it says why: {record}");
    assert_eq!(attempts(&chain, &request), [0, 1, 2, 3]);
    // The record of the last stop is done before a person comes.
    chain.wait_until_idle().await;
    chain.emulator.redrive(DEAD_LETTERS, Some(FAILURES)).expect("both exist");
    chain.wait_until_idle().await;
    assert!(chain.is_done(&request) && !chain.is_dead(&request), "{}", chain.story());
    assert_eq!(attempts(&chain, &request), [0, 1, 2, 3, 1], "the next series begins at 1");
}

#[tokio::test]
async fn what_can_never_run_is_given_up_at_once() {
    let chain = Setup::of("killed").start().await;
    chain.emulator.inject(Fault { operation: "GetFunction", kind: not_found(), calls: FaultedCalls::All });
    let request = chain.invoke(r#"{"lambda":"fail"}"#).await;
    let record = chain.given_up(&request).await;
    assert!(record.contains("exit code 2"), "{record}");
    assert_eq!(chain.tasks(&request), 1);
}

fn not_found() -> FaultKind {
    FaultKind::Error { status: 404, code: "ResourceNotFoundException", message: "Function not found".into() }
}

#[tokio::test]
async fn interruptions_do_not_count_and_spot_is_left_after_two() {
    let chain = Setup { timeout: Duration::from_secs(2), ..Setup::of("spot") }.start().await;
    inject(&chain, interrupt(StopCode::SpotInterruption), FaultedCalls::Next(2));
    let request = chain.invoke(r#"{"lambda":"spin","tasks":["hang","hang","exit","exit","succeed"]}"#).await;
    assert!(matches!(chain.fate(&request).await, Fate::Task(_)));
    // Of five tasks two were interruptions: three attempts, as many as there are.
    let expected = [(Some(1), true), (Some(2), true), (Some(3), false), (Some(4), false), (Some(5), false)];
    assert_eq!(tasks(&chain, &request), expected);
    assert_eq!(attempts(&chain, &request).last(), Some(&5));
}

#[tokio::test]
async fn a_handler_that_ends_early_when_told_to_is_interrupted_and_goes_on_at_once() {
    let chain = Setup { timeout: Duration::from_secs(2), ..Setup::of("spot") }.start().await;
    let request = chain.invoke(r#"{"lambda":"obey","tasks":["obey","fail","succeed"]}"#).await;
    let task = chain.at_work(&request, 1).await;
    chain.emulator.interrupt(&task, StopCode::SpotInterruption).expect("it is at work");
    // `on = killed`: neither the stop in Lambda nor that of the task is the handler's own error; the second task's is.
    assert_eq!(chain.fate(&request).await, Fate::DeadLetter);
    assert_eq!(attempts(&chain, &request), [0, 1, 2]);
    let ends: Vec<_> = chain.emulator.journal().iter().filter_map(exit_code).collect();
    assert_eq!(ends, [143, 1]);
    let stopped =
        |kind: &EntryKind| matches!(kind, EntryKind::Failed { error_type, .. } if error_type == "Immortal.Stopped");
    assert!(chain.emulator.journal().iter().any(|entry| stopped(&entry.kind)), "{}", chain.story());
}

fn exit_code(entry: &JournalEntry) -> Option<i32> {
    if let EntryKind::TaskStopped { exit_code, .. } = entry.kind { exit_code } else { None }
}

#[tokio::test]
async fn a_start_that_fails_is_an_interruption() {
    let chain = Setup::of("killed").start().await;
    inject(
        &chain,
        FaultKind::FailToStart("ResourceInitializationError: failed to provision an ENI"),
        FaultedCalls::Next(1),
    );
    let request = chain.invoke(r#"{"lambda":"fail"}"#).await;
    assert!(matches!(chain.fate(&request).await, Fate::Task(_)));
    assert_eq!(attempts(&chain, &request), [0, 2]);
}

#[tokio::test]
async fn a_state_change_delivered_twice_or_without_its_order_starts_one_task() {
    for kind in [FaultKind::Duplicated, FaultKind::WithoutOverrides] {
        let chain = Setup::of("killed").start().await;
        chain.emulator.inject(Fault { operation: "TaskStateChange", kind: kind.clone(), calls: FaultedCalls::All });
        let request = chain.invoke(r#"{"lambda":"fail","tasks":["fail","succeed"]}"#).await;
        assert!(matches!(chain.fate(&request).await, Fate::Task(_)), "{kind:?}");
        assert_eq!(attempts(&chain, &request), [0, 1, 2], "{kind:?}\n{}", chain.story());
        chain.emulator.shutdown().await;
    }
}

#[tokio::test]
async fn what_a_person_stopped_is_a_dead_letter_and_runs_again_when_redriven() {
    let chain = Setup::of("killed").start().await;
    inject(&chain, interrupt(StopCode::UserInitiated), FaultedCalls::Next(1));
    let request = chain.invoke(r#"{"lambda":"fail","tasks":["hang","succeed"]}"#).await;
    let letter = chain.given_up(&request).await;
    assert!(letter.contains("somebody stopped the task"), "{letter}");
    assert_eq!(tasks(&chain, &request), [(Some(1), false)]);
    chain.wait_until_idle().await;
    chain.emulator.redrive(DEAD_LETTERS, Some(FAILURES)).expect("both exist");
    chain.wait_until_idle().await;
    assert!(chain.is_done(&request) && !chain.is_dead(&request), "{}", chain.story());
    assert_eq!(tasks(&chain, &request), [(Some(1), false), (Some(1), false)]);
}

#[tokio::test]
async fn on_killed_leaves_the_handlers_own_errors_to_a_person() {
    for dead_letter_config in [false, true] {
        let setup = Setup { dead_letter_config, ..Setup::of("killed_only") };
        let chain = setup.start().await;
        let error = chain.invoke(r#"{"lambda":"fail"}"#).await;
        let mut killed = Vec::new();
        for death in ["hang", "exit", "panic"] {
            killed.push((death, chain.invoke(&format!(r#"{{"lambda":"{death}"}}"#)).await));
        }
        assert_eq!(chain.fate(&error).await, Fate::DeadLetter);
        assert_eq!(chain.tasks(&error), 0);
        for (death, request) in killed {
            assert!(matches!(chain.fate(&request).await, Fate::Task(_)), "{death}");
        }
        chain.emulator.shutdown().await;
    }
}

#[tokio::test]
async fn an_event_that_needs_more_memory_gets_it() {
    let function = |function: &mut immortal_emulator::Function| function.memory = 256;
    let chain = Setup { function, timeout: Duration::from_secs(20), ..Setup::of("growing") }.start().await;
    let request = chain.invoke("3000").await;
    assert!(matches!(chain.fate(&request).await, Fate::Task(_)), "{}", chain.story());
    let memories: Vec<_> = chain.emulator.journal().iter().filter_map(memory).collect();
    assert_eq!(memories, [1024, 2048, 4096], "{}", chain.story());
    let in_lambda =
        |kind: &EntryKind| matches!(kind, EntryKind::Failed { error_type, .. } if error_type == "Runtime.OutOfMemory");
    assert!(chain.emulator.journal().iter().any(|entry| in_lambda(&entry.kind)), "{}", chain.story());
}

fn memory(entry: &JournalEntry) -> Option<u32> {
    if let EntryKind::TaskStarted { memory, .. } = entry.kind { Some(memory) } else { None }
}
