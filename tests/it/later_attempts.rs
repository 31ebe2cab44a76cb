//! Hand-over, the attempts after the first task, and the dead-letter queue.

use std::time::Duration;

use immortal_emulator::{EntryKind, EntrySource, Fault, FaultKind, FaultedCalls, JournalEntry, StopCode};

use crate::chain::{Chain, ChainSetup, DEAD_LETTERS, EventOutcome, FAILURES};

fn attempts(chain: &Chain, request: &str) -> Vec<u64> {
    chain.seen_invocations(request).iter().map(|seen| seen.attempt).collect()
}

fn inject(chain: &Chain, kind: FaultKind, calls: FaultedCalls) {
    chain.emulator.inject(Fault { operation: "RunTask", kind, calls });
}

fn interrupt(stop_code: StopCode) -> FaultKind {
    FaultKind::Interrupt { after: Duration::from_millis(300), stop_code }
}

/// The tasks of a request in order: the attempt, and whether it ran on Spot capacity.
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
async fn a_handler_that_never_yields_hands_over_and_the_function_keeps_serving() {
    let chain = ChainSetup { timeout: Duration::from_secs(2), ..ChainSetup::new("handed_over") }.start().await;
    let request = chain.invoke(r#"{"lambda":"spin"}"#).await;
    assert!(matches!(chain.wait_for_outcome(&request).await, EventOutcome::Task(_)));
    assert_eq!(attempts(&chain, &request), [0, 1]);
    let seen = chain.seen_invocations(&request);
    assert_eq!(seen[0].comparable_context(), seen[1].comparable_context());
    assert_eq!(seen[0].context["env_config"]["log_stream"], seen[1].context["env_config"]["log_stream"], "handed over");
    let handed_over = chain.emulator.journal().iter().any(
        |entry| matches!(&entry.kind, EntryKind::Failed { error_type, .. } if error_type == "Immortal.HandedOver"),
    );
    assert!(handed_over, "{}", chain.journal_text());
    let killed = chain.emulator.journal().iter().any(|entry| matches!(entry.kind, EntryKind::TimedOut { .. }));
    assert!(!killed, "it handed over before the timeout");
    let next = chain.invoke(r#"{"lambda":"succeed"}"#).await;
    assert!(matches!(chain.wait_for_outcome(&next).await, EventOutcome::Lambda(_)), "the re-executed process serves");
}

#[tokio::test]
async fn a_hand_over_of_a_function_with_an_internal_extension_ends_its_sandbox() {
    let chain = ChainSetup { timeout: Duration::from_secs(2), ..ChainSetup::new("graceful") }.start().await;
    let request = chain.invoke(r#"{"lambda":"hang"}"#).await;
    assert!(matches!(chain.wait_for_outcome(&request).await, EventOutcome::Task(_)), "{}", chain.journal_text());
    assert_eq!(attempts(&chain, &request), [0, 1]);
    let line_of_lambda = |part: &'static str| {
        chain.emulator.wait_for(move |entry| match (&entry.source, &entry.kind) {
            (EntrySource::Lambda { .. }, EntryKind::Log { line, .. }) => line.contains(part).then_some(()),
            _ => None,
        })
    };
    line_of_lambda("init panicked: could not register").await;
    let next = chain.invoke(r#"{"lambda":"succeed"}"#).await;
    assert!(matches!(chain.wait_for_outcome(&next).await, EventOutcome::Lambda(_)), "{}", chain.journal_text());
    assert_eq!(attempts(&chain, &next), [0]);
    let logs = chain.logs(&next);
    assert!(logs.iter().any(|line| line == "registered"), "a new sandbox registers again:\n{}", logs.join("\n"));
}

/// Hand-over, interruptions and success in one job.
#[tokio::test]
async fn handed_over_in_time_it_survives_two_interruptions_and_is_done_by_attempt_3() {
    let chain = ChainSetup { timeout: Duration::from_secs(3), ..ChainSetup::new("spot") }.start().await;
    let request = chain.invoke(r#"{"lambda":"spin","tasks":["spin","spin","succeed"]}"#).await;
    for attempt in [1, 2] {
        let task = chain.wait_until_handling(&request, attempt).await;
        chain.emulator.interrupt(&task, StopCode::SpotInterruption).expect("it runs");
    }
    assert!(matches!(chain.wait_for_outcome(&request).await, EventOutcome::Task(_)), "{}", chain.journal_text());
    assert_eq!(tasks(&chain, &request), [(Some(1), true), (Some(2), true), (Some(3), false)]);
    let told_to_stop = chain.logs(&request).iter().filter(|line| *line == "told to stop").count();
    assert_eq!(told_to_stop, 2, "SIGTERM reached the handler twice:\n{}", chain.journal_text());
    let killed = chain.emulator.journal().iter().any(|entry| matches!(entry.kind, EntryKind::TimedOut { .. }));
    assert!(!killed, "handed over before the kill");
    let lives = chain.seen_invocations(&request);
    assert_eq!(attempts(&chain, &request), [0, 1, 2, 3]);
    for life in &lives[1..] {
        assert_eq!((&life.event, life.comparable_context()), (&lives[0].event, lives[0].comparable_context()));
        // Only a hand-over passes these on.
        for of_lambda in ["/env_config/log_stream", "/xray_trace_id"] {
            assert_eq!(life.context.pointer(of_lambda), lives[0].context.pointer(of_lambda), "{of_lambda}");
        }
    }
}

#[tokio::test]
async fn a_failed_task_is_followed_by_the_next_attempt() {
    let chain = ChainSetup::new("killed").start().await;
    let request = chain.invoke(r#"{"lambda":"fail","tasks":["fail","exit","succeed"]}"#).await;
    assert!(matches!(chain.wait_for_outcome(&request).await, EventOutcome::Task(_)));
    assert_eq!(attempts(&chain, &request), [0, 1, 2, 3]);
    assert!(chain.emulator.messages(DEAD_LETTERS).is_empty());
}

#[tokio::test]
async fn after_its_last_attempt_it_is_a_dead_letter_and_runs_again_when_redriven() {
    let chain = ChainSetup::new("killed").start().await;
    let request = chain.invoke(r#"{"lambda":"fail","tasks":["fail","fail","fail","succeed"]}"#).await;
    let record = chain.wait_for_dead_letter(&request).await;
    assert!(record.contains("attempts"), "it says why: {record}");
    assert_eq!(attempts(&chain, &request), [0, 1, 2, 3]);
    // The redrive comes after the record of the last stop is deleted.
    chain.wait_until_idle().await;
    chain.emulator.redrive(DEAD_LETTERS, Some(FAILURES)).expect("both exist");
    chain.wait_until_idle().await;
    assert!(chain.is_done(&request) && !chain.is_dead_letter(&request), "{}", chain.journal_text());
    assert_eq!(attempts(&chain, &request), [0, 1, 2, 3, 1], "the next series begins at 1");
}

#[tokio::test]
async fn a_permanent_error_is_given_up_at_once() {
    let chain = ChainSetup::new("killed").start().await;
    chain.emulator.inject(Fault { operation: "GetFunction", kind: not_found(), calls: FaultedCalls::All });
    let request = chain.invoke(r#"{"lambda":"fail"}"#).await;
    let record = chain.wait_for_dead_letter(&request).await;
    assert!(record.contains("exit code 2"), "{record}");
    assert_eq!(chain.task_count(&request), 1);
}

fn not_found() -> FaultKind {
    FaultKind::Error { status: 404, code: "ResourceNotFoundException", message: "Function not found".into() }
}

#[tokio::test]
async fn interruptions_do_not_count_and_spot_is_not_used_after_two() {
    let chain = ChainSetup { timeout: Duration::from_secs(2), ..ChainSetup::new("spot") }.start().await;
    inject(&chain, interrupt(StopCode::SpotInterruption), FaultedCalls::Next(2));
    let request = chain.invoke(r#"{"lambda":"spin","tasks":["hang","hang","exit","exit","succeed"]}"#).await;
    assert!(matches!(chain.wait_for_outcome(&request).await, EventOutcome::Task(_)));
    // Of five tasks two were interrupted, so three attempts count.
    let expected = [(Some(1), true), (Some(2), true), (Some(3), false), (Some(4), false), (Some(5), false)];
    assert_eq!(tasks(&chain, &request), expected);
    assert_eq!(attempts(&chain, &request).last(), Some(&5));
}

#[tokio::test]
async fn a_handler_that_stops_early_counts_as_interrupted_and_continues_at_once() {
    let chain = ChainSetup { timeout: Duration::from_secs(2), ..ChainSetup::new("spot") }.start().await;
    let request = chain.invoke(r#"{"lambda":"obey","tasks":["obey","fail","succeed"]}"#).await;
    let task = chain.wait_until_handling(&request, 1).await;
    chain.emulator.interrupt(&task, StopCode::SpotInterruption).expect("it is at work");
    // With `on = killed`: neither the stop in Lambda nor that of the task counts as the handler's error; the second
    // task's does.
    assert_eq!(chain.wait_for_outcome(&request).await, EventOutcome::DeadLetter);
    assert_eq!(attempts(&chain, &request), [0, 1, 2]);
    let ends: Vec<_> = chain.emulator.journal().iter().filter_map(exit_code).collect();
    assert_eq!(ends, [143, 1]);
    let stopped =
        |kind: &EntryKind| matches!(kind, EntryKind::Failed { error_type, .. } if error_type == "Immortal.Stopped");
    assert!(chain.emulator.journal().iter().any(|entry| stopped(&entry.kind)), "{}", chain.journal_text());
}

fn exit_code(entry: &JournalEntry) -> Option<i32> {
    if let EntryKind::TaskStopped { exit_code, .. } = entry.kind { exit_code } else { None }
}

#[tokio::test]
async fn a_start_that_fails_is_an_interruption() {
    let chain = ChainSetup::new("killed").start().await;
    inject(
        &chain,
        FaultKind::FailToStart("ResourceInitializationError: failed to provision an ENI"),
        FaultedCalls::Next(1),
    );
    let request = chain.invoke(r#"{"lambda":"fail"}"#).await;
    assert!(matches!(chain.wait_for_outcome(&request).await, EventOutcome::Task(_)));
    assert_eq!(attempts(&chain, &request), [0, 2]);
}

#[tokio::test]
async fn a_state_change_delivered_twice_or_without_overrides_starts_one_task() {
    for kind in [FaultKind::Duplicated, FaultKind::WithoutOverrides] {
        let chain = ChainSetup::new("killed").start().await;
        chain.emulator.inject(Fault { operation: "TaskStateChange", kind: kind.clone(), calls: FaultedCalls::All });
        let request = chain.invoke(r#"{"lambda":"fail","tasks":["fail","succeed"]}"#).await;
        assert!(matches!(chain.wait_for_outcome(&request).await, EventOutcome::Task(_)), "{kind:?}");
        assert_eq!(attempts(&chain, &request), [0, 1, 2], "{kind:?}\n{}", chain.journal_text());
        chain.emulator.shutdown().await;
    }
}

#[tokio::test]
async fn a_task_stopped_by_a_person_is_a_dead_letter_and_runs_again_when_redriven() {
    let chain = ChainSetup::new("killed").start().await;
    inject(&chain, interrupt(StopCode::UserInitiated), FaultedCalls::Next(1));
    let request = chain.invoke(r#"{"lambda":"fail","tasks":["hang","succeed"]}"#).await;
    let letter = chain.wait_for_dead_letter(&request).await;
    assert!(letter.contains("somebody stopped the task"), "{letter}");
    assert_eq!(tasks(&chain, &request), [(Some(1), false)]);
    chain.wait_until_idle().await;
    chain.emulator.redrive(DEAD_LETTERS, Some(FAILURES)).expect("both exist");
    chain.wait_until_idle().await;
    assert!(chain.is_done(&request) && !chain.is_dead_letter(&request), "{}", chain.journal_text());
    assert_eq!(tasks(&chain, &request), [(Some(1), false), (Some(1), false)]);
}

#[tokio::test]
async fn on_killed_leaves_the_handlers_own_errors_to_a_person() {
    for dead_letter_config in [false, true] {
        let setup = ChainSetup { dead_letter_config, ..ChainSetup::new("killed_only") };
        let chain = setup.start().await;
        let error = chain.invoke(r#"{"lambda":"fail"}"#).await;
        let mut killed = Vec::new();
        for death in ["hang", "exit", "panic"] {
            killed.push((death, chain.invoke(&format!(r#"{{"lambda":"{death}"}}"#)).await));
        }
        assert_eq!(chain.wait_for_outcome(&error).await, EventOutcome::DeadLetter);
        assert_eq!(chain.task_count(&error), 0);
        for (death, request) in killed {
            assert!(matches!(chain.wait_for_outcome(&request).await, EventOutcome::Task(_)), "{death}");
        }
        chain.emulator.shutdown().await;
    }
}

#[tokio::test]
async fn an_event_that_needs_more_memory_gets_it() {
    let function = |function: &mut immortal_emulator::Function| function.memory = 256;
    let chain = ChainSetup { function, timeout: Duration::from_secs(20), ..ChainSetup::new("growing") }.start().await;
    let request = chain.invoke("3000").await;
    assert!(matches!(chain.wait_for_outcome(&request).await, EventOutcome::Task(_)), "{}", chain.journal_text());
    let memories: Vec<_> = chain.emulator.journal().iter().filter_map(memory).collect();
    assert_eq!(memories, [1024, 2048, 4096], "{}", chain.journal_text());
    let in_lambda =
        |kind: &EntryKind| matches!(kind, EntryKind::Failed { error_type, .. } if error_type == "Runtime.OutOfMemory");
    assert!(chain.emulator.journal().iter().any(|entry| in_lambda(&entry.kind)), "{}", chain.journal_text());
}

fn memory(entry: &JournalEntry) -> Option<u32> {
    if let EntryKind::TaskStarted { memory, .. } = entry.kind { Some(memory) } else { None }
}
