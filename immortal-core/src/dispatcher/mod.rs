//! The dispatcher role: the Lambda function that turns failed events into Fargate tasks.

use crate::manifest::Manifest;

/// Runs the dispatcher until Lambda ends the process, and returns the exit code.
#[allow(clippy::unused_async, reason = "the signature that main calls, ahead of its body")]
pub async fn run(_manifest: &Manifest) -> u8 {
    1
}
