//! ECS, SQS and S3 as far as the dispatcher asks them: a server that records what it is sent, and answers by a script.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
};

use http_body_util::{BodyExt, Full};
use hyper::{Method, Request, Response, StatusCode, body::Bytes, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json, value::RawValue};
use tokio::{
    net::TcpListener,
    sync::{Semaphore, watch},
};

use crate::{
    aws::AwsClients,
    dispatcher::{
        batch::Dispatcher,
        config::DispatcherConfig,
        deadline,
        invocation_failure::tests::PRIMARY,
        response::{BatchFailed, BatchResponse},
    },
    manifest::Manifest,
};

/// How one `RunTask` call is answered.
#[derive(Clone, Debug)]
pub(super) enum ServiceFault {
    /// An error with this status, code and message, before anything happened.
    Refuse(u16, &'static str, &'static str),
    /// A 200 with this body, before anything happened.
    Say(&'static str),
    /// The connection is cut before anything happened.
    CutBefore,
    /// The connection is cut after the task was started.
    CutAfter,
}

#[derive(Debug, Default)]
pub(super) struct ServiceState {
    /// Faults of the next calls, first come, first served; then all is well.
    pub(super) faults: Vec<ServiceFault>,
    /// The bodies of all `RunTask` calls, as they came.
    pub(super) calls: Vec<String>,
    /// Tasks by token: the request's parameters and the task.
    pub(super) tasks: HashMap<String, (String, Value)>,
    /// Objects by path.
    pub(super) objects: HashMap<String, Vec<u8>>,
    /// The bodies of all `SendMessage` calls.
    pub(super) letters: Vec<Value>,
    /// Whether `SendMessage` is refused.
    pub(super) refuses_letters: bool,
    /// The message receipts of all `ChangeMessageVisibility` calls, and for how many seconds.
    pub(super) delays: Vec<(String, u64)>,
    /// The filters of all `ListTasks` calls.
    pub(super) listed: Vec<Value>,
    /// How many calls were under way at most.
    pub(super) most: usize,
    /// How many `DescribeTasks` calls there were.
    pub(super) described: usize,
}

pub(super) struct Service {
    pub(super) state: Arc<Mutex<ServiceState>>,
    /// Calls wait here, so that a test can see how many are under way.
    pub(super) door: Arc<Semaphore>,
    /// How many do.
    pub(super) open: watch::Sender<usize>,
    address: SocketAddr,
}

impl Service {
    pub(super) async fn start() -> Self {
        Self::behind(Arc::new(Semaphore::new(1_000))).await
    }

