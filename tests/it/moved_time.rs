//! The chain over hours and days, on a clock that the tests move.

mod duplicates;
mod outages;
mod redrives;

use immortal_emulator::{EntryKind, EntrySource, Fault, FaultKind, FaultedCalls};
use serde_json::Value;

use crate::chain::{Chain, ChainSetup, DEAD_LETTERS, FAILURES, SCRIPTED_TASK, is_about};

const KILLED: &str = "RequestId: 1-2 Error: Task timed out after 3.00 seconds";

/// A chain on the moved clock with scripted tasks.
fn setup() -> ChainSetup {
    ChainSetup { task: Some(SCRIPTED_TASK), ..ChainSetup::on_moved_clock("killed") }
}

fn ends(ends: &str) -> String {
    format!(r#"{{"ends":"{ends}"}}"#)
}

fn fault(operation: &'static str, kind: FaultKind, calls: FaultedCalls) -> Fault {
    Fault { operation, kind, calls }
}

/// The series that the dead letters of a request start when redriven.
fn series_of_letters(chain: &Chain, request: &str) -> Vec<Value> {
    let letters = chain.emulator.messages(DEAD_LETTERS).into_iter().filter(|letter| is_about(letter, request));
    let body = |body: &str| serde_json::from_str::<Value>(body).expect("a dead letter of a job is JSON");
    letters.map(|letter| body(&letter.body)["immortal"]["series"].clone()).collect()
}

/// Redrives by hand: sends a copy of each dead letter of a request to the failure queue.
fn copy_letters(chain: &Chain, request: &str) {
    for letter in chain.emulator.messages(DEAD_LETTERS).into_iter().filter(|letter| is_about(letter, request)) {
        chain.emulator.send_message(FAILURES, letter.body, letter.attributes).expect("the queue exists");
    }
}

impl Chain {
    /// Waits until a message is back in the failure queue.
    async fn returned(&self) {
        let is_back = |source: &EntrySource| matches!(source, EntrySource::Queue { name } if name == FAILURES);
        let wait = self.emulator.wait_for(|entry| {
            (is_back(&entry.source) && matches!(entry.kind, EntryKind::Returned { .. })).then_some(())
        });
        wait.await;
    }

    /// Asserts that a job had this many tasks, and is done or given up.
    fn assert_job(&self, request: &str, tasks: usize, is_done: bool) {
        let story = || self.journal_text_of(request);
        assert_eq!(self.task_count(request), tasks, "{request}\n{}", story());
        assert_eq!(
            (self.is_done(request), self.is_dead_letter(request)),
            (is_done, !is_done),
            "{request}\n{}",
            story()
        );
    }
}
