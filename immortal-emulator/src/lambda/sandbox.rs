//! Sandboxes: processes of a function's own `bootstrap`, each with a Runtime API, one invocation at a time.

mod environment;
mod exit;

use std::{
    path::PathBuf,
    process::ExitStatus,
    sync::{Arc, Mutex, Weak},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;
use immortal_core::runtime_api::{Answer, Failure, FunctionNames, Invocation, Ready, RuntimeApi};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{
    sync::{OnceCell, Semaphore},
    time::{Instant, sleep_until, timeout},
};

use super::{Version, package};
use crate::{
    Place, What,
    cloud::{Cloud, lock},
    process::{Process, SharedPlace},
};

/// <https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html#runtimes-lifecycle-ib>
const INIT_PHASE: Duration = Duration::from_secs(10);
/// 6 MB and 100 bytes: <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html> and the message itself.
const LARGEST_RESPONSE: u64 = 6_291_556;

/// The sandboxes of one version.
#[derive(Debug)]
pub(crate) struct Pool {
    idle: Mutex<Vec<Sandbox>>,
    /// The processes of all sandboxes, idle or at work.
    all: Mutex<Vec<Weak<Process>>>,
    slots: Semaphore,
    code: OnceCell<TempDir>,
}

#[derive(Debug)]
struct Sandbox {
    process: Arc<Process>,
    api: RuntimeApi,
    place: SharedPlace,
}

/// What an invocation is given.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) id: String,
    pub(crate) event: Bytes,
    /// As the caller named the function.
    pub(crate) function_arn: String,
    pub(crate) client_context: Option<String>,
    pub(crate) trace_id: String,
}

/// How an invocation failed: what Lambda makes of it for its caller, as JSON.
#[derive(Clone, Debug)]
pub(crate) struct Failed {
    pub(crate) payload: Bytes,
    /// The error's message alone.
    pub(crate) message: String,
}

impl Pool {
    pub(crate) fn new(concurrency: usize) -> Self {
        Self {
            idle: Mutex::default(),
            all: Mutex::default(),
            slots: Semaphore::new(concurrency.max(1)),
            code: OnceCell::new(),
        }
    }

    pub(crate) fn end_idle(&self) {
        lock(&self.idle).clear();
    }

    pub(crate) fn end_all(&self) {
        let all = lock(&self.all).clone();
        all.iter().filter_map(Weak::upgrade).for_each(|process| process.kill());
    }
}

impl Version {
    /// Runs one try of an invocation, and notes what came of it.
    pub(crate) async fn run(&self, cloud: &Arc<Cloud>, request: &Request, attempt: u32) -> Result<Bytes, Failed> {
        let place = Place::Lambda { function: self.function.name.clone(), request_id: request.id.clone() };
        // The semaphore is never closed; without a slot it would only be less strict.
        let _slot = self.pool.slots.acquire().await;
        cloud.journal.note(place.clone(), What::Started { attempt });
        let end = match self.ready_sandbox(cloud, &place, &request.id).await {
            Ok(sandbox) => {
                let end = self.invoke(cloud, &sandbox, request).await;
                if !matches!(end, Err(End::TimedOut | End::Exited(_))) {
                    lock(&self.pool.idle).push(sandbox);
                }
                end
            }
            Err(end) => Err(end),
        };
        match end {
            Ok(body) => {
                cloud.journal.note(place, What::Answered { body: body.clone() });
                Ok(body)
            }
            Err(End::TimedOut) => {
                cloud.journal.note(place, What::TimedOut { after: self.function.timeout });
                // The text is Lambda's own: two decimals.
                let seconds = self.function.timeout.as_secs_f64();
                let message = format!("RequestId: {} Error: Task timed out after {seconds:.2} seconds", request.id);
                Err(Failed::new("Sandbox.Timedout", message))
            }
            Err(End::Exited(status)) => {
                let failed = exit::exited(&request.id, status);
                cloud.journal.note(place, failed.happening());
                Err(failed)
            }
            Err(End::Failed(failed)) => {
                cloud.journal.note(place, failed.happening());
                Err(failed)
            }
        }
    }

    /// A warm sandbox, or a new one. A failed or overlong init phase is repeated once within the function's timeout,
    /// as Lambda does: <https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html>.
    async fn ready_sandbox(&self, cloud: &Arc<Cloud>, place: &Place, request_id: &str) -> Result<Sandbox, End> {
        loop {
            let Some(sandbox) = lock(&self.pool.idle).pop() else { break };
            lock(&sandbox.place).clone_from(place);
            let ready = sandbox.until_ready(Instant::now() + INIT_PHASE).await;
            if ready.is_ok() && !sandbox.process.has_exited() {
                return Ok(sandbox);
            }
        }
        let first = self.start(cloud, place, request_id).await?;
        if first.until_ready(Instant::now() + INIT_PHASE).await.is_ok() {
            return Ok(first);
        }
        first.process.drain(cloud);
        drop(first);
        let second = self.start(cloud, place, request_id).await?;
        let ready = second.until_ready(Instant::now() + self.function.timeout).await;
        second.process.drain(cloud);
        ready.map(|()| second)
    }

    async fn start(&self, cloud: &Arc<Cloud>, place: &Place, request_id: &str) -> Result<Sandbox, End> {
        self.try_start(cloud, place).await.map_err(|error| {
            // Lambda's words for a `bootstrap` that is missing or can't be executed.
            let message = format!("RequestId: {request_id} Error: Couldn't find valid bootstrap(s): {error}");
            End::Failed(Failed::new("Runtime.InvalidEntrypoint", message))
        })
    }