    /// A service whose calls wait for a permit of this door.
    pub(super) async fn behind(door: Arc<Semaphore>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("its address");
        let state = Arc::new(Mutex::new(ServiceState::default()));
        let open = watch::Sender::new(0);
        let (served, passed, counted) = (Arc::clone(&state), Arc::clone(&door), open.clone());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (state, door, open) = (Arc::clone(&served), Arc::clone(&passed), counted.clone());
                tokio::spawn(async move {
                    let service =
                        service_fn(move |request| answer(request, Arc::clone(&state), Arc::clone(&door), open.clone()));
                    // A cut connection is a fault of the script.
                    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
        Self { state, door, open, address }
    }

    /// All tasks have this status from now on.
    pub(super) fn all_are(&self, status: &str) {
        self.with(|state| state.tasks.values_mut().for_each(|(_, task)| task["lastStatus"] = json!(status)));
    }

    pub(super) fn with<T>(&self, act: impl FnOnce(&mut ServiceState) -> T) -> T {
        act(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) async fn dispatcher(&self, variables: &[(&str, &str)], manifest: Manifest) -> Arc<Dispatcher> {
        let base = [("AWS_LAMBDA_FUNCTION_NAME", "ingestDlq"), ("RUNNER", "runner"), ("SUBNET", "subnet-1,subnet-2")];
        let lookup = |name: &str| {
            let variable = variables.iter().chain(&base).find(|(key, _)| *key == name);
            variable.map(|(_, value)| (*value).to_owned())
        };
        let config = DispatcherConfig::read(lookup).expect("complete");
        let endpoint = format!("http://{}", self.address);
        Arc::new(Dispatcher::new(config, manifest, &AwsClients::at(&endpoint)).await)
    }
}

/// The time of day of all invocations, in Unix milliseconds, unless a test says otherwise.
pub(super) const NOW: i64 = 1_700_000_000_000;

/// One invocation with a minute's time.
pub(super) async fn invoke(dispatcher: &Arc<Dispatcher>, payload: &str) -> Result<BatchResponse, BatchFailed> {
    invoke_at(dispatcher, payload, NOW).await
}

/// One invocation with a minute's time, at this time of day.
pub(super) async fn invoke_at(
    dispatcher: &Arc<Dispatcher>,
    payload: &str,
    now: i64,
) -> Result<BatchResponse, BatchFailed> {
    handle(dispatcher, payload, 60_000, now).await
}

/// One invocation with so many milliseconds.
pub(super) async fn invoke_for(
    dispatcher: &Arc<Dispatcher>,
    payload: &str,
    time: u64,
) -> Result<BatchResponse, BatchFailed> {
    handle(dispatcher, payload, time, NOW).await
}

async fn handle(
    dispatcher: &Arc<Dispatcher>,
    payload: &str,
    time: u64,
    now: i64,
) -> Result<BatchResponse, BatchFailed> {
    let payload = RawValue::from_string(payload.to_owned()).expect("JSON");
    let own = format!("{PRIMARY}Dlq");
    Arc::clone(dispatcher).handle(&payload, &own, deadline::for_invocation(time, 0), now).await
}

type Reply = Result<Response<Full<Bytes>>, std::io::Error>;

async fn answer(
    request: Request<hyper::body::Incoming>,
    state: Arc<Mutex<ServiceState>>,
    door: Arc<Semaphore>,
    open: watch::Sender<usize>,
) -> Reply {
    let target = request.headers().get("x-amz-target").and_then(|target| target.to_str().ok().map(str::to_owned));
    let path = request.uri().path().to_owned();
    let method = request.method().clone();
    let body = request.into_body().collect().await.map_err(std::io::Error::other)?.to_bytes();
    let with = |act: &mut dyn FnMut(&mut ServiceState) -> Reply| {
        act(&mut state.lock().unwrap_or_else(PoisonError::into_inner))
    };
    let Some(target) = target else {
        return with(&mut |state| object(state, &method, &path, &body));
    };
    let text = String::from_utf8_lossy(&body).into_owned();
    let operation = target.rsplit('.').next().unwrap_or_default();
    if operation != "RunTask" {
        return with(&mut |state| other(state, operation, &text));
    }
    open.send_modify(|open| *open += 1);
    with(&mut |state| {
        state.most = state.most.max(*open.borrow());
        reply(200, "")
    })?;
    let passed = door.acquire().await;
    let reply = with(&mut |state| run(state, &text));
    open.send_modify(|open| *open -= 1);
    drop(passed);
    reply
}

fn run(state: &mut ServiceState, text: &str) -> Reply {
    state.calls.push(text.to_owned());
    let fault = (!state.faults.is_empty()).then(|| state.faults.remove(0));
    let cut = || Err(std::io::Error::other("cut"));
    match fault {
        Some(ServiceFault::Refuse(status, code, message)) => {
            return reply(status, &json!({ "__type": code, "message": message }).to_string());
        }
        Some(ServiceFault::Say(body)) => return reply(200, body),
        Some(ServiceFault::CutBefore) => return cut(),
        Some(ServiceFault::CutAfter) | None => {}
    }
    let request: Value = serde_json::from_str(text).expect("JSON");
    let overrides = serde_json::to_string(&request["overrides"]).expect("JSON");
    if overrides.len() > 8_192 {
        let message = "Container Overrides length must be at most 8192";
        return reply(400, &json!({ "__type": "InvalidParameterException", "message": message }).to_string());
    }
    let token = request["clientToken"].as_str().expect("a token").to_owned();
    let number = state.tasks.len() + 1;
    let (parameters, task) = state.tasks.entry(token).or_insert_with(|| {
        let arn = format!("arn:aws:ecs:eu-central-1:111111111111:task/default/{number}");
        (
            text.to_owned(),
            json!({ "taskArn": arn, "lastStatus": "PENDING", "startedBy": request["startedBy"],
            "clusterArn": "arn:aws:ecs:eu-central-1:111111111111:cluster/default", "overrides": request["overrides"] }),
        )
    });
    if matches!(fault, Some(ServiceFault::CutAfter)) {
        return cut();
    }
    if parameters != text {
        let body = json!({ "__type": "ConflictException", "message": "conflict", "resourceIds": [task["taskArn"]] });
        return reply(400, &body.to_string());
    }
    reply(200, &json!({ "tasks": [task], "failures": [] }).to_string())
}

fn object(state: &mut ServiceState, method: &Method, path: &str, body: &[u8]) -> Reply {
    match *method {
        Method::PUT => drop(state.objects.insert(path.to_owned(), body.to_vec())),
        Method::DELETE => drop(state.objects.remove(path)),
        _ if !state.objects.contains_key(path) => return reply(404, ""),
        _ => {}
    }
    reply(200, "")
}

/// The calls that change nothing of a task.
fn other(state: &mut ServiceState, operation: &str, text: &str) -> Reply {
    let request: Value = serde_json::from_str(text).expect("JSON");
    let tasks = || state.tasks.values().map(|(_, task)| task);
    let body = match operation {
        "DescribeTasks" => {
            state.described += 1;
            let asked = |task: &&Value| {
                request["tasks"].as_array().is_some_and(|arns| arns.contains(&task["taskArn"]))
                    && task["lastStatus"] != "GONE"
            };
            let known: Vec<_> = state.tasks.values().map(|(_, task)| task).filter(asked).collect();
            let is_known = |arn: &&Value| known.iter().any(|task| task["taskArn"] == **arn);
            let missing = request["tasks"].as_array().into_iter().flatten().filter(|arn| !is_known(arn));
            let failures: Vec<_> = missing.map(|arn| json!({ "arn": arn, "reason": "MISSING" })).collect();
            json!({ "tasks": known, "failures": failures })
        }
        "ListTasks" => {
            let stopped = request["desiredStatus"] == "STOPPED";
            let is_asked = |task: &&Value| {
                (task["lastStatus"] == "STOPPED") == stopped
                    && (request["startedBy"].is_null() || task["startedBy"] == request["startedBy"])
            };
            let arns: Vec<_> = tasks().filter(is_asked).map(|task| task["taskArn"].clone()).collect();
            state.listed.push(request);
            json!({ "taskArns": arns })
        }
        "DescribeTaskDefinition" => json!({ "taskDefinition": { "containerDefinitions": [{ "name": "runner",
            "logConfiguration": { "logDriver": "awslogs", "options": {
                "awslogs-group": "/aws/ecs/ingest", "awslogs-stream-prefix": "task" } } }] } }),
        "SendMessage" if state.refuses_letters => {
            return reply(400, r#"{"__type":"com.amazonaws.sqs#QueueDoesNotExist","message":"no such queue"}"#);
        }
        "SendMessage" => {
            state.letters.push(request);
            json!({ "MessageId": "d-1" })
        }
        "ChangeMessageVisibility" => {
            let receipt = request["ReceiptHandle"].as_str().expect("a receipt").to_owned();
            state.delays.push((receipt, request["VisibilityTimeout"].as_u64().expect("seconds")));
            json!({})
        }
        other => panic!("the dispatcher makes no call {other}"),
    };
    reply(200, &body.to_string())
}

#[allow(clippy::unnecessary_wraps, reason = "a cut connection is the other outcome of every answer")]
fn reply(status: u16, body: &str) -> Reply {
    let mut response = Response::new(Full::new(Bytes::from(body.to_owned())));
    *response.status_mut() = StatusCode::from_u16(status).expect("a status");
    Ok(response)
}
