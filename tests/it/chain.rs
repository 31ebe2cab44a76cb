//! The whole chain as it is deployed: primary, failure queue, dispatcher, cluster, dead-letter queue.

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use immortal_emulator::{
    Attribute, Emulator, FailureTarget, Function, Options, Place, Queue, Redrive, TaskDefinition, What,
};

use crate::binaries::{binary, package};

pub(crate) const FAILURES: &str = "failures";
pub(crate) const DEAD_LETTERS: &str = "dead-letters";
pub(crate) const RUNNER: &str = "runner";
pub(crate) const BUCKET: &str = "events";

/// How long a chain may take before a test says that it hangs.
const PATIENCE: Duration = Duration::from_mins(2);

/// How the chain is set up; the rest is as the documentation recommends.
pub(crate) struct Setup {
    /// The binary of the primary and, unless told otherwise, of dispatcher and runner.
    pub(crate) primary: &'static str,
    /// The binary of dispatcher and runner, for a primary that knows nothing of immortal.
    pub(crate) roles: Option<&'static str>,
    pub(crate) timeout: Duration,
    pub(crate) retries: u8,
    /// The failure queue is the primary's `DeadLetterConfig` instead of its `OnFailure` destination.
    pub(crate) dead_letter_config: bool,
    /// More variables of the dispatcher.
    pub(crate) dispatcher: BTreeMap<String, String>,
    /// What differs in the primary.
    pub(crate) function: fn(&mut Function),
    pub(crate) options: Options,
    /// What stands in for the runner's image, where the task itself is not what is tested.
    pub(crate) task: Option<&'static [&'static str]>,
}

impl Setup {
    pub(crate) fn of(primary: &'static str) -> Self {
        Self {
            primary,
            roles: None,
            timeout: Duration::from_secs(1),
            retries: 0,
            dead_letter_config: false,
            dispatcher: BTreeMap::new(),
            function: |_| {},
            options: Options { time_scale: 0.01, ..Options::default() },
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
            redrive: Some(Redrive { dead_letter_queue: DEAD_LETTERS.into(), max_receive_count: 3 }),
            ..Queue::new(FAILURES)
        });
        emulator.create_bucket(BUCKET);
        let roles = self.roles.unwrap_or(self.primary);
        let path = binary(roles);
        let runner = [path.to_str().expect("cargo's paths are text")];
        let mut runner = TaskDefinition::new(RUNNER, self.task.unwrap_or(&runner).iter().copied());
        runner.environment.insert("IMMORTAL_ROLE".into(), "runner".into());
        let runner = emulator.register_task_definition(runner);

        // The rest of it are variables that Lambda reserves and sets itself.
        let endpoint = emulator.environment().into_iter().filter(|(name, _)| name == "AWS_ENDPOINT_URL");
        let environment: BTreeMap<String, String> = endpoint.collect();
        let target = if self.dead_letter_config { FailureTarget::DeadLetterConfig } else { FailureTarget::OnFailure };
        let mut primary = Function {
            timeout: self.timeout,
            retries: self.retries,
            on_failure: Some(target(failures)),
            environment: environment.clone(),
            ..Function::new(self.primary, package(self.primary))
        };
        (self.function)(&mut primary);
        emulator.deploy(primary).expect("a sound function");

        let mut variables = environment;
        variables.extend([
            ("IMMORTAL_RUNNER".into(), runner),
            ("IMMORTAL_CONTAINER".into(), RUNNER.into()),
            ("IMMORTAL_SUBNETS".into(), "subnet-0a,subnet-0b".into()),
            ("IMMORTAL_EVENT_BUCKET".into(), BUCKET.into()),
            ("IMMORTAL_ROLE".into(), "dispatcher".into()),
        ]);
        variables.extend(self.dispatcher);
        let dispatcher = format!("{}Dlq", self.primary);
        let function = Function {
            timeout: Duration::from_mins(1),
            environment: variables,
            on_failure: Some(FailureTarget::OnFailure(dead_letters)),
            ..Function::new(&dispatcher, package(roles))
        };
        emulator.deploy(function).expect("a sound function");
        emulator.watch_tasks(&dispatcher, &["STOPPED"]);
        Chain { emulator, primary: self.primary }
    }
}

