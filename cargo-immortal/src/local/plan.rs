//! What is to run, resolved: every name and number of the chain, before anything is started.

use std::{collections::BTreeMap, path::Path, time::Duration};

use bytes::Bytes;
use immortal_core::{
    manifest::Manifest,
    names::{DISPATCHER_SUFFIX, RESERVED, env},
    task_size,
};
use immortal_emulator::{
    ACCOUNT, EmulatorOptions, FailureTarget, Fault, FaultKind, FaultedCalls, Function, Queue, REGION, RedrivePolicy,
    RuleTarget, StopCode, TaskDefinition, TaskLog, TaskRule,
};

use super::{DestinationKind, LocalArgs};
use crate::{names, package::PackageCandidate};

/// What stands in for several invocations in a process.
const SEVERAL: &str = "2";
/// AWS's own waiting times pass so much faster.
const SPEED: f64 = 20.0;
/// The dispatcher's timeout, as the docs recommend it.
const DISPATCHER_TIMEOUT: Duration = Duration::from_mins(1);
/// How long a task runs before `--kill-attempts` kills it.
const KILLED_AFTER: Duration = Duration::from_secs(1);
/// How often the failure queue offers a message before it goes to the dead-letter queue, as it is deployed. A record that
/// waits is offered early here, again and again: the queue's time passes faster than the dispatcher's.
const RECEIVES: u32 = 1000;

/// How long a task has between SIGTERM and SIGKILL: the two minutes of Spot's warning, as they pass here. The runner has to
/// know it, since it ends a handler in time that doesn't heed SIGTERM.
const STOP_TIMEOUT: Duration = Duration::from_secs(6);

/// How the emulator behaves.
pub(crate) fn options() -> EmulatorOptions {
    EmulatorOptions { time_scale: 1.0 / SPEED, ..EmulatorOptions::default() }
}

/// The chain, before it exists.
#[derive(Debug)]
pub(crate) struct LocalPlan {
    /// The primary's name.
    pub(crate) primary: String,
    /// The dispatcher's name.
    pub(crate) dispatcher: String,
    /// Where Lambda puts what failed.
    pub(crate) failure_queue: String,
    /// The queue that triggers the primary, with `--sqs`.
    pub(crate) source_queue: String,
    /// Where an event rests that was given up.
    pub(crate) dead_letter_queue: String,
    /// The task definition's family.
    pub(crate) family: String,
    /// The bucket for events too large to inline.
    pub(crate) event_bucket: String,
    /// Whether to show every call.
    pub(crate) verbose: bool,
    /// How often the dead-letter queue is redriven.
    pub(crate) redrives: u32,
    /// The name and kind of where results go.
    pub(crate) on_success: Option<(String, DestinationKind)>,
    command: Vec<String>,
    docker: bool,
    timeout: Duration,
    memory: u32,
    retries: u8,
    failure_path: FailurePath,
    variables: BTreeMap<String, String>,
    size: (u32, u32),
    interruptions: Option<(u32, Duration)>,
    kills: u32,
}

/// How what the primary fails on comes into the failure queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum FailurePath {
    OnFailure,
    DeadLetterConfig,
    /// By the redrive policy of the queue that triggers the primary.
    SourceQueue,
}

impl FailurePath {
    fn from_args(args: &LocalArgs) -> Self {
        match (args.sqs, args.dead_letter_config) {
            (true, _) => Self::SourceQueue,
            (false, true) => Self::DeadLetterConfig,
            (false, false) => Self::OnFailure,
        }
    }
}

impl LocalPlan {
    /// Whether the primary is told that no event is to be handed over.
    pub(crate) fn is_without_hand_over(&self) -> bool {
        self.variables.get(env::MAX_CONCURRENCY).is_some_and(|invocations| invocations == SEVERAL)
    }

