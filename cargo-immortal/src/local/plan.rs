//! What is to run, resolved: every name and number of the chain, before anything is started.

use std::{collections::BTreeMap, path::Path, time::Duration};

use bytes::Bytes;
use immortal_core::{
    manifest::Manifest,
    names::{DISPATCHER_SUFFIX, RESERVED, env},
};
use immortal_emulator::{
    EmulatorOptions, FailureTarget, Fault, FaultKind, FaultedCalls, Function, Queue, RedrivePolicy, StopCode,
    TaskDefinition,
};

use super::Args;
use crate::package::Candidate;

/// AWS's own waiting times pass so much faster.
const SPEED: f64 = 20.0;
/// The dispatcher's timeout, as the docs recommend it.
const DISPATCHER_TIMEOUT: Duration = Duration::from_mins(1);
/// How long a task runs before `--kill-attempts` kills it.
const KILLED_AFTER: Duration = Duration::from_secs(1);
/// How often the failure queue offers a message before it goes to the dead-letter queue: few, since someone waits.
const RECEIVES: u32 = 3;

/// How the emulator behaves.
pub(crate) fn options() -> EmulatorOptions {
    EmulatorOptions { time_scale: 1.0 / SPEED, ..EmulatorOptions::default() }
}

/// The chain, before it exists.
#[derive(Debug)]
pub(crate) struct Plan {
    /// The primary's name.
    pub(crate) primary: String,
    /// The dispatcher's name.
    pub(crate) dispatcher: String,
    /// Where Lambda puts what failed.
    pub(crate) failure_queue: String,
    /// Where an event rests that was given up.
    pub(crate) dead_letter_queue: String,
    /// The task definition's family.
    pub(crate) family: String,
    /// The bucket for events too large to inline.
    pub(crate) event_bucket: String,
    /// Whether to show every call.
    pub(crate) verbose: bool,
    command: Vec<String>,
    docker: bool,
    timeout: Duration,
    memory: u32,
    retries: u8,
    dead_letter_config: bool,
    variables: BTreeMap<String, String>,
    size: (u32, u32),
    interruptions: Option<(u32, Duration)>,
    kills: u32,
}

impl Plan {
    /// What stands in for the image is the handler's binary, or this command's own, as the Docker client.
    pub(crate) fn resolve(
        args: &Args,
        candidate: &Candidate,
        manifest: &Manifest,
        executable: &Path,
        ourselves: &Path,
    ) -> Self {
        let name = &candidate.bin;
        let mut variables: BTreeMap<_, _> =
            args.env.iter().map(|variable| (variable.name.clone(), variable.value.clone())).collect();
        if args.no_hand_over {
            // Where Lambda says that a process has several invocations, none is handed over.
            variables.insert(env::MAX_CONCURRENCY.to_owned(), "2".to_owned());
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
            dead_letter_queue: format!("{name}-dead-letters"),
            family: format!("{name}-runner"),
            event_bucket: format!("{name}-events"),
            verbose: args.verbose,
            command,
            docker: args.docker.is_some(),
            timeout: args.timeout,
            memory: args.memory,
            retries: args.retries,
            dead_letter_config: args.dead_letter_config,
            variables,
            size: (manifest.cpu.unwrap_or(256), manifest.memory.unwrap_or(512)),
            interruptions: args.interrupt_after.map(|after| (args.interruptions, after)),
            kills: args.kill_attempts,
        }
    }

