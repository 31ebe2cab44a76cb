//! One try of an invocation in a sandbox, from its start to its result.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;
use immortal_core::runtime_api::{FunctionNames, Invocation, InvocationAnswer, RuntimeApi};
use tempfile::TempDir;
use tokio::time::{Instant, sleep_until, timeout};

use super::{
    environment, exit,
    invocation::{InvocationFailure, InvocationRequest},
    package,
    sandbox::{Sandbox, SandboxEnd},
    version::FunctionVersion,
};
use crate::platform::{ChildProcess, EntryKind, EntrySource, Platform, ProcessSetup, lock};

/// <https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html#runtimes-lifecycle-ib>
const INIT_TIMEOUT: Duration = Duration::from_secs(10);
/// 6 MB and 100 bytes: <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html> and the number in
/// Lambda's own message.
const MAX_RESPONSE_SIZE: u64 = 6_291_556;

impl FunctionVersion {
    /// Runs one try of an invocation, and records its result in the journal.
    pub(crate) async fn run(
        &self,
        platform: &Arc<Platform>,
        request: &InvocationRequest,
        attempt: u32,
    ) -> Result<Bytes, InvocationFailure> {
        let source = EntrySource::Lambda { function: self.function.name.clone(), request_id: request.id.clone() };
        // The semaphore is never closed, so this always acquires a slot.
        let _slot = self.pool.slots.acquire().await;
        platform.journal.record(source.clone(), EntryKind::Started { attempt });
        let end = match self.ready_sandbox(platform, &source, &request.id).await {
            Ok(sandbox) => {
                let end = self.invoke(platform, &sandbox, request).await;
                if !matches!(end, Err(SandboxEnd::TimedOut | SandboxEnd::Exited(_) | SandboxEnd::OutOfMemory)) {
                    lock(&self.pool.idle).push(sandbox);
                }
                end
            }
            Err(end) => Err(end),
        };
        match end {
            Ok(body) => {
                platform.journal.record(source, EntryKind::Answered { body: body.clone() });
                Ok(body)
            }
            Err(SandboxEnd::TimedOut) => {
                platform.journal.record(source, EntryKind::TimedOut { after: self.function.timeout });
                // Lambda's message has two decimals.
                let seconds = self.function.timeout.as_secs_f64();
                let message = format!("RequestId: {} Error: Task timed out after {seconds:.2} seconds", request.id);
                Err(InvocationFailure::new("Sandbox.Timedout", message))
            }
            Err(SandboxEnd::Exited(status)) => {
                let failed = exit::exit_failure(&request.id, status);
                platform.journal.record(source, failed.entry_kind());
                Err(failed)
            }
            Err(SandboxEnd::OutOfMemory) => {
                let failed = exit::out_of_memory_failure(&request.id);
                platform.journal.record(source, failed.entry_kind());
                Err(failed)
            }
            Err(SandboxEnd::Failed(failed)) => {
                platform.journal.record(source, failed.entry_kind());
                Err(failed)
            }
        }
    }

    /// A warm sandbox, or a new one. An init phase that fails or takes too long is repeated once within the function's
    /// timeout, as in Lambda: <https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html>.
    async fn ready_sandbox(
        &self,
        platform: &Arc<Platform>,
        source: &EntrySource,
        request_id: &str,
    ) -> Result<Sandbox, SandboxEnd> {
        loop {
            let Some(sandbox) = lock(&self.pool.idle).pop() else { break };
            lock(&sandbox.source).clone_from(source);
            let ready = sandbox.wait_until_ready(Instant::now() + INIT_TIMEOUT).await;
            if ready.is_ok() && !sandbox.process.has_exited() {
                return Ok(sandbox);
            }
        }
        let first = self.start(platform, source, request_id).await?;
        if first.wait_until_ready(Instant::now() + INIT_TIMEOUT).await.is_ok() {
            return Ok(first);
        }
        first.process.drain(platform);
        drop(first);
        let second = self.start(platform, source, request_id).await?;
        let ready = second.wait_until_ready(Instant::now() + self.function.timeout).await;
        second.process.drain(platform);
        ready.map(|()| second)
    }

