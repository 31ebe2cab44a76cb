//! The chain over hours and days, on a clock that the tests move.

mod outages;
mod redrives;
mod twins;

use immortal_emulator::{EntryKind, EntrySource, Fault, FaultKind, FaultedCalls};
use serde_json::Value;

use crate::chain::{Chain, DEAD_LETTERS, ENDS, FAILURES, Setup, is_about};

const KILLED: &str = "RequestId: 1-2 Error: Task timed out after 3.00 seconds";

/// A chain on the moved clock whose tasks end as their events say.
fn setup() -> Setup {
    Setup { task: Some(ENDS), ..Setup::on_moved_clock("killed") }
}

fn ends(ends: &str) -> String {
    format!(r#"{{"ends":"{ends}"}}"#)
}

fn fault(operation: &'static str, kind: FaultKind, calls: FaultedCalls) -> Fault {
    Fault { operation, kind, calls }
}

/// The series that the dead letters of a request begin.
fn series_of_letters(chain: &Chain, request: &str) -> Vec<Value> {
    let letters = chain.emulator.messages(DEAD_LETTERS).into_iter().filter(|letter| is_about(letter, request));
    let body = |body: &str| serde_json::from_str::<Value>(body).expect("a dead letter of a job is JSON");
    letters.map(|letter| body(&letter.body)["immortal"]["series"].clone()).collect()
}

/// What a person does by hand: sends a copy of each dead letter of a request to the failure queue.
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

    /// That a job has had so many tasks and is done, or else given up.
    fn assert_job(&self, request: &str, tasks: usize, is_done: bool) {
        let story = || self.story_of(request);
        assert_eq!(self.tasks(request), tasks, "{request}\n{}", story());
        assert_eq!((self.is_done(request), self.is_dead(request)), (is_done, !is_done), "{request}\n{}", story());
    }
}
