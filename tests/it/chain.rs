//! A complete deployment on the emulator: primary, failure queue, dispatcher, cluster, dead-letter queue.

mod clock;
mod journal;
mod seen_invocation;

use std::{collections::BTreeMap, time::Duration};

use immortal_emulator::{
    ACCOUNT, Emulator, EmulatorOptions, EntryKind, EntrySource, FailureTarget, Function, Message, MessageAttribute,
    Queue, REGION, RedrivePolicy, RuleTarget, TaskDefinition, TaskRule,
};

use serde_json::json;

use crate::binaries::{binary, package};
pub(crate) use seen_invocation::SeenInvocation;

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

/// How long a test waits before it fails.
const CHAIN_TIMEOUT: Duration = Duration::from_mins(2);

/// The configuration of a chain. Everything else is as the documentation recommends.
pub(crate) struct ChainSetup {
    /// The binary of the primary; also of dispatcher and runner, unless `roles` is set.
    pub(crate) primary: &'static str,
    /// The binary of dispatcher and runner, for a primary without immortal.
    pub(crate) roles: Option<&'static str>,
    /// The binary of the dispatcher, if it differs from the runner's.
    pub(crate) dispatcher_binary: Option<&'static str>,
    /// The dispatcher's Lambda timeout.
    pub(crate) dispatcher_timeout: Duration,
    pub(crate) timeout: Duration,
    pub(crate) retries: u8,
    /// Whether the failure queue is the primary's `DeadLetterConfig` instead of its `OnFailure` destination.
    pub(crate) dead_letter_config: bool,
    /// Whether [`SOURCE`] triggers the primary; its redrive policy then moves failed messages to the failure queue.
    pub(crate) source_queue: bool,
    /// The `maxReceiveCount` of the failure queue.
    pub(crate) receives: u32,
    /// Additional variables of the dispatcher.
    pub(crate) dispatcher: BTreeMap<String, String>,
    /// Additional variables of the runner's task definition.
    pub(crate) runner: BTreeMap<String, String>,
    /// Changes the primary before it is deployed.
    pub(crate) function: fn(&mut Function),
    pub(crate) options: EmulatorOptions,
    /// The command that replaces the runner's image, for tests that are not about the task itself.
    pub(crate) task: Option<&'static [&'static str]>,
}

impl ChainSetup {
    pub(crate) fn new(primary: &'static str) -> Self {
        Self {
            primary,
            roles: None,
            dispatcher_binary: None,
            dispatcher_timeout: Duration::from_mins(1),
            timeout: Duration::from_secs(1),
            retries: 0,
            dead_letter_config: false,
            source_queue: false,
            receives: 1000,
            dispatcher: BTreeMap::new(),
            runner: BTreeMap::new(),
            function: |_| {},
            options: EmulatorOptions { time_scale: 0.01, ..EmulatorOptions::default() },
            task: None,
        }
    }

    /// Starts the chain.
    pub(crate) async fn start(self) -> Chain {
        let chain = self.start_unmapped().await;
        chain.map_failure_queue();
        chain
    }

