//! All dead letters, received and shown again: there is no other way to look into a queue.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::letter::DeadLetterSummary;
use crate::{
    aws::{AwsConnection, CallError, ReceivedMessage},
    deployment::{Deployment, QueueAddress},
    failure::CommandError,
};

/// How long what is looked at is hidden from others, in seconds: no look takes as long.
const HIDDEN: i32 = 120;
/// How many are looked at; who has more of them runs all again, or reads them by a program of his own.
const MOST: usize = 1_000;

/// What was found, each with the message that holds it.
#[derive(Debug, Default)]
pub(crate) struct FoundLetters {
    pub(crate) letters: Vec<(DeadLetterSummary, ReceivedMessage)>,
    /// Whether there may be more than were looked at.
    pub(crate) is_cut: bool,
}

/// The dead-letter queue of a deployment that has one.
pub(crate) fn queue(deployment: &Deployment) -> Result<&QueueAddress, CommandError> {
    deployment.dead_letter_queue.as_ref().ok_or_else(|| {
        CommandError::WrongUse(format!(
            "{} has no dead-letter queue: what it gives up stays in its failure queue; name one with --dead-letter-queue",
            deployment.function
        ))
    })
}

/// Looks at the letters until none is left, or `is_enough` of what was found, and leaves them hidden.
async fn receive(
    aws: &AwsConnection,
    queue: &QueueAddress,
    now: Timestamp,
    is_enough: impl Fn(&DeadLetterSummary) -> bool,
    found: &mut FoundLetters,
) -> Result<(), CallError> {
    let mut seen = BTreeSet::new();
    loop {
        let messages = aws.receive(&queue.url, HIDDEN).await?;
        if messages.is_empty() {
            return Ok(());
        }
        let mut enough = false;
        for message in messages {
            if seen.insert(message.id.clone()) {
                let letter = DeadLetterSummary::from_message(&message, now);
                enough |= is_enough(&letter);
                found.letters.push((letter, message));
            }
        }
        found.is_cut = found.letters.len() >= MOST;
        if enough || found.is_cut {
            return Ok(());
        }
    }
}

/// Shows all of them to others again but those that `is_done` with.
async fn release(
    aws: &AwsConnection,
    queue: &QueueAddress,
    found: &FoundLetters,
    is_done: impl Fn(&DeadLetterSummary) -> bool,
) -> Result<(), CallError> {
    let messages: Vec<_> =
        found.letters.iter().filter(|(letter, _)| !is_done(letter)).map(|(_, message)| message).collect();
    aws.show_again(&queue.url, &messages).await
}

/// All letters, in the order in which they were given up, shown again to others whatever happens.
pub(crate) async fn find_all(aws: &AwsConnection, queue: &QueueAddress) -> Result<FoundLetters, CallError> {
    let mut found = FoundLetters::default();
    let received = receive(aws, queue, Timestamp::now(), |_| false, &mut found).await;
    let released = release(aws, queue, &found, |_| false).await;
    received.and(released)?;
    found.letters.sort_by_key(|(_, message)| message.sent);
    Ok(found)
}

/// The letters of one request, which `act` has its way with while they are hidden; then the others are shown again, and those
/// that it failed on.
pub(crate) async fn take<F: Future<Output = Result<(), CallError>>>(
    aws: &AwsConnection,
    queue: &QueueAddress,
    request_id: &str,
    act: impl Fn(ReceivedMessage) -> F,
) -> Result<Vec<DeadLetterSummary>, CallError> {
    let mut found = FoundLetters::default();
    let is_it = |letter: &DeadLetterSummary| letter.is_about(request_id);
    let received = receive(aws, queue, Timestamp::now(), is_it, &mut found).await;
    let mut taken = BTreeSet::new();
    let mut acted = received;
    for (letter, message) in found.letters.iter().filter(|(letter, _)| is_it(letter)) {
        if acted.is_err() {
            break;
        }
        acted = act(message.clone()).await;
        if acted.is_ok() {
            taken.insert(letter.message_id.clone());
        }
    }
    let released = release(aws, queue, &found, |letter| taken.contains(&letter.message_id)).await;
    acted.and(released)?;
    let letters = found.letters.into_iter().map(|(letter, _)| letter);
    Ok(letters.filter(|letter| taken.contains(&letter.message_id)).collect())
}