    async fn start(
        &self,
        platform: &Arc<Platform>,
        source: &EntrySource,
        request_id: &str,
    ) -> Result<Sandbox, SandboxEnd> {
        self.try_start(platform, source).await.map_err(|error| {
            // Lambda's message for a `bootstrap` that is missing or can't be executed.
            let message = format!("RequestId: {request_id} Error: Couldn't find valid bootstrap(s): {error}");
            SandboxEnd::Failed(InvocationFailure::new("Runtime.InvalidEntrypoint", message))
        })
    }

    async fn try_start(&self, platform: &Arc<Platform>, source: &EntrySource) -> std::io::Result<Sandbox> {
        if self.function.image_uri.is_some() {
            return Err(std::io::Error::other("the emulator can't run container images"));
        }
        let code = self.pool.code.get_or_try_init(|| self.unpack(platform)).await?.path().to_owned();
        let directory = platform.temporary_directory("sandbox-")?;
        let (root, temporary) = (directory.path().join("task"), directory.path().join("tmp"));
        std::fs::create_dir(&temporary)?;
        package::link(&code, &root)?;
        let api = RuntimeApi::bind().await?;
        api.describe(FunctionNames {
            name: self.function.name.clone(),
            version: self.number.clone(),
            handler: self.function.handler.clone(),
        });
        let environment = environment::sandbox_environment(platform, self, api.address(), &root, &temporary);
        let source = Arc::new(Mutex::new(source.clone()));
        let setup = ProcessSetup {
            owner: self.function.name.clone(),
            command: vec![root.join("bootstrap").to_string_lossy().into_owned()],
            environment,
            working_directory: root,
            directory,
            source: Arc::clone(&source),
            memory: self.function.memory,
        };
        let process = ChildProcess::start(platform, setup).await?;
        Ok(Sandbox { process, api, source })
    }

    async fn unpack(&self, platform: &Platform) -> std::io::Result<TempDir> {
        let directory = platform.temporary_directory("code-")?;
        let (zip, path): (_, PathBuf) = (self.package.zip.clone(), directory.path().into());
        tokio::task::spawn_blocking(move || package::unpack(&zip, &path)).await.map_err(std::io::Error::other)??;
        Ok(directory)
    }

    async fn invoke(
        &self,
        platform: &Platform,
        sandbox: &Sandbox,
        request: &InvocationRequest,
    ) -> Result<Bytes, SandboxEnd> {
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
            status = sandbox.process.wait() => {
                // It may have responded just before it exited, and the response may still be in the socket.
                match timeout(Duration::from_millis(100), &mut answering).await {
                    Ok(answer) => answer,
                    Err(_) => return Err(sandbox.end(status)),
                }
            }
            () = sleep_until(deadline) => {
                sandbox.process.kill();
                sandbox.process.wait().await;
                return Err(SandboxEnd::TimedOut);
            }
        };
        sandbox.process.drain(platform);
        match answer {
            InvocationAnswer::Response(body) if body.length > MAX_RESPONSE_SIZE => {
                let message = format!(
                    "Response payload size ({} bytes) exceeded maximum allowed payload size ({MAX_RESPONSE_SIZE} bytes).",
                    body.length
                );
                Err(SandboxEnd::Failed(InvocationFailure::new("Function.ResponseSizeTooLarge", message)))
            }
            InvocationAnswer::Response(body) => Ok(body.bytes),
            InvocationAnswer::Error(failure)
            | InvocationAnswer::InitError(failure)
            | InvocationAnswer::Missing(failure) => Err(SandboxEnd::Failed(InvocationFailure::from_report(failure))),
        }
    }
}
