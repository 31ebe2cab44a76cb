//! How a chain is configured, and its start.

use std::{collections::BTreeMap, time::Duration};

use immortal_emulator::{
    ACCOUNT, Emulator, EmulatorOptions, FailureTarget, Function, Queue, RedrivePolicy, RuleTarget, TaskDefinition,
    TaskRule,
};

use super::{BUCKET, Chain, DEAD_LETTERS, FAILURES, RUNNER, SOURCE};
use crate::binaries::{binary, package};

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

        let environment = function_environment(&emulator);
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

/// What a function needs to call the emulator; Lambda sets the other variables.
pub(crate) fn function_environment(emulator: &Emulator) -> BTreeMap<String, String> {
    emulator.environment().into_iter().filter(|(name, _)| name == "AWS_ENDPOINT_URL").collect()
}
