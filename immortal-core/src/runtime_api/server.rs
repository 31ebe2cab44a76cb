//! The Runtime API's routes.

use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use hyper::{
    HeaderMap, Method, Request, Response, StatusCode,
    body::Incoming,
    header::{CONTENT_TYPE, HeaderValue},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
};

use super::{
    InvocationAnswer,
    answer::{self, MAX_RESPONSE, ResponseMode},
    body,
    delivery::{EventDelivery, ResponseBody, WatchedSocket},
    headers,
    state::{AnswerRefusal, ApiState, OfferedInvocation},
};
use crate::names::{
    header,
    path::{EVENT_NEXT, INIT_ERROR, INVOCATION, NEXT, REGISTER},
};

const EXTENSION_NAME: &str = "lambda-extension-name";
const EXTENSION_IDENTIFIER: &str = "lambda-extension-identifier";

type SharedState = Arc<watch::Sender<ApiState>>;

/// Accepts connections until it is aborted, which ends them all.
pub(super) async fn serve(listener: TcpListener, state: SharedState) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(connection(stream, Arc::clone(&state)));
                }
                Err(error) => {
                    tracing::warn!(%error, "the runtime api can't accept a connection");
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn connection(stream: TcpStream, state: SharedState) {
    // Latency matters here, not the number of packets.
    let _ = stream.set_nodelay(true);
    let delivery = EventDelivery::default();
    let is_held = AtomicBool::new(false);
    let service = service_fn(|request: Request<Incoming>| {
        let (state, delivery, is_held) = (&state, &delivery, &is_held);
        async move {
            is_held.store(request.method() == Method::GET, Ordering::Relaxed);
            let response = route(request, state, delivery).await;
            is_held.store(false, Ordering::Relaxed);
            Ok::<_, Infallible>(response)
        }
    });
    let socket = TokioIo::new(WatchedSocket { socket: stream, delivery: delivery.clone() });
    let served = http1::Builder::new().header_read_timeout(None).serve_connection(socket, service).await;
    if let Some(offer) = delivery.take_unwritten() {
        if state.send_if_modified(|state| state.put_back(&offer)) {
            tracing::warn!("the runtime's connection broke before it had the invocation, which is offered again");
        }
    } else if served.is_err() && !is_held.into_inner() {
        // A request that broke off or couldn't be read may have been the answer; a held one that is given up wasn't.
        miss(&state);
    }
}

async fn route(request: Request<Incoming>, state: &SharedState, delivery: &EventDelivery) -> Response<ResponseBody> {
    let path = request.uri().path().to_owned();
    // A request id set by hand can be any text, and clients write it unescaped into the path.
    let whole = request.uri().path_and_query().map(|path| path.as_str().to_owned()).unwrap_or_default();
    match (request.method(), path.as_str()) {
        (&Method::GET, NEXT) => {
            let offer = next(state).await;
            invocation(offer, delivery)
        }
        (&Method::POST, INIT_ERROR) => init_error(request, state).await,
        (&Method::POST, REGISTER) => register(request.headers(), state),
        (&Method::GET, EVENT_NEXT) => event_next(request.headers()).await,
        (&Method::GET, _) => not_found(),
        (method, _) => match whole.strip_prefix(INVOCATION).and_then(|rest| rest.rsplit_once('/')) {
            Some((request_id, "response")) if method == Method::POST => response(request_id, request, state).await,
            Some((request_id, "error")) if method == Method::POST => error(request_id, request, state).await,
            _ => {
                miss(state);
                not_found()
            }
        },
    }
}

/// Waits for an invocation, for as long as the connection is open.
async fn next(state: &SharedState) -> Arc<OfferedInvocation> {
    let _held = WaitingRuntime::new(state);
    state.send_if_modified(ApiState::give_up_on_missed);
    let mut changes = state.subscribe();
    loop {
        if state.borrow().is_offered() {
            // First lets the connection notice that its client has disconnected, which drops this future.
            tokio::task::yield_now().await;
            let mut offer = None;
            state.send_if_modified(|state| {
                offer = state.take();
                false
            });
            if let Some(offer) = offer {
                return offer;
            }
        }
        // The sender outlives this borrow, so this can't fail.
        let _ = changes.changed().await;
    }
}

/// Counts a pending `/next`.
struct WaitingRuntime<'a>(&'a SharedState);

impl<'a> WaitingRuntime<'a> {
    fn new(state: &'a SharedState) -> Self {
        state.send_modify(ApiState::wait);
        Self(state)
    }
}

impl Drop for WaitingRuntime<'_> {
    fn drop(&mut self) {
        self.0.send_if_modified(|state| {
            state.stop_waiting();
            false
        });
    }
}