    /// What stands in for the image is the handler's binary, or this command's own, as the Docker client.
    pub(crate) fn resolve(
        args: &LocalArgs,
        candidate: &PackageCandidate,
        manifest: &Manifest,
        executable: &Path,
        ourselves: &Path,
    ) -> Self {
        let name = &candidate.name;
        let mut variables: BTreeMap<_, _> =
            args.env.iter().map(|variable| (variable.name.clone(), variable.value.clone())).collect();
        if args.no_hand_over {
            // Where Lambda says that a process has several invocations, none is handed over.
            variables.insert(env::MAX_CONCURRENCY.to_owned(), SEVERAL.to_owned());
        }
        let text = |path: &Path| path.to_string_lossy().into_owned();
        let command = match &args.docker {
            Some(image) => {
                let words = ["immortal", "container", "--image", image].map(str::to_owned);
                [text(ourselves)].into_iter().chain(words).collect()
            }
            None => vec![text(executable)],
        };
        Self {
            primary: name.clone(),
            dispatcher: format!("{name}{DISPATCHER_SUFFIX}"),
            failure_queue: format!("{name}-failures"),
            source_queue: format!("{name}-messages"),
            dead_letter_queue: format!("{name}-dead-letters"),
            family: format!("{name}-runner"),
            event_bucket: names::bucket(name),
            verbose: args.verbose,
            redrives: u32::from(args.redrive),
            on_success: args.on_success.map(|kind| (format!("{name}-results"), kind)),
            command,
            docker: args.docker.is_some(),
            timeout: args.timeout,
            memory: args.memory,
            retries: args.retries,
            failure_path: FailurePath::from_args(args),
            variables,
            // As the template has it.
            size: manifest.cpu.zip(manifest.memory).unwrap_or_else(|| task_size::with_memory(2 * args.memory)),
            interruptions: args.interrupt_after.map(|after| (args.interruptions, after)),
            kills: args.kill_attempts,
        }
    }

    /// What the timeline says once, before it begins.
    pub(crate) fn heading(&self) -> String {
        format!("{}: {}", self.primary, self.setting())
    }

    /// What the function has, and how time passes.
    pub(crate) fn setting(&self) -> String {
        format!(
            "timeout {} s, {} MB; AWS's own waiting times pass {SPEED} times faster here, the timeout does not",
            self.timeout.as_secs(),
            self.memory
        )
    }

    /// The failure queue: a message is hidden six times as long as the dispatcher may run, as AWS recommends.
    pub(crate) fn failure_queue(&self) -> Queue {
        Queue {
            visibility_timeout: DISPATCHER_TIMEOUT * 6,
            redrive: Some(RedrivePolicy {
                dead_letter_queue: self.dead_letter_queue.clone(),
                max_receive_count: RECEIVES,
            }),
            ..Queue::new(&self.failure_queue)
        }
    }

    /// The queue that triggers the primary: a message that fails once goes to the failure queue, and comes back a minute
    /// after the longest invocation.
    pub(crate) fn source_queue(&self) -> Option<Queue> {
        let queue = Queue {
            visibility_timeout: self.timeout + Duration::from_mins(1),
            redrive: Some(RedrivePolicy { dead_letter_queue: self.failure_queue.clone(), max_receive_count: 1 }),
            ..Queue::new(&self.source_queue)
        };
        (self.failure_path == FailurePath::SourceQueue).then_some(queue)
    }

    pub(crate) fn dead_letter_queue(&self) -> Queue {
        Queue::new(&self.dead_letter_queue)
    }

    /// The primary, failing into the queue of this ARN.
    pub(crate) fn primary(
        &self,
        zip: impl Into<Bytes>,
        environment: &[(String, String)],
        failure_queue: String,
    ) -> Function {
        let mut variables = endpoint(environment);
        // Its name may end as a dispatcher's does.
        variables.insert(env::ROLE.to_owned(), "handler".to_owned());
        // For its progress, where it saves any.
        variables.insert(env::EVENT_BUCKET.to_owned(), self.event_bucket.clone());
        variables.extend(self.variables.clone());
        let on_failure = match self.failure_path {
            FailurePath::OnFailure => Some(FailureTarget::OnFailure(failure_queue)),
            FailurePath::DeadLetterConfig => Some(FailureTarget::DeadLetterConfig(failure_queue)),
            FailurePath::SourceQueue => None,
        };
        Function {
            timeout: self.timeout,
            memory: self.memory,
            retries: self.retries,
            environment: variables,
            on_failure,
            on_success: self.on_success.as_ref().map(destination_arn),
            ..Function::new(&self.primary, zip)
        }
    }

