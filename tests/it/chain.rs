//! The whole chain as it is deployed: primary, failure queue, dispatcher, cluster, dead-letter queue.

mod clock;
mod journal;
mod seen;

use std::{collections::BTreeMap, time::Duration};

use immortal_emulator::{
    ACCOUNT, Emulator, EmulatorOptions, EntryKind, EntrySource, FailureTarget, Function, Message, MessageAttribute,
    Queue, REGION, RedrivePolicy, RuleTarget, TaskDefinition, TaskRule,
};

use serde_json::json;

use crate::binaries::{binary, package};
pub(crate) use seen::Seen;

pub(crate) const FAILURES: &str = "failures";
/// The queue that triggers the primary, where there is one.
pub(crate) const SOURCE: &str = "uploads";
pub(crate) const DEAD_LETTERS: &str = "dead-letters";
pub(crate) const RUNNER: &str = "runner";
pub(crate) const BUCKET: &str = "events";

/// Stands in for the runner's image where the task itself is not what is tested. It ends as the event says for its
/// attempt, and succeeds past the list and in every series but the first: `{"ends":"75 wait 0"}`. `wait` is until the
/// platform ends it, `stopN` until it is told to stop, then with exit code N, and it says when it waits.
pub(crate) const ENDS: &[&str] = &[
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

/// How long a chain may take before a test says that it hangs.
const PATIENCE: Duration = Duration::from_mins(2);

/// How the chain is set up; the rest is as the documentation recommends.
pub(crate) struct Setup {
    /// The binary of the primary and, unless told otherwise, of dispatcher and runner.
    pub(crate) primary: &'static str,
    /// The binary of dispatcher and runner, for a primary that knows nothing of immortal.
    pub(crate) roles: Option<&'static str>,
    /// The binary of the dispatcher alone.
    pub(crate) dispatcher_binary: Option<&'static str>,
    /// How long an invocation of the dispatcher may take.
    pub(crate) dispatcher_timeout: Duration,
    pub(crate) timeout: Duration,
    pub(crate) retries: u8,
    /// The failure queue is the primary's `DeadLetterConfig` instead of its `OnFailure` destination.
    pub(crate) dead_letter_config: bool,
    /// The primary is triggered by [`SOURCE`], whose redrive policy sends what it failed on to the failure queue.
    pub(crate) source_queue: bool,
    /// How often a message is received from the failure queue before it goes to the dead-letter queue.
    pub(crate) receives: u32,
    /// More variables of the dispatcher.
    pub(crate) dispatcher: BTreeMap<String, String>,
    /// More variables of the runner's task definition.
    pub(crate) runner: BTreeMap<String, String>,
    /// What differs in the primary.
    pub(crate) function: fn(&mut Function),
    pub(crate) options: EmulatorOptions,
    /// What stands in for the runner's image, where the task itself is not what is tested.
    pub(crate) task: Option<&'static [&'static str]>,
}