fn invocation(offer: Arc<OfferedInvocation>, delivery: &EventDelivery) -> Response<ResponseBody> {
    let headers = headers::for_offer(&offer);
    let mut response = Response::new(delivery.body(offer));
    *response.headers_mut() = headers;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

async fn response(request_id: &str, request: Request<Incoming>, state: &SharedState) -> Response<ResponseBody> {
    let mode = ResponseMode::from_headers(request.headers());
    let id = invocation_id(request.headers());
    let Ok(collected) = body::collect(request.into_body(), MAX_RESPONSE).await else { return truncated(state) };
    let too_large = answer::is_too_large(mode, &collected);
    let settled = settle(state, request_id, id.as_deref(), answer::response(mode, collected));
    match settled {
        Ok(()) if too_large => problem(
            StatusCode::PAYLOAD_TOO_LARGE,
            "RequestEntityTooLarge",
            &format!("Exceeded maximum allowed payload size ({MAX_RESPONSE} bytes)."),
        ),
        settled => settled_or_refused(settled),
    }
}

async fn error(request_id: &str, request: Request<Incoming>, state: &SharedState) -> Response<ResponseBody> {
    let (parts, body) = request.into_parts();
    let id = invocation_id(&parts.headers);
    let Ok(collected) = body::collect(body, MAX_RESPONSE).await else { return truncated(state) };
    let failure = answer::failure(&parts.headers, collected);
    settled_or_refused(settle(state, request_id, id.as_deref(), InvocationAnswer::Error(failure)))
}

async fn init_error(request: Request<Incoming>, state: &SharedState) -> Response<ResponseBody> {
    let (parts, body) = request.into_parts();
    let Ok(collected) = body::collect(body, MAX_RESPONSE).await else { return truncated(state) };
    let failure = answer::failure(&parts.headers, collected);
    state.send_modify(|state| state.init_error(failure));
    accepted()
}

fn settle(
    state: &SharedState,
    request_id: &str,
    id: Option<&str>,
    answer: InvocationAnswer,
) -> Result<(), AnswerRefusal> {
    let mut settled = Ok(());
    state.send_if_modified(|state| {
        settled = state.answer(request_id, id, answer);
        match settled {
            Ok(()) => true,
            Err(AnswerRefusal::WrongRequestId | AnswerRefusal::Stale) => state.miss(),
            Err(AnswerRefusal::Answered) => false,
        }
    });
    settled
}

fn miss(state: &SharedState) {
    state.send_if_modified(ApiState::miss);
}

fn settled_or_refused(settled: Result<(), AnswerRefusal>) -> Response<ResponseBody> {
    match settled {
        Ok(()) => accepted(),
        Err(AnswerRefusal::WrongRequestId) => {
            problem(StatusCode::BAD_REQUEST, "InvalidRequestID", "Invalid request ID")
        }
        Err(AnswerRefusal::Stale) => {
            problem(StatusCode::GONE, "InvalidInvocationID", "The invocation is over, and has been restarted since")
        }
        Err(AnswerRefusal::Answered) => problem(
            StatusCode::FORBIDDEN,
            "InvalidStateTransition",
            "Transition from RuntimeResponseSentState is not allowed: the invocation has its answer",
        ),
    }
}

fn register(headers: &HeaderMap, state: &SharedState) -> Response<ResponseBody> {
    if headers.get(EXTENSION_NAME).is_none_or(HeaderValue::is_empty) {
        return problem(StatusCode::FORBIDDEN, "Extension.InvalidExtensionName", "Empty extension name");
    }
    if state.borrow().was_asked() {
        let message = "Extension registration closed already";
        return problem(StatusCode::FORBIDDEN, "Extension.RegistrationClosed", message);
    }
    let function = state.borrow().function.clone();
    let body = json!({
        "functionName": function.name,
        "functionVersion": function.version,
        "handler": function.handler,
    });
    let mut response = json(StatusCode::OK, &body);
    if let Ok(identifier) = HeaderValue::from_str(&headers::unique_id()) {
        response.headers_mut().insert(EXTENSION_IDENTIFIER, identifier);
    }
    response
}

/// Never answered: an extension waits for the shutdown, which it learns of by SIGTERM.
async fn event_next(headers: &HeaderMap) -> Response<ResponseBody> {
    if !headers.contains_key(EXTENSION_IDENTIFIER) {
        let message = "Missing Lambda-Extension-Identifier header";
        return problem(StatusCode::FORBIDDEN, "Extension.MissingExtensionIdentifier", message);
    }
    std::future::pending().await
}

fn invocation_id(headers: &HeaderMap) -> Option<String> {
    headers.get(header::INVOCATION_ID).map(|id| String::from_utf8_lossy(id.as_bytes()).into_owned())
}

fn accepted() -> Response<ResponseBody> {
    json(StatusCode::ACCEPTED, &json!({"status": "OK"}))
}

fn truncated(state: &SharedState) -> Response<ResponseBody> {
    miss(state);
    problem(StatusCode::BAD_REQUEST, "TruncatedHTTPRequest", "HTTP request detected as truncated")
}

fn not_found() -> Response<ResponseBody> {
    problem(StatusCode::NOT_FOUND, "NotFound", "The Runtime API has no such route")
}

fn problem(status: StatusCode, error_type: &str, message: &str) -> Response<ResponseBody> {
    json(status, &json!({"errorMessage": message, "errorType": error_type}))
}

fn json(status: StatusCode, body: &serde_json::Value) -> Response<ResponseBody> {
    let mut response = Response::new(ResponseBody::from(Bytes::from(body.to_string())));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
