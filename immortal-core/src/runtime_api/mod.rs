//! The Lambda Runtime API, as a server on loopback: the Lambda service's side of an invocation.
//!
//! The runner serves one invocation with it, the emulator one after the other. It hands invocations out and takes
//! answers in; it does not start, stop or time a runtime's process. Connections are independent, so a runtime may
//! continue over a new one, as after an `exec` of its process.
//!
//! Source: <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html> and, for the two calls that
//! graceful-shutdown helpers make, <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-extensions-api.html>.

mod answer;
mod body;
mod delivery;
mod headers;
mod server;
mod state;

use std::{
    fmt, io,
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
};

use bytes::Bytes;
use tokio::{
    net::TcpListener,
    sync::{Mutex, watch},
    task::AbortHandle,
};

use state::ApiState;

/// A running Runtime API server. Dropping it closes the port and every connection.
#[derive(Debug)]
pub struct RuntimeApi {
    address: SocketAddr,
    state: Arc<watch::Sender<ApiState>>,
    one_at_a_time: Mutex<()>,
    server: AbortHandle,
}

/// The invocation that `/next` returns to the runtime.
#[derive(Clone, Default)]
pub struct Invocation {
    /// The request id, by which the runtime names its answer.
    pub request_id: String,
    /// The event, byte for byte.
    pub event: Bytes,
    /// The deadline, in Unix milliseconds.
    pub deadline_ms: u64,
    /// The ARN that was invoked.
    pub function_arn: String,
    /// The X-Ray trace id.
    pub trace_id: Option<String>,
    /// The client context, as JSON.
    pub client_context: Option<String>,
    /// The Cognito identity, as JSON.
    pub cognito_identity: Option<String>,
    /// The tenant id.
    pub tenant_id: Option<String>,
}

/// The function as described to an extension that registers.
#[derive(Clone, Debug, Default)]
pub struct FunctionNames {
    /// The function's name.
    pub name: String,
    /// The function's version.
    pub version: String,
    /// The function's handler.
    pub handler: String,
}

/// How a runtime's start ended.
#[derive(Clone, Debug)]
pub enum RuntimeStart {
    /// A runtime is waiting for an invocation.
    Waiting,
    /// The runtime reported that it can't start.
    InitError(ReportedError),
}

/// How an invocation ended.
#[derive(Clone, Debug)]
pub enum InvocationAnswer {
    /// The handler's response.
    Response(AnswerBody),
    /// The handler's error, also one that broke off a streamed response.
    Error(ReportedError),
    /// The runtime reported that it can't start, instead of an answer.
    InitError(ReportedError),
    /// There is no answer: a request that may have been it broke off or was refused, and the runtime requested the next
    /// invocation.
    Missing(ReportedError),
}

/// A response's body.
#[derive(Clone)]
pub struct AnswerBody {
    /// The bytes; of a streamed response, the first 6 MB.
    pub bytes: Bytes,
    /// The length of the whole response.
    pub length: u64,
}

/// An error that a runtime reported.
#[derive(Clone)]
pub struct ReportedError {
    /// The error type in the runtime's header or trailer.
    pub error_type: Option<String>,
    /// The unchanged report, usually `{"errorType": …, "errorMessage": …}`.
    pub body: Bytes,
}

impl RuntimeApi {
    /// Serves the Runtime API on a free port of loopback.
    pub async fn bind() -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let state = Arc::new(watch::Sender::new(ApiState::default()));
        let server = tokio::spawn(server::serve(listener, Arc::clone(&state))).abort_handle();
        Ok(Self { address, state, one_at_a_time: Mutex::new(()), server })
    }

    /// The address, for `AWS_LAMBDA_RUNTIME_API`.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Sets the description of the function that extensions get when they register.
    pub fn describe(&self, function: FunctionNames) {
        self.state.send_modify(|state| state.function = function);
    }

    /// Waits until a runtime waits on `/next`, or reports that it can't start.
    pub async fn ready(&self) -> RuntimeStart {
        let mut changes = self.state.subscribe();
        loop {
            let mut ready = None;
            self.state.send_if_modified(|state| {
                ready = state.ready();
                false
            });
            if let Some(ready) = ready {
                return ready;
            }
            // The sender is in `self`, so this can't fail.
            let _ = changes.changed().await;
        }
    }

    /// Whether a runtime has the invocation, or has answered it.
    #[must_use]
    pub fn is_handed_out(&self) -> bool {
        self.state.borrow().is_handed_out()
    }

    /// Hands the invocation to the next runtime that requests one, and waits for its answer.
    ///
    /// Dropping the future forgets the invocation: a late answer to it is refused. There is one invocation at a time;
    /// a second call waits for the first.
    pub async fn invoke(&self, invocation: Invocation) -> InvocationAnswer {
        let _turn = self.one_at_a_time.lock().await;
        let mut changes = self.state.subscribe();
        self.state.send_modify(|state| state.offer(invocation));
        let _forget = ForgetOnDrop(&self.state);
        loop {
            let mut answer = None;
            self.state.send_if_modified(|state| {
                answer = state.take_answer();
                false
            });
            if let Some(answer) = answer {
                return answer;
            }
            let _ = changes.changed().await;
        }
    }
}

impl Drop for RuntimeApi {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// Forgets an invocation without an answer when its future is dropped.
struct ForgetOnDrop<'a>(&'a watch::Sender<ApiState>);

impl Drop for ForgetOnDrop<'_> {
    fn drop(&mut self) {
        self.0.send_if_modified(|state| {
            state.forget();
            false
        });
    }
}

/// Leaves out the event, which is never logged.
impl fmt::Debug for Invocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Invocation")
            .field("request_id", &self.request_id)
            .field("event", &format_args!("{} bytes", self.event.len()))
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for AnswerBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Body({} bytes)", self.length)
    }
}

impl fmt::Debug for ReportedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Failure")
            .field("error_type", &self.error_type)
            .field("body", &format_args!("{} bytes", self.body.len()))
            .finish()
    }
}

#[cfg(test)]
mod tests;
