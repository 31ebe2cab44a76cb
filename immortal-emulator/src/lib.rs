//! The AWS that immortal-lambda needs, in one process on loopback.
//!
//! It speaks the wire protocols of Lambda, ECS, S3 and SQS to the real SDK clients, runs functions and tasks as
//! processes, is strict where AWS is strict, and fails in AWS's ways when told to. It is no product of its own: what
//! the chain of a failed event doesn't need isn't there.

mod fault;
mod happening;
mod model;

use std::{collections::BTreeMap, time::Duration};

use bytes::Bytes;
use tokio::sync::broadcast;

pub use crate::{
    fault::{Calls, Fault, How},
    happening::{Happening, Place, Stream, What},
    model::{Attribute, FailureTarget, Function, Message, Options, Queue, Rate, Redrive, StopCode, TaskDefinition},
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

/// The emulator: running as long as this lives. Dropping it kills every process that it started.
#[derive(Debug)]
pub struct Emulator {}

impl Emulator {
    /// Starts it on a free port of 127.0.0.1, with a cluster `default` that has Fargate and Fargate Spot.
    pub async fn start(options: Options) -> Result<Self, EmulatorError> {
        todo!("{options:?}")
    }

    /// The address of all services: what `AWS_ENDPOINT_URL` should hold.
    #[must_use]
    pub fn endpoint(&self) -> String {
        todo!()
    }

    /// The variables that make an SDK client in another process talk to this emulator.
    #[must_use]
    pub fn environment(&self) -> Vec<(String, String)> {
        todo!()
    }

    /// Moves the services' clock forward: time stamps, visibility, the life of tokens and addresses. What already
    /// waits (a retry, a Spot interruption) isn't shortened.
    pub fn advance(&self, by: Duration) {
        todo!("{by:?}")
    }

    /// Creates a function, or replaces its `$LATEST`, and returns its ARN.
    pub fn deploy(&self, function: Function) -> Result<String, EmulatorError> {
        todo!("{function:?}")
    }

    /// Publishes `$LATEST` as a version, and returns its number.
    pub fn publish_version(&self, function: &str) -> Result<String, EmulatorError> {
        todo!("{function}")
    }

    /// Publishes a layer, and returns the ARN of its version.
    pub fn publish_layer(&self, name: &str, zip: impl Into<Bytes>) -> String {
        todo!("{name} {:?}", zip.into())
    }

    /// Invokes a function asynchronously, as `Invoke` with the type `Event` does, and returns the request id.
    pub async fn invoke(&self, function: &str, event: impl Into<Bytes>) -> Result<String, EmulatorError> {
        todo!("{function} {:?}", event.into())
    }

    /// Creates a queue, and returns its ARN.
    pub fn create_queue(&self, queue: Queue) -> String {
        todo!("{queue:?}")
    }

    /// Invokes a function with a queue's messages, up to 10 at a time, with `ReportBatchItemFailures`.
    pub fn map_queue(&self, queue: &str, function: &str, batch_size: u32) -> Result<(), EmulatorError> {
        todo!("{queue} {function} {batch_size}")
    }

    /// Sends a message, and returns its id.
    pub fn send_message(
        &self,
        queue: &str,
        body: impl Into<String>,
        attributes: BTreeMap<String, Attribute>,
    ) -> Result<String, EmulatorError> {
        todo!("{queue} {} {attributes:?}", body.into())
    }

    /// What lies in a queue, received and not yet deleted messages included, without receiving it.
    #[must_use]
    pub fn messages(&self, queue: &str) -> Vec<Message> {
        todo!("{queue}")
    }

    /// Moves all messages of a dead-letter queue to another queue, or back to where each came from: what
    /// `StartMessageMoveTask` does. Returns how many.
    pub fn redrive(&self, dead_letter_queue: &str, destination: Option<&str>) -> Result<usize, EmulatorError> {
        todo!("{dead_letter_queue} {destination:?}")
    }

    /// Creates a cluster with these capacity providers (`FARGATE`, `FARGATE_SPOT`).
    pub fn create_cluster(&self, name: &str, capacity_providers: &[&str]) {
        todo!("{name} {capacity_providers:?}")
    }

    /// Registers a revision of a task definition, and returns its ARN.
    pub fn register_task_definition(&self, definition: TaskDefinition) -> String {
        todo!("{definition:?}")
    }

    /// Invokes a function with each event about a task in one of these states; with each event if none is given.
    pub fn watch_tasks(&self, function: &str, last_status: &[&str]) {
        todo!("{function} {last_status:?}")
    }

    /// Creates a bucket.
    pub fn create_bucket(&self, bucket: &str) {
        todo!("{bucket}")
    }

    /// Puts an object into a bucket, which is created where there is none.
    pub fn put_object(&self, bucket: &str, key: &str, bytes: impl Into<Bytes>) {
        todo!("{bucket} {key} {:?}", bytes.into())
    }

    /// An object's bytes.
    #[must_use]
    pub fn object(&self, bucket: &str, key: &str) -> Option<Bytes> {
        todo!("{bucket} {key}")
    }

    /// Makes calls fail.
    pub fn inject(&self, fault: Fault) {
        todo!("{fault:?}")
    }

    /// Everything that happened so far, in order.
    #[must_use]
    pub fn happenings(&self) -> Vec<Happening> {
        todo!()
    }

    /// What happens from now on.
    #[must_use]
    pub fn watch(&self) -> broadcast::Receiver<Happening> {
        todo!()
    }

    /// Waits for the first happening, past or future, of which `pick` makes something.
    pub async fn until<T>(&self, mut pick: impl FnMut(&Happening) -> Option<T>) -> T {
        todo!("{}", self.happenings().iter().find_map(&mut pick).is_some())
    }

    /// Ends all processes and waits for them.
    pub async fn shutdown(self) {
        todo!()
    }
}