    /// What the timeline says once, before it begins.
    pub(crate) fn heading(&self) -> String {
        format!(
            "{}: timeout {} s, {} MB; AWS's own waiting times pass {SPEED} times faster here, the timeout does not",
            self.primary,
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
        variables.extend(self.variables.clone());
        let target = if self.dead_letter_config { FailureTarget::DeadLetterConfig } else { FailureTarget::OnFailure };
        Function {
            timeout: self.timeout,
            memory: self.memory,
            retries: self.retries,
            environment: variables,
            on_failure: Some(target(failure_queue)),
            ..Function::new(&self.primary, zip)
        }
    }

    /// The dispatcher, from the same package, with its own variables.
    pub(crate) fn dispatcher(
        &self,
        zip: impl Into<Bytes>,
        environment: &[(String, String)],
        task_definition: String,
        dead_letter_queue: String,
    ) -> Function {
        let own = [
            (env::RUNNER, task_definition),
            (env::CONTAINER, self.family.clone()),
            (env::SUBNETS, "subnet-local".to_owned()),
            (env::EVENT_BUCKET, self.event_bucket.clone()),
        ];
        let mut variables = endpoint(environment);
        variables.extend(own.map(|(name, value)| (name.to_owned(), value)));
        Function {
            timeout: DISPATCHER_TIMEOUT,
            memory: 256,
            retries: 0,
            environment: variables,
            on_failure: Some(FailureTarget::OnFailure(dead_letter_queue)),
            ..Function::new(&self.dispatcher, zip)
        }
    }

    /// The task definition; a process of this machine stands in for the image.
    ///
    /// `docker` is what the Docker client has to know of this process's environment.
    pub(crate) fn task_definition(&self, docker: impl IntoIterator<Item = (String, String)>) -> TaskDefinition {
        let stop_timeout = Duration::from_secs(30);
        let own = [(env::ROLE, "runner".to_owned()), (env::STOP_TIMEOUT, stop_timeout.as_secs().to_string())];
        let mut environment: BTreeMap<_, _> = own.map(|(name, value)| (name.to_owned(), value)).into();
        if self.docker {
            let known = |name: &str| name == "PATH" || name == "HOME" || name.starts_with("DOCKER_");
            environment.extend(docker.into_iter().filter(|(name, _)| known(name)));
        }
        TaskDefinition {
            cpu: self.size.0,
            memory: self.size.1,
            stop_timeout,
            environment,
            ..TaskDefinition::new(&self.family, &self.command)
        }
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

/// Of the variables that reach the emulator those that a function may have of its own.
fn endpoint(environment: &[(String, String)]) -> BTreeMap<String, String> {
    environment.iter().filter(|(name, _)| !RESERVED.contains(&name.as_str())).cloned().collect()
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Typed {
        #[command(flatten)]
        args: Args,
    }

    fn plan(flags: &[&str]) -> Plan {
        let typed = ["local", "--event", "event.json"].iter().chain(flags);
        let args = Typed::try_parse_from(typed).expect("good flags").args;
        let candidate =
            Candidate { package: "jobs".into(), bin: "ingest".into(), depends: true, role_features: None, here: true };
        let manifest = Manifest::new("ingest", "jobs", "0.1.0");
        Plan::resolve(&args, &candidate, &manifest, Path::new("/t/ingest"), Path::new("/t/cargo-immortal"))
    }

    fn reached() -> Vec<(String, String)> {
        let pairs = [("AWS_ENDPOINT_URL", "http://127.0.0.1:1"), ("AWS_REGION", "x"), ("AWS_ACCESS_KEY_ID", "x")];
        pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
    }

    #[test]
    fn without_flags_the_primary_is_the_binary_and_is_killed_after_three_seconds() {
        let plan = plan(&[]);
        let primary = plan.primary(vec![1], &reached(), "arn:q".into());
        assert_eq!((primary.name.as_str(), primary.timeout.as_secs(), primary.retries), ("ingest", 3, 0));
        assert_eq!(primary.on_failure, Some(FailureTarget::OnFailure("arn:q".into())));
        let variables: Vec<_> = primary.environment.keys().map(String::as_str).collect();
        assert_eq!(variables, ["AWS_ENDPOINT_URL", "IMMORTAL_ROLE"], "a function may not set what Lambda sets");
        assert!(plan.faults().is_empty());
    }

    #[test]
    fn flags_change_the_primary() {
        let flags = ["--timeout", "5s", "--retries", "2", "--dead-letter-config", "--memory", "1024", "--env", "AB=c"];
        let primary = plan(&flags).primary(vec![1], &reached(), "arn:q".into());
        assert_eq!((primary.timeout.as_secs(), primary.retries, primary.memory), (5, 2, 1024));
        assert_eq!(primary.on_failure, Some(FailureTarget::DeadLetterConfig("arn:q".into())));
        assert_eq!(primary.environment.get("AB").map(String::as_str), Some("c"));
    }

    #[test]
    fn the_dispatcher_knows_the_runner_by_its_revision() {
        let dispatcher = plan(&[]).dispatcher(vec![1], &reached(), "arn:t:1".into(), "arn:d".into());
        assert_eq!(dispatcher.name, "ingestDlq");
        let expected = [
            ("AWS_ENDPOINT_URL", "http://127.0.0.1:1"),
            ("IMMORTAL_CONTAINER", "ingest-runner"),
            ("IMMORTAL_EVENT_BUCKET", "ingest-events"),
            ("IMMORTAL_RUNNER", "arn:t:1"),
            ("IMMORTAL_SUBNETS", "subnet-local"),
        ];
        assert_eq!(dispatcher.environment, expected.map(|(name, value)| (name.to_owned(), value.to_owned())).into());
        assert_eq!(dispatcher.on_failure, Some(FailureTarget::OnFailure("arn:d".into())));
    }

    #[test]
    fn the_task_is_the_same_binary_as_runner() {
        let ours = ["HOME", "DOCKER_HOST", "AWS_PROFILE"].map(|name| (name.to_owned(), "x".to_owned()));
        let definition = plan(&[]).task_definition(ours);
        assert!(!definition.environment.contains_key("HOME"));
        assert_eq!(definition.command, ["/t/ingest"]);
        assert_eq!(definition.environment.get("IMMORTAL_ROLE").map(String::as_str), Some("runner"));
        assert_eq!((definition.cpu, definition.memory), (256, 512));
    }

    #[test]
    fn the_task_is_a_container_when_asked_for() {
        let ours = ["HOME", "DOCKER_HOST", "AWS_PROFILE"].map(|name| (name.to_owned(), "x".to_owned()));
        let definition = plan(&["--docker", "hello-runner"]).task_definition(ours);
        let command = ["/t/cargo-immortal", "immortal", "container", "--image", "hello-runner"];
        assert_eq!(definition.command, command);
        let names: Vec<_> = definition.environment.keys().map(String::as_str).collect();
        assert_eq!(names, ["DOCKER_HOST", "HOME", "IMMORTAL_ROLE", "IMMORTAL_STOP_TIMEOUT"]);
    }

    #[test]
    fn interruptions_come_before_kills() {
        let faults = plan(&["--interrupt-after", "2s", "--interruptions", "3", "--kill-attempts", "1"]).faults();
        let expected = "[Fault { operation: \"RunTask\", kind: Interrupt { after: 2s, stop_code: SpotInterruption }, \
             calls: Next(3) }, Fault { operation: \"RunTask\", kind: OutOfMemory { after: 1s }, calls: Next(1) }]";
        assert_eq!(format!("{faults:?}"), expected);
    }
}
