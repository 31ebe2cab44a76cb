//! `cargo immortal dead`: what was given up, and why.

use std::{
    io::{Write as _, stdout},
    process::ExitCode,
    time::Duration,
};

use serde::Serialize;

use super::{
    letter::{self, DeadLetterSummary, LetterEvent},
    letters,
    span::span,
};
use crate::{
    aws::{AwsConnection, ReceivedMessage},
    deployment::DeploymentArgs,
    failure::CommandError,
    output::{eprint_line, print_line},
};

/// What to show.
#[derive(Debug, clap::Args)]
pub(crate) struct DeadArgs {
    /// Only what was given up of this request
    request_id: Option<String>,
    /// Print its event, and nothing else
    #[arg(long, requires = "request_id", conflicts_with = "json")]
    event: bool,
    /// Print JSON, without events
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    deployment: DeploymentArgs,
}

/// What is printed as JSON.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct DeadReport<'a> {
    function: &'a str,
    letters: Vec<&'a DeadLetterSummary>,
    /// Whether there may be more than are shown.
    is_cut: bool,
}

pub(crate) async fn run(args: DeadArgs) -> Result<ExitCode, CommandError> {
    let (aws, deployment) = args.deployment.open().await?;
    let queue = letters::queue(&deployment)?;
    let mut found = letters::find_all(&aws, queue).await?;
    if let Some(request_id) = &args.request_id {
        found.letters.retain(|(letter, _)| letter.is_about(request_id));
    }
    let function = &deployment.function;
    let letters: Vec<_> = found.letters.iter().map(|(letter, _)| letter).collect();
    if let (Some(request_id), true) = (&args.request_id, letters.is_empty()) {
        return Err(CommandError::Failed(missing(request_id, queue.name())));
    }
    if args.event {
        let (_, latest) = found.letters.last().ok_or_else(|| CommandError::Failed(String::new()))?;
        print_event(&aws, latest).await?;
    } else if args.json {
        let report = DeadReport { function, letters, is_cut: found.is_cut };
        print_line(serde_json::to_string_pretty(&report).unwrap_or_default());
    } else {
        lines(function, &letters, found.is_cut).iter().for_each(print_line);
        if !letters.is_empty() {
            eprint_line("(while they were read, others could not receive them)");
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Why nothing was found of a request.
pub(super) fn missing(request_id: &str, queue: &str) -> String {
    format!(
        "nothing of the request {request_id} is in the queue {queue}, or somebody else is looking at it; \
         `cargo immortal dead` shows what is there"
    )
}

/// The event's bytes and nothing else: they may be no text.
async fn print_event(aws: &AwsConnection, message: &ReceivedMessage) -> Result<(), CommandError> {
    let bytes = match letter::event(message) {
        LetterEvent::Text(text) => text.into_bytes(),
        LetterEvent::Object(uri) => {
            let object = uri.strip_prefix("s3://").and_then(|rest| rest.split_once('/'));
            let (bucket, key) = object.ok_or_else(|| {
                CommandError::Failed(format!("the dead letter names {uri:?}, which is not an s3:// URI"))
            })?;
            aws.object(bucket, key).await?
        }
    };
    let mut out = stdout().lock();
    let _ = out.write_all(&bytes).and_then(|()| out.write_all(b"\n"));
    Ok(())
}

fn lines(function: &str, letters: &[&DeadLetterSummary], is_cut: bool) -> Vec<String> {
    if letters.is_empty() {
        return vec![format!("{function} has given nothing up")];
    }
    let mut lines = Vec::new();
    for letter in letters {
        let age = span(Duration::from_secs(letter.age_seconds));
        let series = if letter.series > 0 { format!(", series {}", letter.series) } else { String::new() };
        let attempts = match letter.attempts {
            None => String::new(),
            Some(1) => ", after 1 attempt on Fargate".to_owned(),
            Some(attempts) => format!(", after {attempts} attempts on Fargate"),
        };
        lines.push(format!("{}: given up {age} ago{series}{attempts}", letter.name()));
        lines.push(format!("  {}", letter.reason));
    }
    if is_cut {
        lines.push(format!("and there may be more: only {} were looked at", letters.len()));
    }
    lines.push(String::new());
    lines.push("run again, once the cause is fixed: cargo immortal redrive REQUEST_ID, or --all".to_owned());
    lines
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::{super::letter::tests::message, *};

    #[test]
    fn each_letter_says_why() {
        let now = "2026-11-26T12:05:00Z".parse().expect("a moment");
        let first = message(
            r#"{"immortal":{"series":1}}"#,
            &[("ImmortalReason", "attempt 3 failed"), ("ImmortalRequestId", "r-1"), ("ImmortalAttempts", "3")],
        );
        let second = message(
            r#"{"immortal":{"series":2}}"#,
            &[("ImmortalReason", "refused"), ("ImmortalRequestId", "r-2"), ("ImmortalAttempts", "1")],
        );
        let letters = [
            DeadLetterSummary::from_message(&first, now),
            DeadLetterSummary::from_message(&second, now),
            DeadLetterSummary::from_message(&message("?", &[]), now),
        ];
        let letters: Vec<_> = letters.iter().collect();
        expect![[r"
            r-1: given up 1h 5m ago, after 3 attempts on Fargate
              attempt 3 failed
            r-2: given up 1h 5m ago, series 1, after 1 attempt on Fargate
              refused
            m-1: given up 1h 5m ago
              the failure queue's redrive policy moved it here: the dispatcher failed on it each time; look at the dispatcher's log
            and there may be more: only 3 were looked at

            run again, once the cause is fixed: cargo immortal redrive REQUEST_ID, or --all"]].assert_eq(&lines("hello", &letters, true).join("\n"));
        expect!["hello has given nothing up"].assert_eq(&lines("hello", &[], false).join("\n"));
        let report = DeadReport { function: "hello", letters: Vec::new(), is_cut: false };
        expect![[r#"{"function":"hello","letters":[],"isCut":false}"#]]
            .assert_eq(&serde_json::to_string(&report).expect("plain data"));
    }
}