    async fn try_start(&self, cloud: &Arc<Cloud>, place: &Place) -> std::io::Result<Sandbox> {
        if self.function.image_uri.is_some() {
            return Err(std::io::Error::other("a container image can't be run by the emulator"));
        }
        let code = self.pool.code.get_or_try_init(|| self.unpack(cloud)).await?.path().to_owned();
        let directory = cloud.temporary_directory("sandbox-")?;
        let (root, temporary) = (directory.path().join("task"), directory.path().join("tmp"));
        std::fs::create_dir(&temporary)?;
        package::link(&code, &root)?;
        let api = RuntimeApi::bind().await?;
        api.describe(FunctionNames {
            name: self.function.name.clone(),
            version: self.number.clone(),
            handler: self.function.handler.clone(),
        });
        let environment = environment::of(cloud, self, api.address(), &root, &temporary);
        let command = [root.join("bootstrap").to_string_lossy().into_owned()];
        let place = Arc::new(Mutex::new(place.clone()));
        let process = Process::start(cloud, &command, environment, &root, directory, Arc::clone(&place)).await?;
        let process = Arc::new(process);
        let mut all = lock(&self.pool.all);
        all.retain(|other| other.strong_count() > 0);
        all.push(Arc::downgrade(&process));
        drop(all);
        Ok(Sandbox { process, api, place })
    }

    async fn unpack(&self, cloud: &Cloud) -> std::io::Result<TempDir> {
        let directory = cloud.temporary_directory("code-")?;
        let (zip, path): (_, PathBuf) = (self.package.zip.clone(), directory.path().into());
        tokio::task::spawn_blocking(move || package::unpack(&zip, &path)).await.map_err(std::io::Error::other)??;
        Ok(directory)
    }

    async fn invoke(&self, cloud: &Cloud, sandbox: &Sandbox, request: &Request) -> Result<Bytes, End> {
        let deadline = Instant::now() + self.function.timeout;
        let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default() + self.function.timeout;
        let invocation = Invocation {
            request_id: request.id.clone(),
            event: request.event.clone(),
            deadline_ms: u64::try_from(unix.as_millis()).unwrap_or(u64::MAX),
            function_arn: request.function_arn.clone(),
            trace_id: Some(request.trace_id.clone()),
            client_context: request.client_context.clone(),
            ..Invocation::default()
        };
        let mut answering = std::pin::pin!(sandbox.api.invoke(invocation));
        let answer = tokio::select! {
            biased;
            answer = &mut answering => answer,
            status = sandbox.process.exited() => {
                // It may have answered with its last breath, and the answer is still on its way through the socket.
                match timeout(Duration::from_millis(100), &mut answering).await {
                    Ok(answer) => answer,
                    Err(_) => return Err(End::Exited(status)),
                }
            }
            () = sleep_until(deadline) => {
                sandbox.process.kill();
                sandbox.process.exited().await;
                return Err(End::TimedOut);
            }
        };
        sandbox.process.drain(cloud);
        match answer {
            Answer::Response(body) if body.length > LARGEST_RESPONSE => {
                let message = format!(
                    "Response payload size ({} bytes) exceeded maximum allowed payload size ({LARGEST_RESPONSE} bytes).",
                    body.length
                );
                Err(End::Failed(Failed::new("Function.ResponseSizeTooLarge", message)))
            }
            Answer::Response(body) => Ok(body.bytes),
            Answer::Error(failure) | Answer::InitError(failure) | Answer::Missing(failure) => {
                Err(End::Failed(Failed::reported(failure)))
            }
        }
    }
}

/// What ends an invocation otherwise than by a response.
enum End {
    TimedOut,
    Exited(ExitStatus),
    Failed(Failed),
}

impl Sandbox {
    async fn until_ready(&self, deadline: Instant) -> Result<(), End> {
        tokio::select! {
            biased;
            ready = self.api.ready() => match ready {
                Ready::Waiting => Ok(()),
                Ready::InitError(failure) => Err(End::Failed(Failed::reported(failure))),
            },
            status = self.process.exited() => Err(End::Exited(status)),
            () = sleep_until(deadline) => Err(End::TimedOut),
        }
    }
}

impl Failed {
    fn new(error_type: &str, message: String) -> Self {
        let payload = json!({ "errorType": error_type, "errorMessage": message }).to_string().into();
        Self { payload, message }
    }

    /// What the runtime reported, as it came where that is JSON.
    fn reported(failure: Failure) -> Self {
        let error_type = failure.error_type.as_deref().unwrap_or("Unknown");
        match serde_json::from_slice::<Value>(&failure.body) {
            Ok(report) => {
                let message = report.get("errorMessage").and_then(Value::as_str).unwrap_or_default().to_owned();
                Self { payload: failure.body, message }
            }
            Err(_) => Self::new(error_type, String::from_utf8_lossy(&failure.body).into_owned()),
        }
    }

    fn happening(&self) -> What {
        let report: Value = serde_json::from_slice(&self.payload).unwrap_or_default();
        let error_type = report.get("errorType").and_then(Value::as_str).unwrap_or("Unknown").to_owned();
        What::Failed { error_type, message: self.message.clone() }
    }
}
