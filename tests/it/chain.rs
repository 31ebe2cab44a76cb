//! A complete deployment on the emulator: primary, failure queue, dispatcher, cluster, dead-letter queue.

mod clock;
mod journal;
mod seen_invocation;
mod setup;
mod waits;

use std::collections::BTreeMap;

use immortal_emulator::{ACCOUNT, Emulator, Function, Message, MessageAttribute, REGION};
use serde_json::json;

pub(crate) use seen_invocation::SeenInvocation;
pub(crate) use setup::{ChainSetup, function_environment};

pub(crate) const FAILURES: &str = "failures";
/// The queue that triggers the primary, if there is one.
pub(crate) const SOURCE: &str = "uploads";
pub(crate) const DEAD_LETTERS: &str = "dead-letters";
pub(crate) const RUNNER: &str = "runner";
pub(crate) const BUCKET: &str = "events";

/// Replaces the runner's image in tests that are not about the task itself. The event determines how each attempt ends:
/// `{"ends":"75 wait 0"}`. An attempt beyond the list, or in any series but the first, succeeds. A number is an exit
/// code; `wait` runs until the platform ends the task; `stopN` prints `waiting`, and exits with code N on SIGTERM.
pub(crate) const SCRIPTED_TASK: &[&str] = &[
    "/bin/sh",
    "-c",
    r#"ends=${AWS_LAMBDA_FUNCTION_EVENT##*\"ends\":\"}; set -- ${ends%%\"*}
    [ "$IMMORTAL_ATTEMPT" -gt $# ] || [ -n "$IMMORTAL_SERIES" ] && exit 0
    shift $((IMMORTAL_ATTEMPT - 1))
    case $1 in
        wait) sleep 60; exit 9 ;;
        stop*) trap "exit ${1#stop}" TERM; echo waiting; sleep 60 & wait ;;
        kill) kill -9 $$ ;;
        *) exit "$1" ;;
    esac"#,
];

/// A running chain. Dropping it ends all its processes.
pub(crate) struct Chain {
    pub(crate) emulator: Emulator,
    primary: &'static str,
    function: Function,
    dispatcher: Function,
}

/// An invocation's error in a destination record: its type, if it has one, and its message.
pub(crate) type InvocationError<'a> = (Option<&'a str>, &'a str);

/// How an event ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum EventOutcome {
    /// The handler responded in Lambda.
    Lambda(serde_json::Value),
    /// The task with this ARN exited with 0.
    Task(String),
    /// The event is in the dead-letter queue.
    DeadLetter,
}

impl Chain {
    /// Invokes the primary asynchronously, and returns the request id.
    pub(crate) async fn invoke(&self, event: &str) -> String {
        self.emulator.invoke(self.primary, event.to_owned()).await.expect("the primary is deployed")
    }

    /// Deploys other code under the primary's name.
    pub(crate) fn redeploy(&self, zip: Vec<u8>) {
        self.emulator.deploy(Function { zip: zip.into(), ..self.function.clone() }).expect("a sound function");
    }

    /// Deploys other code as the dispatcher; `None` restores the original code.
    pub(crate) fn redeploy_dispatcher(&self, zip: Option<Vec<u8>>) {
        let zip = zip.map_or_else(|| self.dispatcher.zip.clone(), Into::into);
        self.emulator.deploy(Function { zip, ..self.dispatcher.clone() }).expect("a sound function");
    }

    /// Starts the event source mapping.
    pub(crate) fn map_failure_queue(&self) {
        self.emulator.map_queue(FAILURES, &format!("{}Dlq", self.primary), 10).expect("both exist");
    }

    /// Lets the source queue trigger the primary.
    pub(crate) fn map_source_queue(&self, batch_size: u32) {
        self.emulator.map_queue(SOURCE, self.primary, batch_size).expect("both exist");
    }

    /// Sends a failed event of the primary to the failure queue, as its `DeadLetterConfig` would. Returns the message's
    /// id.
    pub(crate) fn send_failure(&self, request: &str, event: &str, message: &str) -> String {
        let mut attributes = BTreeMap::from([
            ("RequestID".to_owned(), MessageAttribute::text(request)),
            ("ErrorCode".to_owned(), MessageAttribute::number(200)),
        ]);
        // SQS rejects empty attributes.
        if !message.is_empty() {
            attributes.insert("ErrorMessage".to_owned(), MessageAttribute::text(message));
        }
        self.emulator.send_message(FAILURES, event, attributes).expect("the queue exists")
    }

    /// Sends a message to the source queue. Returns its id, which becomes the request id once the message has failed.
    pub(crate) fn send(&self, body: &str, attributes: &[(&str, MessageAttribute)]) -> String {
        let attributes = attributes.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        self.emulator.send_message(SOURCE, body, attributes).expect("the queue exists")
    }

    /// The record of an invocation for the primary's `OnFailure` destination; without an error, of one that never ran.
    pub(crate) fn destination_record(
        &self,
        request: &str,
        event: &str,
        condition: &str,
        error: Option<InvocationError<'_>>,
    ) -> String {
        let ran = error.map(|(error_type, message)| {
            let error_type = error_type.map(|error_type| format!(r#","errorType":{}"#, json!(error_type)));
            format!(
                r#","responseContext":{{"statusCode":200,"executedVersion":"$LATEST","functionError":"Unhandled"}},"responsePayload":{{"errorMessage":{}{}}}"#,
                json!(message),
                error_type.unwrap_or_default()
            )
        });
        format!(
            r#"{{"version":"1.0","timestamp":"2026-01-01T00:00:00.000Z","requestContext":{{"requestId":"{request}","functionArn":"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{}:$LATEST","condition":"{condition}","approximateInvokeCount":1}},"requestPayload":{event}{}}}"#,
            self.primary,
            ran.unwrap_or_default()
        )
    }
}

/// Whether a message is about this request, in any of the shapes of a failure.
pub(crate) fn is_about(message: &Message, request: &str) -> bool {
    let quoted = |text: &str| message.body.contains(&text.replace('"', "\\\"")) || message.body.contains(text);
    let attribute = message.attributes.get("RequestID");
    attribute.map_or_else(|| quoted(&format!("\"{request}\"")), |id| id.value == request)
}
