//! The dispatcher role: the Lambda function that turns failed events into Fargate tasks.

use crate::manifest::Manifest;

mod object;

pub mod answer;
pub mod cause;
pub mod config;
pub mod failure;
pub mod handed_over;
pub mod input;
pub mod ladder;
pub mod lookup;
pub mod overrides;
pub mod response;
pub mod task;
pub mod token;
pub mod watch;

/// Runs the dispatcher until Lambda ends the process, and returns the exit code.
#[allow(clippy::unused_async, reason = "the signature that main calls, ahead of its body")]
pub async fn run(_manifest: &Manifest) -> u8 {
    1
}
