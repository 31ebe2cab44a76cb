//! The AWS that immortal-lambda needs, in one process on loopback.
//!
//! It speaks the wire protocols of Lambda, ECS, S3 and SQS to AWS's own clients and ours, runs functions and tasks as
//! processes, is strict where AWS is strict, and fails in AWS's ways when told to. It is no product of its own: what
//! the chain of a failed event doesn't need isn't there.

mod activity;
mod api;
mod cloud;
mod ecs;
mod fault;
mod happening;
mod lambda;
mod model;
mod process;
mod range;
mod s3;
mod server;
mod sqs;
mod target;

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
    api::ApiError,
    cloud::{Cloud, arn},
};

pub use crate::{
    fault::{Calls, Fault, How},
    happening::{Happening, Place, Stream, What},
    model::{
        Attribute, FailureTarget, Function, Message, Options, Queue, Rate, Redrive, RuleTarget, StopCode,
        TaskDefinition, TaskLog, TaskRule,
    },
};

/// The region that all resources are in.
pub const REGION: &str = "eu-central-1";
/// The account that all resources belong to.
pub const ACCOUNT: &str = "123456789012";

/// What can go wrong with the emulator itself, or with its use.
#[derive(Debug, thiserror::Error)]
pub enum EmulatorError {
    /// The machine refuses: no port, no temporary directory, no thread.
    #[error("the emulator can't start: {0}")]
    Start(#[source] std::io::Error),
    /// Something was named that doesn't exist.
    #[error("there is no {0}; deploy or create it first")]
    Missing(String),
    /// AWS would refuse it.
    #[error("{code}: {message}")]
    Refused {
        /// The error's code, as AWS has it.
        code: String,
        /// The error's message.
        message: String,
    },
}

impl From<ApiError> for EmulatorError {
    fn from(error: ApiError) -> Self {
        Self::Refused { code: error.code, message: error.message }
    }
}

/// The emulator: running as long as this lives. Dropping it kills every process that it started, and waits for them.
#[derive(Debug)]
pub struct Emulator {
    cloud: Arc<Cloud>,
    /// A runtime of its own, so that nothing of it outlives it; taken at its end.
    runtime: Option<Runtime>,
}

impl Emulator {
    /// Starts it on a free port of 127.0.0.1, with a cluster `default` that has Fargate and Fargate Spot.
    pub async fn start(options: Options) -> Result<Self, EmulatorError> {
        // Async although nothing waits by now: a start that must wait mustn't change its callers.
        std::future::ready(Self::try_start(options)).await.map_err(EmulatorError::Start)
    }

    fn try_start(options: Options) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let runtime = Builder::new_multi_thread().worker_threads(2).thread_name("emulator").enable_all().build()?;
        let cloud = Arc::new(Cloud::new(options, address, runtime.handle().clone())?);
        let listener = {
            let _guard = runtime.enter();
            tokio::net::TcpListener::from_std(listener)?
        };
        runtime.spawn(server::serve(listener, Arc::clone(&cloud)));
        cloud.clusters.create("default", &["FARGATE", "FARGATE_SPOT"]);
        Ok(Self { cloud, runtime: Some(runtime) })
    }

    /// The address of all services: what `AWS_ENDPOINT_URL` should hold.
    #[must_use]
    pub fn endpoint(&self) -> String {
        self.cloud.endpoint()
    }

    /// The variables that make an SDK client in another process talk to this emulator.
    #[must_use]
    pub fn environment(&self) -> Vec<(String, String)> {
        let mut environment = self.cloud.environment();
        environment.push(("AWS_ACCESS_KEY_ID".to_owned(), "AKIAEMULATORCALLER00".to_owned()));
        environment.push(("AWS_SECRET_ACCESS_KEY".to_owned(), "emulator".to_owned()));
        environment
    }

    /// Moves the services' clock forward: time stamps, visibility and retention of messages, Lambda's waits before a
    /// retry, the life of tokens and addresses, ECS's memory of stopped tasks. What is due by then happens at once. A
    /// process that runs (a function, a task) has the machine's clock, and the time it has isn't shortened.
    pub fn advance(&self, by: Duration) {
        self.cloud.advance(by);
    }

    /// Creates a function, or replaces its `$LATEST`, and returns its ARN.
    pub fn deploy(&self, function: Function) -> Result<String, EmulatorError> {
        self.cloud.functions.deploy(&self.cloud, function)
    }

    /// Publishes `$LATEST` as a version, and returns its number.
    pub fn publish_version(&self, function: &str) -> Result<String, EmulatorError> {
        self.cloud.functions.publish(&self.cloud, function)
    }

    /// Publishes a layer, and returns the ARN of its version.
    pub fn publish_layer(&self, name: &str, zip: impl Into<Bytes>) -> String {
        self.cloud.functions.publish_layer(name, zip.into())
    }

    /// Invokes a function asynchronously, as `Invoke` with the type `Event` does, and returns the request id.
    pub async fn invoke(&self, function: &str, event: impl Into<Bytes>) -> Result<String, EmulatorError> {
        std::future::ready(lambda::invoke::accept(&self.cloud, function, None, event.into())).await.map_err(Into::into)
    }

    /// Creates a queue, and returns its ARN.
    pub fn create_queue(&self, queue: Queue) -> String {
        self.cloud.queues.create(queue)
    }