/// A running chain; dropping it ends all its processes.
pub(crate) struct Chain {
    pub(crate) emulator: Emulator,
    primary: &'static str,
}

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

    /// Starts the event source mapping.
    pub(crate) fn map(&self) {
        self.emulator.map_queue(FAILURES, &format!("{}Dlq", self.primary), 10).expect("both exist");
    }

    /// Puts a failed event of the primary into the failure queue, as its `DeadLetterConfig` would; the message's id.
    pub(crate) fn fail(&self, request: &str, event: &str, message: &str) -> String {
        let attributes = BTreeMap::from([
            ("RequestID".to_owned(), Attribute::text(request)),
            ("ErrorCode".to_owned(), Attribute::number(200)),
            ("ErrorMessage".to_owned(), Attribute::text(message)),
        ]);
        self.emulator.send_message(FAILURES, event, attributes).expect("the queue exists")
    }

    /// Waits until the event of this request is done or given up.
    pub(crate) async fn fate(&self, request: &str) -> Fate {
        let mut queued = Vec::new();
        let wait = self.emulator.until(|happening| match (&happening.place, &happening.what) {
            (Place::Lambda { function, request_id }, What::Answered { body }) => (function == self.primary
                && request_id == request)
                .then(|| Fate::Lambda(serde_json::from_slice(body).expect("a handler answers JSON"))),
            (Place::Task { arn, started_by }, What::TaskStopped { exit_code: Some(0), .. }) => {
                (started_by.as_deref() == Some(request)).then(|| Fate::Task(arn.clone()))
            }
            (_, What::Queued { message_id, request_id }) if request_id.as_deref() == Some(request) => {
                queued.push(message_id.clone());
                None
            }
            (_, What::DeadLettered { message_id, .. }) => queued.contains(message_id).then_some(Fate::DeadLetter),
            _ => None,
        });
        self.patiently(wait, &format!("{request} came to no end")).await
    }

    /// Waits until the dispatcher gave up on this request: the record that lies in the dead-letter queue for it.
    pub(crate) async fn given_up(&self, request: &str) -> String {
        let of_request = || {
            let messages = self.emulator.messages(DEAD_LETTERS);
            messages.into_iter().map(|message| message.body).find(|body| body.contains(request))
        };
        let wait = self.emulator.until(|happening| match (&happening.place, &happening.what) {
            (Place::Queue { name }, What::Queued { .. }) if name == DEAD_LETTERS => of_request(),
            _ => None,
        });
        self.patiently(wait, &format!("{request} was never given up")).await
    }

    /// What the handler said that it saw, in each life: the lines `saw {…}` in order.
    pub(crate) fn seen(&self, request: &str) -> Vec<Seen> {
        self.logs(request).iter().filter_map(|line| line.strip_prefix("saw ")).map(Seen::read).collect()
    }

    /// The lines that the processes of this request wrote: sandbox first, then tasks.
    pub(crate) fn logs(&self, request: &str) -> Vec<String> {
        let happenings = self.emulator.happenings();
        let lines = happenings.into_iter().filter_map(|happening| match (happening.place, happening.what) {
            (Place::Lambda { function, request_id }, What::Log { line, .. }) => {
                (function == self.primary && request_id == request).then_some(line)
            }
            (Place::Task { started_by, .. }, What::Log { line, .. }) => {
                (started_by.as_deref() == Some(request)).then_some(line)
            }
            _ => None,
        });
        lines.collect()
    }

    /// Waits until so many tasks of this request stopped, and returns how many were started by then.
    pub(crate) async fn after_tasks(&self, request: &str, expected: usize) -> usize {
        let mut stopped = 0;
        let wait = self.emulator.until(|happening| {
            if let (Place::Task { started_by, .. }, What::TaskStopped { .. }) = (&happening.place, &happening.what)
                && started_by.as_deref() == Some(request)
            {
                stopped += 1;
            }
            (stopped == expected).then_some(())
        });
        self.patiently(wait, &format!("{request} has no {expected} tasks")).await;
        self.tasks(request)
    }

    /// How many tasks ran for this request.
    pub(crate) fn tasks(&self, request: &str) -> usize {
        self.tasks_by_request().get(request).copied().unwrap_or(0)
    }

    /// How many tasks ran for each request.
    pub(crate) fn tasks_by_request(&self) -> HashMap<String, usize> {
        let mut tasks = HashMap::new();
        for happening in self.emulator.happenings() {
            if let (Place::Task { started_by: Some(request), .. }, What::TaskStarted { .. }) =
                (happening.place, happening.what)
            {
                *tasks.entry(request).or_default() += 1;
            }
        }
        tasks
    }

    /// The calls of one operation so far: status, and how many were under way when each began.
    pub(crate) fn calls(&self, of: &str) -> Vec<(u16, usize)> {
        let happenings = self.emulator.happenings();
        let calls = happenings.iter().filter_map(|happening| match &happening.what {
            What::Called { operation, status, overlapping, .. } if operation == of => Some((*status, *overlapping)),
            _ => None,
        });
        calls.collect()
    }

    /// Waits until this message is deleted as done, or lies in the dead-letter queue: whether it is done.
    pub(crate) async fn settled(&self, message: &str) -> bool {
        let wait = self.emulator.until(|happening| match &happening.what {
            What::Deleted { message_id } if message_id == message => Some(true),
            What::DeadLettered { message_id, .. } if message_id == message => Some(false),
            _ => None,
        });
        self.patiently(wait, &format!("the message {message} came to no end")).await
    }

    /// Waits for something, and says what happened instead where it doesn't come.
    async fn patiently<T>(&self, wait: impl Future<Output = T>, otherwise: &str) -> T {
        let waited = tokio::time::timeout(PATIENCE, wait).await;
        waited.unwrap_or_else(|_| panic!("{otherwise}:\n{}", self.story()))
    }

    /// All that happened, for a failed assertion.
    pub(crate) fn story(&self) -> String {
        let lines: Vec<_> = self.emulator.happenings().iter().map(|happening| format!("{happening:?}")).collect();
        lines.join("\n")
    }
}