    /// Starts the chain without the event source mapping of the failure queue: see [`Chain::map_failure_queue`].
    pub(crate) async fn start_unmapped(self) -> Chain {
        let emulator = Emulator::start(self.options).await.expect("loopback");
        let dead_letters = emulator.create_queue(Queue::new(DEAD_LETTERS));
        let failures = emulator.create_queue(Queue {
            visibility_timeout: Duration::from_mins(6),
            redrive: Some(RedrivePolicy { dead_letter_queue: DEAD_LETTERS.into(), max_receive_count: self.receives }),
            ..Queue::new(FAILURES)
        });
        emulator.create_bucket(BUCKET);
        let roles = self.roles.unwrap_or(self.primary);
        let path = binary(roles);
        let runner = [path.to_str().expect("cargo's paths are text")];
        let mut runner = TaskDefinition::new(RUNNER, self.task.unwrap_or(&runner).iter().copied());
        runner.environment.insert("IMMORTAL_ROLE".into(), "runner".into());
        runner.environment.extend(self.runner);
        let runner = emulator.register_task_definition(runner);

        // The other variables are reserved: Lambda sets them.
        let endpoint = emulator.environment().into_iter().filter(|(name, _)| name == "AWS_ENDPOINT_URL");
        let environment: BTreeMap<String, String> = endpoint.collect();
        let target = if self.dead_letter_config { FailureTarget::DeadLetterConfig } else { FailureTarget::OnFailure };
        let mut primary = Function {
            timeout: self.timeout,
            retries: self.retries,
            on_failure: (!self.source_queue).then(|| target(failures.clone())),
            environment: environment.clone(),
            ..Function::new(self.primary, package(self.primary))
        };
        (self.function)(&mut primary);
        emulator.deploy(primary.clone()).expect("a sound function");

        let mut variables = environment;
        variables.extend([
            ("IMMORTAL_RUNNER".into(), runner),
            ("IMMORTAL_CONTAINER".into(), RUNNER.into()),
            ("IMMORTAL_SUBNETS".into(), "subnet-0a,subnet-0b".into()),
            ("IMMORTAL_EVENT_BUCKET".into(), BUCKET.into()),
            ("IMMORTAL_ROLE".into(), "dispatcher".into()),
            ("IMMORTAL_DEAD_LETTER_QUEUE".into(), format!("{}/{ACCOUNT}/{DEAD_LETTERS}", emulator.endpoint())),
        ]);
        if self.source_queue {
            let source = emulator.create_queue(Queue {
                visibility_timeout: Duration::from_mins(1) + self.timeout,
                redrive: Some(RedrivePolicy { dead_letter_queue: FAILURES.into(), max_receive_count: 1 }),
                ..Queue::new(SOURCE)
            });
            variables.insert("IMMORTAL_SOURCE_QUEUES".into(), source);
        }
        variables.extend(self.dispatcher);
        let dispatcher = format!("{}Dlq", self.primary);
        let dispatcher = Function {
            timeout: self.dispatcher_timeout,
            environment: variables,
            on_failure: Some(FailureTarget::OnFailure(dead_letters)),
            ..Function::new(&dispatcher, package(self.dispatcher_binary.unwrap_or(roles)))
        };
        emulator.deploy(dispatcher.clone()).expect("a sound function");
        emulator.put_task_rule(TaskRule {
            family: Some(RUNNER.into()),
            last_status: vec!["STOPPED".into()],
            target: RuleTarget::Queue(failures),
        });
        Chain { emulator, primary: self.primary, function: primary, dispatcher }
    }
}

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

    /// Waits until the event of this request is handled or given up.
    pub(crate) async fn wait_for_outcome(&self, request: &str) -> EventOutcome {
        let mut queued = Vec::new();
        let wait = self.emulator.wait_for(|entry| match (&entry.source, &entry.kind) {
            (EntrySource::Lambda { function, request_id }, EntryKind::Answered { body }) => (function == self.primary
                && request_id == request)
                .then(|| EventOutcome::Lambda(serde_json::from_slice(body).expect("the handler returns JSON"))),
            (EntrySource::Task { arn, started_by }, EntryKind::TaskStopped { exit_code: Some(0), .. }) => {
                (started_by.as_deref() == Some(request)).then(|| EventOutcome::Task(arn.clone()))
            }
            (EntrySource::Queue { name }, EntryKind::Queued { .. }) if name == DEAD_LETTERS => {
                self.is_dead_letter(request).then_some(EventOutcome::DeadLetter)
            }
            (_, EntryKind::Queued { message_id, request_id }) if request_id.as_deref() == Some(request) => {
                queued.push(message_id.clone());
                None
            }
            (_, EntryKind::DeadLettered { message_id, .. }) => {
                queued.contains(message_id).then_some(EventOutcome::DeadLetter)
            }
            _ => None,
        });
        self.with_timeout(wait, &format!("{request} was neither handled nor given up")).await
    }

    /// Waits until the dispatcher has given up this request, and returns the body of the dead letter.
    pub(crate) async fn wait_for_dead_letter(&self, request: &str) -> String {
        let of_request = || {
            let messages = self.emulator.messages(DEAD_LETTERS);
            messages.into_iter().find(|message| is_about(message, request)).map(|message| message.body)
        };
        let wait = self.emulator.wait_for(|entry| match (&entry.source, &entry.kind) {
            (EntrySource::Queue { name }, EntryKind::Queued { .. }) if name == DEAD_LETTERS => of_request(),
            _ => None,
        });
        self.with_timeout(wait, &format!("{request} was never given up")).await
    }

    /// Waits until the fixtures' handler has the event in this attempt, and returns the task's ARN.
    pub(crate) async fn wait_until_handling(&self, request: &str, attempt: u64) -> String {
        let wait = self.emulator.wait_for(|entry| match (&entry.source, &entry.kind) {
            (EntrySource::Task { arn, started_by }, EntryKind::Log { line, .. })
                if started_by.as_deref() == Some(request) =>
            {
                let seen = SeenInvocation::parse(line.strip_prefix("saw ")?);
                (seen.attempt == attempt).then(|| arn.clone())
            }
            _ => None,
        });
        self.with_timeout(wait, &format!("attempt {attempt} of {request} never started")).await
    }

    /// Waits until a task of this request prints that it [waits](SCRIPTED_TASK) for SIGTERM, and returns its ARN.
    pub(crate) async fn wait_for_waiting_task(&self, request: &str) -> String {
        self.wait_for_other_waiting_task(request, &[]).await
    }

    /// Waits like [`wait_for_waiting_task`](Self::wait_for_waiting_task), for a task that is none of these.
    pub(crate) async fn wait_for_other_waiting_task(&self, request: &str, others: &[String]) -> String {
        let wait = self.emulator.wait_for(|entry| match (&entry.source, &entry.kind) {
            (EntrySource::Task { arn, started_by }, EntryKind::Log { line, .. }) => {
                (started_by.as_deref() == Some(request) && line == "waiting" && !others.contains(arn))
                    .then(|| arn.clone())
            }
            _ => None,
        });
        self.with_timeout(wait, &format!("no task of {request} waits")).await
    }

    /// Waits until this many tasks of this request have stopped, and returns how many were started before that.
    pub(crate) async fn wait_for_stopped_tasks(&self, request: &str, expected: usize) -> usize {
        let mut stopped = 0;
        let wait = self.emulator.wait_for(|entry| {
            if let (EntrySource::Task { started_by, .. }, EntryKind::TaskStopped { .. }) = (&entry.source, &entry.kind)
                && started_by.as_deref() == Some(request)
            {
                stopped += 1;
            }
            (stopped == expected).then_some(())
        });
        self.with_timeout(wait, &format!("{request} never had {expected} stopped tasks")).await;
        self.task_count(request)
    }

    /// Waits until this message is deleted or moved to the dead-letter queue, and returns whether it was deleted.
    pub(crate) async fn wait_until_settled(&self, message: &str) -> bool {
        let wait = self.emulator.wait_for(|entry| match &entry.kind {
            EntryKind::Deleted { message_id } if message_id == message => Some(true),
            EntryKind::DeadLettered { message_id, .. } if message_id == message => Some(false),
            _ => None,
        });
        self.with_timeout(wait, &format!("the message {message} was neither deleted nor given up")).await
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

    /// Waits until nothing is in progress.
    pub(crate) async fn wait_until_idle(&self) {
        self.with_timeout(self.emulator.wait_until_idle(), "the chain does not become idle").await;
    }

    /// Waits at most [`CHAIN_TIMEOUT`], and panics with the journal if that passes.
    async fn with_timeout<T>(&self, wait: impl Future<Output = T>, otherwise: &str) -> T {
        let waited = tokio::time::timeout(CHAIN_TIMEOUT, wait).await;
        waited.unwrap_or_else(|_| panic!("{otherwise}:\n{}", self.journal_text()))
    }
}

/// Whether a message is about this request, in any of the shapes of a failure.
pub(crate) fn is_about(message: &Message, request: &str) -> bool {
    let quoted = |text: &str| message.body.contains(&text.replace('"', "\\\"")) || message.body.contains(text);
    let attribute = message.attributes.get("RequestID");
    attribute.map_or_else(|| quoted(&format!("\"{request}\"")), |id| id.value == request)
}