    /// Invokes a function with a queue's messages, up to 10 at a time, with `ReportBatchItemFailures`.
    pub fn map_queue(&self, queue: &str, function: &str, batch_size: u32) -> Result<(), EmulatorError> {
        self.cloud.functions.find(function, None)?;
        if !self.cloud.queues.exists(queue) {
            return Err(EmulatorError::Missing(format!("queue {queue}")));
        }
        self.cloud.queues.map(&self.cloud, queue);
        let size = usize::try_from(batch_size.clamp(1, 10)).unwrap_or(10);
        let poll = sqs::mapping::poll(Arc::clone(&self.cloud), queue.to_owned(), function.to_owned(), size);
        self.cloud.runtime.spawn(poll);
        Ok(())
    }

    /// Sends a message, and returns its id.
    pub fn send_message(
        &self,
        queue: &str,
        body: impl Into<String>,
        attributes: BTreeMap<String, Attribute>,
    ) -> Result<String, EmulatorError> {
        let sent = self.cloud.queues.send(&self.cloud, queue, body.into(), attributes, None);
        sent.ok_or_else(|| EmulatorError::Missing(format!("queue {queue}")))
    }

    /// What lies in a queue, received and not yet deleted messages included, without receiving it.
    #[must_use]
    pub fn messages(&self, queue: &str) -> Vec<Message> {
        self.cloud.queues.messages(&self.cloud, queue)
    }

    /// Moves all messages that can be received from a dead-letter queue to another queue, or back to where each came
    /// from: what `StartMessageMoveTask` does. Returns how many.
    pub fn redrive(&self, dead_letter_queue: &str, destination: Option<&str>) -> Result<usize, EmulatorError> {
        let (source, destination) = (arn("sqs", dead_letter_queue), destination.map(|name| arn("sqs", name)));
        Ok(self.cloud.queues.start_move_task(&self.cloud, &source, destination.as_deref())?)
    }

    /// Creates a cluster with these capacity providers (`FARGATE`, `FARGATE_SPOT`).
    pub fn create_cluster(&self, name: &str, capacity_providers: &[&str]) {
        self.cloud.clusters.create(name, capacity_providers);
    }

    /// Registers a revision of a task definition, and returns its ARN.
    pub fn register_task_definition(&self, definition: TaskDefinition) -> String {
        self.cloud.clusters.register(definition)
    }

    /// Ends a task as the platform does: SIGTERM, and SIGKILL two minutes (scaled) later.
    pub fn interrupt(&self, task: &str, stop_code: StopCode) -> Result<(), EmulatorError> {
        ecs::interrupt(&self.cloud, task, stop_code).ok_or_else(|| EmulatorError::Missing(format!("task {task}")))
    }

    /// Creates a rule on the state changes of tasks.
    pub fn put_task_rule(&self, rule: TaskRule) {
        self.cloud.clusters.put_rule(rule);
    }

    /// Invokes a function with each event about a task in one of these states; with each event if none is given.
    pub fn watch_tasks(&self, function: &str, last_status: &[&str]) {
        let last_status = last_status.iter().map(|status| (*status).to_owned()).collect();
        self.put_task_rule(TaskRule { family: None, last_status, target: RuleTarget::Function(function.to_owned()) });
    }

    /// Creates a bucket.
    pub fn create_bucket(&self, bucket: &str) {
        self.cloud.buckets.create(bucket);
    }

    /// Puts an object into a bucket, which is created where there is none.
    pub fn put_object(&self, bucket: &str, key: &str, bytes: impl Into<Bytes>) {
        self.cloud.buckets.create(bucket);
        self.cloud.buckets.put(bucket, key, bytes.into());
    }

    /// An object's bytes.
    #[must_use]
    pub fn object(&self, bucket: &str, key: &str) -> Option<Bytes> {
        self.cloud.buckets.object(bucket, key)
    }

    /// Makes calls fail.
    ///
    /// # Panics
    ///
    /// If there is no such operation: the fault would never be seen.
    pub fn inject(&self, fault: Fault) {
        self.cloud.faults.inject(fault, None);
    }

    /// Makes calls fail that are about one invocation's event: `RunTask` and `ListTasks` with this `startedBy`, `Task`
    /// and `TaskStateChange` of such a task, `SendMessage` with this id in the attribute `RequestID` or
    /// `ImmortalRequestId`, `DeleteMessage` and `ChangeMessageVisibility` of the message that Lambda or a rule wrote
    /// about it.
    ///
    /// # Panics
    ///
    /// If there is no such operation: the fault would never be seen.
    pub fn inject_for(&self, request_id: &str, fault: Fault) {
        self.cloud.faults.inject(fault, Some(request_id.to_owned()));
    }

    /// Everything that happened so far, in order.
    #[must_use]
    pub fn happenings(&self) -> Vec<Happening> {
        self.cloud.journal.all()
    }

    /// What happens from now on.
    #[must_use]
    pub fn watch(&self) -> broadcast::Receiver<Happening> {
        self.cloud.journal.watch()
    }

    /// Waits for the first happening, past or future, of which `pick` makes something.
    pub async fn until<T>(&self, pick: impl FnMut(&Happening) -> Option<T>) -> T {
        self.cloud.journal.until(pick).await
    }

    /// Waits until nothing is under way: no invocation and no task runs or waits to be tried again, and no message lies
    /// in a mapped queue.
    pub async fn quiet(&self) {
        self.cloud.activity.none().await;
    }

    /// Ends all processes and waits for them.
    pub async fn shutdown(self) {
        // What `drop` does blocks for as long as the processes take to die.
        let _ = tokio::task::spawn_blocking(move || drop(self)).await;
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        self.cloud.end();
        if let Some(runtime) = self.runtime.take() {
            // On a thread of its own, since a runtime's end may not be waited for inside another runtime. What waits
            // for it: the temporary directories, which are gone with the last task that uses them.
            let end = std::thread::spawn(move || runtime.shutdown_timeout(Duration::from_secs(2)));
            let _ = end.join();
        }
    }
}