    /// The dispatcher, from the same package, with its own variables.
    pub(crate) fn dispatcher(
        &self,
        zip: impl Into<Bytes>,
        environment: &[(String, String)],
        task_definition: String,
    ) -> Function {
        let mut variables = endpoint(environment);
        let endpoint = variables.get("AWS_ENDPOINT_URL").cloned().unwrap_or_default();
        let own = [
            (env::RUNNER, task_definition),
            (env::CONTAINER, self.family.clone()),
            (env::SUBNETS, "subnet-local".to_owned()),
            (env::EVENT_BUCKET, self.event_bucket.clone()),
            (env::DEAD_LETTER_QUEUE, format!("{endpoint}/{ACCOUNT}/{}", self.dead_letter_queue)),
        ];
        variables.extend(own.map(|(name, value)| (name.to_owned(), value)));
        if self.failure_path == FailurePath::SourceQueue {
            let source_queue = format!("arn:aws:sqs:{REGION}:{ACCOUNT}:{}", self.source_queue);
            variables.insert(env::SOURCE_QUEUES.to_owned(), source_queue);
        }
        Function {
            timeout: DISPATCHER_TIMEOUT,
            memory: 256,
            retries: 0,
            environment: variables,
            ..Function::new(&self.dispatcher, zip)
        }
    }

    /// The task definition; a process of this machine stands in for the image.
    ///
    /// `docker` is what the Docker client has to know of this process's environment.
    pub(crate) fn task_definition(&self, docker: impl IntoIterator<Item = (String, String)>) -> TaskDefinition {
        let own = [(env::ROLE, "runner".to_owned()), (env::STOP_TIMEOUT, STOP_TIMEOUT.as_secs().to_string())];
        let mut environment: BTreeMap<_, _> = own.map(|(name, value)| (name.to_owned(), value)).into();
        if self.docker {
            let known = |name: &str| name == "PATH" || name == "HOME" || name.starts_with("DOCKER_");
            environment.extend(docker.into_iter().filter(|(name, _)| known(name)));
        }
        TaskDefinition {
            cpu: self.size.0,
            memory: self.size.1,
            stop_timeout: STOP_TIMEOUT,
            environment,
            // As it is deployed: here its lines are the timeline's.
            log: Some(TaskLog { group: format!("/aws/ecs/{}", self.primary), stream_prefix: "task".to_owned() }),
            ..TaskDefinition::new(&self.family, &self.command)
        }
    }

    /// The rule that puts the events of stopped tasks into the failure queue of this ARN.
    pub(crate) fn task_rule(&self, failure_queue: String) -> TaskRule {
        TaskRule {
            family: Some(self.family.clone()),
            last_status: vec!["STOPPED".to_owned()],
            target: RuleTarget::Queue(failure_queue),
        }
    }

    /// How many of so many tasks `--kill-attempts` killed.
    pub(crate) fn killed(&self, tasks: u32) -> u32 {
        let interrupted = self.interruptions.map_or(0, |(tasks, _)| tasks);
        tasks.saturating_sub(interrupted).min(self.kills)
    }

    /// What is to go wrong: the interruptions first, then the kills.
    pub(crate) fn faults(&self) -> Vec<Fault> {
        let run_task = |kind, tasks| Fault { operation: "RunTask", kind, calls: FaultedCalls::Next(tasks) };
        let interrupt =
            |(tasks, after)| run_task(FaultKind::Interrupt { after, stop_code: StopCode::SpotInterruption }, tasks);
        let kill = run_task(FaultKind::OutOfMemory { after: KILLED_AFTER }, self.kills);
        self.interruptions.map(interrupt).into_iter().chain((self.kills > 0).then_some(kill)).collect()
    }
}

fn destination_arn((name, kind): &(String, DestinationKind)) -> String {
    match kind {
        DestinationKind::Queue => format!("arn:aws:sqs:{REGION}:{ACCOUNT}:{name}"),
        DestinationKind::Topic => format!("arn:aws:sns:{REGION}:{ACCOUNT}:{name}"),
        DestinationKind::Bus => format!("arn:aws:events:{REGION}:{ACCOUNT}:event-bus/{name}"),
    }
}

/// Of the variables that reach the emulator those that a function may have of its own.
fn endpoint(environment: &[(String, String)]) -> BTreeMap<String, String> {
    environment.iter().filter(|(name, _)| !RESERVED.contains(&name.as_str())).cloned().collect()
}

#[cfg(test)]
pub(crate) mod tests;
