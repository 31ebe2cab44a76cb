//! The emulator, as tests and `cargo immortal local` use it.

mod faults;

use std::{
    collections::BTreeMap,
    io,
    net::{Ipv4Addr, TcpListener},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use tokio::{
    runtime::{Builder, Runtime},
    sync::broadcast,
};

use crate::{
    ecs::{EcsService, TaskDefinition},
    eventbridge::{EventBuses, RuleTarget, TaskEvents, TaskRule},
    lambda::{EventSourceMapping, Function, LambdaService, accept_event, poll_queue},
    platform::{EmulatorError, EmulatorOptions, JournalEntry, Platform, StopCode, arn},
    s3::S3Service,
    server::{self, ServedServices},
    sns::SnsService,
    sqs::{Message, MessageAttribute, Queue, SqsService, check_message},
};

/// A running emulator. Dropping it kills every process that it started, and waits for them.
#[derive(Debug)]
pub struct Emulator {
    platform: Arc<Platform>,
    events: Arc<TaskEvents>,
    services: ServedServices,
    /// Its own runtime, so that no task outlives the emulator; `None` once it is shutting down.
    runtime: Option<Runtime>,
}

impl Emulator {
    /// Starts an emulator on a free port of 127.0.0.1, with a cluster `default` that has Fargate and Fargate Spot.
    pub async fn start(options: EmulatorOptions) -> Result<Self, EmulatorError> {
        // Async although nothing is awaited yet, so that a future start that awaits doesn't change the callers.
        std::future::ready(Self::try_start(options)).await.map_err(EmulatorError::Start)
    }

    fn try_start(options: EmulatorOptions) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let runtime = Builder::new_multi_thread().worker_threads(2).thread_name("emulator").enable_all().build()?;
        let platform = Arc::new(Platform::new(options, address, runtime.handle().clone())?);
        let sqs = Arc::new(SqsService::new(Arc::clone(&platform)));
        let sns = Arc::new(SnsService::new(Arc::clone(&platform)));
        let buses = Arc::new(EventBuses::new(Arc::clone(&platform)));
        let lambda = Arc::new(LambdaService::new(Arc::clone(&sqs), Arc::clone(&sns), Arc::clone(&buses)));
        let events = Arc::new(TaskEvents::new(Arc::clone(&platform), Arc::clone(&lambda), Arc::clone(&sqs)));
        let ecs = Arc::new(EcsService::new(Arc::clone(&events)));
        let s3 = Arc::new(S3Service::new(Arc::clone(&platform)));
        let services = ServedServices { lambda, ecs, sqs, s3, sns, buses };
        let listener = {
            let _guard = runtime.enter();
            tokio::net::TcpListener::from_std(listener)?
        };
        runtime.spawn(server::serve(listener, services.clone()));
        services.ecs.create_cluster("default", &["FARGATE", "FARGATE_SPOT"]);
        Ok(Self { platform, events, services, runtime: Some(runtime) })
    }

    /// The URL of all services, for `AWS_ENDPOINT_URL`.
    #[must_use]
    pub fn endpoint(&self) -> String {
        self.platform.endpoint()
    }

    /// The variables that make an SDK client in another process talk to this emulator.
    #[must_use]
    pub fn environment(&self) -> Vec<(String, String)> {
        let mut environment = self.platform.environment();
        environment.push(("AWS_ACCESS_KEY_ID".to_owned(), "AKIAEMULATORCALLER00".to_owned()));
        environment.push(("AWS_SECRET_ACCESS_KEY".to_owned(), "emulator".to_owned()));
        environment
    }

    /// Moves the services' clock forward: time stamps, visibility and retention of messages, Lambda's delays before a
    /// retry, the lifetime of client tokens and presigned URLs, how long ECS remembers stopped tasks. What falls due
    /// happens at once. Timeouts of running processes aren't affected. Processes still see the machine's clock; they
    /// learn the difference from [`CLOCK_VARIABLE`](crate::CLOCK_VARIABLE).
    pub fn advance(&self, by: Duration) {
        self.platform.clock.advance(by);
    }

    /// Creates a function, or replaces its `$LATEST`, and returns its ARN.
    pub fn deploy(&self, function: Function) -> Result<String, EmulatorError> {
        self.services.lambda.deploy(function)
    }

    /// Publishes `$LATEST` as a version, and returns its number.
    pub fn publish_version(&self, function: &str) -> Result<String, EmulatorError> {
        self.services.lambda.publish(function)
    }

    /// Publishes a layer, and returns the ARN of its version.
    pub fn publish_layer(&self, name: &str, zip: impl Into<Bytes>) -> String {
        self.services.lambda.publish_layer(name, zip.into())
    }

    /// Invokes a function asynchronously, as `Invoke` with the type `Event` does, and returns the request id.
    pub async fn invoke(&self, function: &str, event: impl Into<Bytes>) -> Result<String, EmulatorError> {
        std::future::ready(accept_event(&self.services.lambda, function, None, event.into())).await.map_err(Into::into)
    }

    /// Creates a queue, and returns its ARN.
    pub fn create_queue(&self, queue: Queue) -> String {
        self.services.sqs.create_queue(queue)
    }

    /// Invokes a function with a queue's messages, up to 10 at a time, with `ReportBatchItemFailures`; the mapping's UUID.
    pub fn map_queue(&self, queue: &str, function: &str, batch_size: u32) -> Result<String, EmulatorError> {
        self.services.lambda.find_version(function, None)?;
        if !self.services.sqs.exists(queue) {
            return Err(EmulatorError::Missing(format!("queue {queue}")));
        }
        self.services.sqs.map_queue(queue);
        let size = usize::try_from(batch_size.clamp(1, 10)).unwrap_or(10);
        let uuid = self.platform.ids.uuid();
        let mapping = EventSourceMapping::new(uuid.clone(), queue, function, size);
        self.services.lambda.add_mapping(mapping.clone());
        self.platform.runtime.spawn(poll_queue(Arc::clone(&self.services.lambda), mapping));
        Ok(uuid)
    }

    /// Sends a message as `SendMessage` does, and returns its id.
    pub fn send_message(
        &self,
        queue: &str,
        body: impl Into<String>,
        attributes: BTreeMap<String, MessageAttribute>,
    ) -> Result<String, EmulatorError> {
        let body = body.into();
        check_message(&body, &attributes)?;
        let sent = self.services.sqs.send(queue, body, attributes, None);
        sent.ok_or_else(|| EmulatorError::Missing(format!("queue {queue}")))
    }

    /// The messages in a queue, including those received and not yet deleted, without receiving them.
    #[must_use]
    pub fn messages(&self, queue: &str) -> Vec<Message> {
        self.services.sqs.messages(queue)
    }

    /// Moves all visible messages of a dead-letter queue to another queue, or each back to its source queue, as
    /// `StartMessageMoveTask` does. Returns how many were moved.
    pub fn redrive(&self, dead_letter_queue: &str, destination: Option<&str>) -> Result<usize, EmulatorError> {
        let (source, destination) = (arn("sqs", dead_letter_queue), destination.map(|name| arn("sqs", name)));
        Ok(self.services.sqs.start_move_task(&source, destination.as_deref())?)
    }

    /// The time until a message of a queue can be received: zero if one can be received now, `None` if no message
    /// waits. Messages that a mapped function is processing don't count.
    #[must_use]
    pub fn time_until_visible(&self, queue: &str) -> Option<Duration> {
        let left = self.services.sqs.next_visible(queue)?.duration_since(self.platform.now());
        Some(Duration::try_from(left).unwrap_or_default())
    }

    /// Creates a cluster with these capacity providers (`FARGATE`, `FARGATE_SPOT`).
    pub fn create_cluster(&self, name: &str, capacity_providers: &[&str]) {
        self.services.ecs.create_cluster(name, capacity_providers);
    }

    /// Registers a revision of a task definition, and returns its ARN.
    pub fn register_task_definition(&self, definition: TaskDefinition) -> String {
        self.services.ecs.register_definition(definition)
    }

    /// Ends a task as the platform does: SIGTERM, and SIGKILL two minutes (scaled) later.
    pub fn interrupt(&self, task: &str, stop_code: StopCode) -> Result<(), EmulatorError> {
        self.services.ecs.interrupt(task, stop_code).ok_or_else(|| EmulatorError::Missing(format!("task {task}")))
    }

    /// Creates a rule on the state changes of tasks.
    pub fn put_task_rule(&self, rule: TaskRule) {
        self.events.put_rule(rule);
    }

    /// Invokes a function with each event about a task that has one of these states; with every event if the list is
    /// empty.
    pub fn watch_tasks(&self, function: &str, last_status: &[&str]) {
        let last_status = last_status.iter().map(|status| (*status).to_owned()).collect();
        self.put_task_rule(TaskRule { family: None, last_status, target: RuleTarget::Function(function.to_owned()) });
    }

    /// Creates a topic, and returns its ARN.
    pub fn create_topic(&self, name: &str) -> String {
        self.services.sns.create_topic(name)
    }

    /// The messages that were published to a topic, by its ARN.
    #[must_use]
    pub fn published_messages(&self, topic_arn: &str) -> Vec<String> {
        self.services.sns.published_messages(topic_arn)
    }

    /// Creates an event bus, and returns its ARN.
    pub fn create_event_bus(&self, name: &str) -> String {
        self.services.buses.create_bus(name)
    }

    /// The events that were put on a bus, by its ARN, as a rule's target would receive them.
    #[must_use]
    pub fn bus_events(&self, bus_arn: &str) -> Vec<serde_json::Value> {
        self.services.buses.events(bus_arn)
    }

    /// Creates a bucket.
    pub fn create_bucket(&self, bucket: &str) {
        self.services.s3.create_bucket(bucket);
    }

    /// Puts an object into a bucket, and creates the bucket if it does not exist.
    pub fn put_object(&self, bucket: &str, key: &str, bytes: impl Into<Bytes>) {
        self.services.s3.create_bucket(bucket);
        self.services.s3.put_object(bucket, key, bytes.into());
    }

    /// The bytes of an object; `None` if it does not exist.
    #[must_use]
    pub fn object(&self, bucket: &str, key: &str) -> Option<Bytes> {
        self.services.s3.object(bucket, key)
    }

    /// Everything that happened so far, in order.
    #[must_use]
    pub fn journal(&self) -> Vec<JournalEntry> {
        self.platform.journal.entries()
    }

    /// A subscription to all future entries of the journal.
    #[must_use]
    pub fn subscribe(&self) -> broadcast::Receiver<JournalEntry> {
        self.platform.journal.subscribe()
    }

    /// Waits for the first entry of the journal, past or future, for which `pick` returns a value.
    pub async fn wait_for<T>(&self, pick: impl FnMut(&JournalEntry) -> Option<T>) -> T {
        self.platform.journal.wait_for(pick).await
    }

    /// Waits until nothing is in progress: no invocation and no task is running or waiting for a retry, and no mapped
    /// queue has a message.
    pub async fn wait_until_idle(&self) {
        self.platform.activity.wait_until_zero().await;
    }

    /// Ends all processes and waits for them.
    pub async fn shutdown(self) {
        // Dropping blocks until the processes have ended.
        let _ = tokio::task::spawn_blocking(move || drop(self)).await;
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        self.platform.end_processes();
        if let Some(runtime) = self.runtime.take() {
            // On a separate thread, because a runtime must not be shut down inside another one. The wait is for the
            // temporary directories: they are removed when the last task that uses them ends.
            let end = std::thread::spawn(move || runtime.shutdown_timeout(Duration::from_secs(2)));
            let _ = end.join();
        }
    }
}