impl Setup {
    pub(crate) fn of(primary: &'static str) -> Self {
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

    /// Sets everything up and starts it.
    pub(crate) async fn start(self) -> Chain {
        let chain = self.start_unmapped().await;
        chain.map();
        chain
    }

    /// As [`start`](Self::start), but nobody reads the failure queue until [`Chain::map`].
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

        // The rest of it are variables that Lambda reserves and sets itself.
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

/// A running chain; dropping it ends all its processes.
pub(crate) struct Chain {
    pub(crate) emulator: Emulator,
    primary: &'static str,
    function: Function,
    dispatcher: Function,
}

/// An invocation's error as a destination record has it: type, where it has one, and message.
pub(crate) type Error<'a> = (Option<&'a str>, &'a str);

/// How an event ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Lambda has its answer.
    Lambda(serde_json::Value),
    /// A task ended with exit code 0; its ARN.
    Task(String),
    /// It lies in the dead-letter queue.
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

    /// Deploys other code as the dispatcher, or none: then it is as it was in the beginning.
    pub(crate) fn redeploy_dispatcher(&self, zip: Option<Vec<u8>>) {
        let zip = zip.map_or_else(|| self.dispatcher.zip.clone(), Into::into);
        self.emulator.deploy(Function { zip, ..self.dispatcher.clone() }).expect("a sound function");
    }

    /// Starts the event source mapping.
    pub(crate) fn map(&self) {
        self.emulator.map_queue(FAILURES, &format!("{}Dlq", self.primary), 10).expect("both exist");
    }

    /// Lets the source queue trigger the primary, with up to so many messages at a time.
    pub(crate) fn map_source(&self, batch_size: u32) {
        self.emulator.map_queue(SOURCE, self.primary, batch_size).expect("both exist");
    }

    /// Puts a failed event of the primary into the failure queue, as its `DeadLetterConfig` would; the message's id.
    pub(crate) fn fail(&self, request: &str, event: &str, message: &str) -> String {
        let mut attributes = BTreeMap::from([
            ("RequestID".to_owned(), MessageAttribute::text(request)),
            ("ErrorCode".to_owned(), MessageAttribute::number(200)),
        ]);
        // SQS has no empty attributes.
        if !message.is_empty() {
            attributes.insert("ErrorMessage".to_owned(), MessageAttribute::text(message));
        }
        self.emulator.send_message(FAILURES, event, attributes).expect("the queue exists")
    }

    /// Sends a message to the queue that triggers the primary: its id, which is the request's once it failed.
    pub(crate) fn send(&self, body: &str, attributes: &[(&str, MessageAttribute)]) -> String {
        let attributes = attributes.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        self.emulator.send_message(SOURCE, body, attributes).expect("the queue exists")
    }

    /// Waits until the event of this request is done or given up.
    pub(crate) async fn fate(&self, request: &str) -> Fate {
        let mut queued = Vec::new();
        let wait = self.emulator.wait_for(|entry| match (&entry.source, &entry.kind) {
            (EntrySource::Lambda { function, request_id }, EntryKind::Answered { body }) => (function == self.primary
                && request_id == request)
                .then(|| Fate::Lambda(serde_json::from_slice(body).expect("a handler answers JSON"))),
            (EntrySource::Task { arn, started_by }, EntryKind::TaskStopped { exit_code: Some(0), .. }) => {
                (started_by.as_deref() == Some(request)).then(|| Fate::Task(arn.clone()))
            }
            (EntrySource::Queue { name }, EntryKind::Queued { .. }) if name == DEAD_LETTERS => {
                self.is_dead(request).then_some(Fate::DeadLetter)
            }
            (_, EntryKind::Queued { message_id, request_id }) if request_id.as_deref() == Some(request) => {
                queued.push(message_id.clone());
                None
            }
            (_, EntryKind::DeadLettered { message_id, .. }) => queued.contains(message_id).then_some(Fate::DeadLetter),
            _ => None,
        });
        self.patiently(wait, &format!("{request} came to no end")).await
    }

    /// Waits until the dispatcher gave up on this request: the record that lies in the dead-letter queue for it.
    pub(crate) async fn given_up(&self, request: &str) -> String {
        let of_request = || {
            let messages = self.emulator.messages(DEAD_LETTERS);
            messages.into_iter().find(|message| is_about(message, request)).map(|message| message.body)
        };
        let wait = self.emulator.wait_for(|entry| match (&entry.source, &entry.kind) {
            (EntrySource::Queue { name }, EntryKind::Queued { .. }) if name == DEAD_LETTERS => of_request(),
            _ => None,
        });
        self.patiently(wait, &format!("{request} was never given up")).await
    }

    /// Waits until the fixtures' handler is at work on this attempt: the task's ARN.
    pub(crate) async fn at_work(&self, request: &str, attempt: u64) -> String {
        let wait = self.emulator.wait_for(|entry| match (&entry.source, &entry.kind) {
            (EntrySource::Task { arn, started_by }, EntryKind::Log { line, .. })
                if started_by.as_deref() == Some(request) =>
            {
                let seen = Seen::read(line.strip_prefix("saw ")?);
                (seen.attempt == attempt).then(|| arn.clone())
            }
            _ => None,
        });
        self.patiently(wait, &format!("attempt {attempt} at {request} never began")).await
    }

    /// Waits until a task of this request says that it [waits](ENDS) to be told to stop: its ARN.
    pub(crate) async fn waiting(&self, request: &str) -> String {
        self.waiting_after(request, &[]).await
    }

    /// The same, and it is none of these.
    pub(crate) async fn waiting_after(&self, request: &str, others: &[String]) -> String {
        let wait = self.emulator.wait_for(|entry| match (&entry.source, &entry.kind) {
            (EntrySource::Task { arn, started_by }, EntryKind::Log { line, .. }) => {
                (started_by.as_deref() == Some(request) && line == "waiting" && !others.contains(arn))
                    .then(|| arn.clone())
            }
            _ => None,
        });
        self.patiently(wait, &format!("no task of {request} waits")).await
    }

    /// Waits until so many tasks of this request stopped, and returns how many were started by then.
    pub(crate) async fn after_tasks(&self, request: &str, expected: usize) -> usize {
        let mut stopped = 0;
        let wait = self.emulator.wait_for(|entry| {
            if let (EntrySource::Task { started_by, .. }, EntryKind::TaskStopped { .. }) = (&entry.source, &entry.kind)
                && started_by.as_deref() == Some(request)
            {
                stopped += 1;
            }
            (stopped == expected).then_some(())
        });
        self.patiently(wait, &format!("{request} has no {expected} tasks")).await;
        self.tasks(request)
    }

    /// Waits until this message is deleted as done, or lies in the dead-letter queue: whether it is done.
    pub(crate) async fn settled(&self, message: &str) -> bool {
        let wait = self.emulator.wait_for(|entry| match &entry.kind {
            EntryKind::Deleted { message_id } if message_id == message => Some(true),
            EntryKind::DeadLettered { message_id, .. } if message_id == message => Some(false),
            _ => None,
        });
        self.patiently(wait, &format!("the message {message} came to no end")).await
    }

    /// The record of the primary's `OnFailure` destination about an invocation; without an error it never ran.
    pub(crate) fn record(&self, request: &str, event: &str, condition: &str, error: Option<Error<'_>>) -> String {
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

    /// Waits until nothing is under way any more.
    pub(crate) async fn quiet(&self) {
        self.patiently(self.emulator.wait_until_idle(), "it goes on and on").await;
    }

    /// Waits for something, and says what happened instead where it doesn't come.
    async fn patiently<T>(&self, wait: impl Future<Output = T>, otherwise: &str) -> T {
        let waited = tokio::time::timeout(PATIENCE, wait).await;
        waited.unwrap_or_else(|_| panic!("{otherwise}:\n{}", self.story()))
    }
}

/// Whether a message tells of this request, in whichever shape.
pub(crate) fn is_about(message: &Message, request: &str) -> bool {
    let quoted = |text: &str| message.body.contains(&text.replace('"', "\\\"")) || message.body.contains(text);
    let attribute = message.attributes.get("RequestID");
    attribute.map_or_else(|| quoted(&format!("\"{request}\"")), |id| id.value == request)
}
