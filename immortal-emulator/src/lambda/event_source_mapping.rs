//! The mappings of queues to functions: which there are, and whether they are on.
//!
//! Shapes: `EventSourceMappingConfiguration`, `ListEventSourceMappingsRequest` and `UpdateEventSourceMappingRequest` of the
//! Lambda API.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::{Path, RawQuery, State},
    http::{HeaderMap, Request},
    response::Response,
};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::watch;

use super::{name::FunctionName, service::LambdaService};
use crate::platform::{
    ApiError, ServiceKind, answer, arn, json_response, parse_json, query_parameter, require_signature,
};

/// One of them.
#[derive(Clone, Debug)]
pub(crate) struct EventSourceMapping {
    pub(super) uuid: String,
    pub(super) queue: String,
    pub(super) function: String,
    pub(super) batch_size: usize,
    pub(super) enabled: Arc<watch::Sender<bool>>,
}

impl EventSourceMapping {
    /// A mapping that is on.
    pub(crate) fn new(uuid: String, queue: &str, function: &str, batch_size: usize) -> Self {
        let enabled = Arc::new(watch::Sender::new(true));
        Self { uuid, queue: queue.to_owned(), function: function.to_owned(), batch_size, enabled }
    }

    fn describe(&self, lambda: &LambdaService, state: &str) -> Value {
        json!({
            "UUID": self.uuid,
            "EventSourceArn": arn("sqs", &self.queue),
            "FunctionArn": arn("lambda", &format!("function:{}", self.function)),
            "BatchSize": self.batch_size,
            "MaximumBatchingWindowInSeconds": 0,
            "FunctionResponseTypes": ["ReportBatchItemFailures"],
            "LastModified": lambda.platform.now().as_second(),
            "State": state,
            "StateTransitionReason": "USER_INITIATED",
        })
    }

    fn state(&self) -> &'static str {
        if *self.enabled.borrow() { "Enabled" } else { "Disabled" }
    }
}

fn find(lambda: &LambdaService, uuid: &str) -> Result<EventSourceMapping, ApiError> {
    lambda
        .mapping(uuid)
        .ok_or_else(|| ApiError::new(404, "ResourceNotFoundException", "The resource you requested does not exist."))
}

pub(super) async fn get(
    State(lambda): State<Arc<LambdaService>>,
    Path(uuid): Path<String>,
    headers: HeaderMap,
) -> Response {
    answer(&lambda.platform, ServiceKind::Lambda, "GetEventSourceMapping", async |_| {
        require_signature(&headers)?;
        let mapping = find(&lambda, &uuid)?;
        Ok(json_response(&lambda.platform, &mapping.describe(&lambda, mapping.state())))
    })
    .await
}

pub(super) async fn list(
    State(lambda): State<Arc<LambdaService>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    answer(&lambda.platform, ServiceKind::Lambda, "ListEventSourceMappings", async |_| {
        require_signature(&headers)?;
        let of_function = query_parameter(query.as_deref(), "FunctionName");
        let of_queue = query_parameter(query.as_deref(), "EventSourceArn");
        if let Some(function) = &of_function {
            lambda.find_version(function, None)?;
        }
        let is_asked = |mapping: &&EventSourceMapping| {
            let name = of_function.as_deref().and_then(FunctionName::parse).map(|name| name.function);
            name.is_none_or(|name| name == mapping.function)
                && of_queue.as_ref().is_none_or(|queue| *queue == arn("sqs", &mapping.queue))
        };
        let mappings = lambda.mappings();
        let described = mappings.iter().filter(is_asked).map(|mapping| mapping.describe(&lambda, mapping.state()));
        Ok(json_response(&lambda.platform, &json!({ "EventSourceMappings": described.collect::<Vec<_>>() })))
    })
    .await
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct UpdateEventSourceMapping {
    enabled: Option<bool>,
}

/// It is on its way when this is answered, and there when it is asked for:
/// <https://docs.aws.amazon.com/lambda/latest/api/API_UpdateEventSourceMapping.html>.
pub(super) async fn update(
    State(lambda): State<Arc<LambdaService>>,
    Path(uuid): Path<String>,
    request: Request<Body>,
) -> Response {
    let (head, body) = request.into_parts();
    answer(&lambda.platform, ServiceKind::Lambda, "UpdateEventSourceMapping", async |_| {
        require_signature(&head.headers)?;
        let body = axum::body::to_bytes(body, 1 << 20).await;
        let body = body.map_err(|_| ApiError::new(413, "RequestTooLargeException", "the request is too long"))?;
        let UpdateEventSourceMapping { enabled } = parse_json(&body)?;
        let mapping = find(&lambda, &uuid)?;
        let state = match enabled {
            None => "Updating",
            Some(enabled) => {
                mapping.enabled.send_replace(enabled);
                if enabled { "Enabling" } else { "Disabling" }
            }
        };
        Ok(json_response(&lambda.platform, &mapping.describe(&lambda, state)))
    })
    .await
}
