//! Redrives soon after a job was given up, and days later.

use std::time::Duration;

use immortal_emulator::{FaultKind, FaultedCalls, StopCode};

use super::{copy_letters, ends, fault, series_of_letters, setup};
use crate::chain::{DEAD_LETTERS, FAILURES};

#[tokio::test]
async fn a_task_stopped_by_a_person_is_handled_once_however_and_whenever_it_is_redriven() {
    let chain = setup().start().await;
    for (minutes, by_hand) in [(30, false), (30, true), (2 * 24 * 60, false), (2 * 24 * 60, true)] {
        let request =
            format!("redriven-after-{minutes}-minutes-{}", if by_hand { "by-hand" } else { "by-a-move-task" });
        chain.send_failure(&request, &ends("stop143 9"), super::KILLED);
        let task = chain.wait_for_waiting_task(&request).await;
        chain.emulator.interrupt(&task, StopCode::UserInitiated).expect("it runs");
        let letter = chain.wait_for_dead_letter(&request).await;
        assert!(letter.contains("somebody stopped the task"), "{letter}");
        chain.wait_until_idle().await;
        chain.assert_job(&request, 1, false);
        assert_eq!(series_of_letters(&chain, &request), [1]);

        chain.emulator.advance(Duration::from_mins(minutes));
        if by_hand {
            copy_letters(&chain, &request);
            chain.wait_until_idle().await;
        }
        // After the copy, this is a duplicate of the dead letter, which starts nothing.
        chain.emulator.redrive(DEAD_LETTERS, Some(FAILURES)).expect("both exist");
        chain.wait_until_idle().await;
        // In series 0 the second attempt would fail.
        chain.assert_job(&request, 2, true);
    }
}

#[tokio::test]
async fn what_is_given_up_again_continues_in_the_next_series() {
    let chain = setup().start().await;
    let request = "twice-given-up";
    chain.send_failure(request, &ends("2"), super::KILLED);
    chain.wait_for_dead_letter(request).await;
    chain.wait_until_idle().await;
    // No task of series 1 starts, so it is given up, too.
    let no_image = FaultKind::FailToStart("CannotPullContainerError: no such image");
    chain.emulator.inject_for(request, fault("Task", no_image, FaultedCalls::Next(21)));
    chain.emulator.redrive(DEAD_LETTERS, Some(FAILURES)).expect("both exist");
    chain.advancing_until(chain.wait_until_idle()).await;
    assert_eq!(series_of_letters(&chain, request), [2], "{}", chain.journal_text_of(request));
    chain.emulator.advance(Duration::from_hours(48));
    chain.emulator.redrive(DEAD_LETTERS, Some(FAILURES)).expect("both exist");
    chain.wait_until_idle().await;
    chain.assert_job(request, 2, true);
}