/// What the fixtures' handler saw in one life.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    /// The event's bytes.
    pub(crate) event: String,
    pub(crate) context: serde_json::Value,
    pub(crate) attempt: u64,
}

impl Seen {
    fn read(json: &str) -> Self {
        #[derive(serde::Deserialize)]
        struct Line<'a> {
            #[serde(borrow)]
            event: &'a serde_json::value::RawValue,
            context: serde_json::Value,
            attempt: u64,
        }
        let line: Line<'_> = serde_json::from_str(json).expect("the fixture writes JSON");
        Self { event: line.event.get().to_owned(), context: line.context, attempt: line.attempt }
    }

    /// What must be the same in every life: the context without deadline and log stream. A destination record spells
    /// the ARN of an unqualified invocation with `:$LATEST`.
    pub(crate) fn lasting(&self) -> serde_json::Value {
        let mut context = self.context.clone();
        let arn = context["invoked_function_arn"].as_str().unwrap_or_default();
        context["invoked_function_arn"] = arn.trim_end_matches(":$LATEST").into();
        if let Some(fields) = context.as_object_mut() {
            fields.remove("deadline");
            fields.remove("xray_trace_id");
        }
        if let Some(fields) = context["env_config"].as_object_mut() {
            fields.remove("log_stream");
        }
        context
    }
}
