//! A person redrives what was given up, soon or after days.

use std::time::Duration;

use immortal_emulator::{FaultKind, FaultedCalls, StopCode};

use super::{copy_letters, ends, fault, series_of_letters, setup};
use crate::chain::{DEAD_LETTERS, FAILURES};

#[tokio::test]
async fn what_a_person_stopped_is_handled_once_however_late_and_in_whichever_way_it_is_redriven() {
    let chain = setup().start().await;
    for (minutes, by_hand) in [(30, false), (30, true), (2 * 24 * 60, false), (2 * 24 * 60, true)] {
        let request =
            format!("redriven-after-{minutes}-minutes-{}", if by_hand { "by-hand" } else { "by-a-move-task" });
        chain.fail(&request, &ends("stop143 9"), super::KILLED);
        let task = chain.waiting(&request).await;
        chain.emulator.interrupt(&task, StopCode::UserInitiated).expect("it runs");
        let letter = chain.given_up(&request).await;
        assert!(letter.contains("somebody stopped the task"), "{letter}");
        chain.wait_until_idle().await;
        chain.assert_job(&request, 1, false);
        assert_eq!(series_of_letters(&chain, &request), [1]);

        chain.emulator.advance(Duration::from_mins(minutes));
        if by_hand {
            copy_letters(&chain, &request);
            chain.wait_until_idle().await;
        }
        // After the copy this is the same letter again, which starts nothing.
        chain.emulator.redrive(DEAD_LETTERS, Some(FAILURES)).expect("both exist");
        chain.wait_until_idle().await;
        // In the first series its second attempt would fail.
        chain.assert_job(&request, 2, true);
    }
}

#[tokio::test]
async fn what_is_given_up_again_goes_on_in_the_series_after_that() {
    let chain = setup().start().await;
    let request = "twice-given-up";
    chain.fail(request, &ends("2"), super::KILLED);
    chain.given_up(request).await;
    chain.wait_until_idle().await;
    // No task of series 1 starts, so that series is given up too.
    let no_image = FaultKind::FailToStart("CannotPullContainerError: no such image");
    chain.emulator.inject_for(request, fault("Task", no_image, FaultedCalls::Next(21)));
    chain.emulator.redrive(DEAD_LETTERS, Some(FAILURES)).expect("both exist");
    chain.passing(chain.wait_until_idle()).await;
    assert_eq!(series_of_letters(&chain, request), [2], "{}", chain.story_of(request));
    chain.emulator.advance(Duration::from_hours(48));
    chain.emulator.redrive(DEAD_LETTERS, Some(FAILURES)).expect("both exist");
    chain.wait_until_idle().await;
    chain.assert_job(request, 2, true);
}
