//! The services that name their operation in `X-Amz-Target`: ECS and SQS.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::State,
    http::{HeaderMap, Request},
    response::Response,
};

use serde::Deserialize;

use crate::{
    api::{ApiError, Service, answer_about, signed},
    cloud::Cloud,
    ecs, sqs,
};

/// What a call says of whose event it is about.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Parameters {
    started_by: Option<String>,
}

pub(crate) async fn call(State(cloud): State<Arc<Cloud>>, request: Request<Body>) -> Response {
    let (head, body) = request.into_parts();
    let target = target(&head.headers);
    let (service, operation) = match target.split_once('.') {
        Some(("AmazonEC2ContainerServiceV20141113", operation)) => (Service::Ecs, operation),
        Some(("AmazonSQS", operation)) => (Service::Sqs, operation),
        _ => (Service::Ecs, target),
    };
    let body = axum::body::to_bytes(body, 2 << 20).await;
    let started_by = body.as_ref().ok().and_then(|body| serde_json::from_slice(body).ok());
    let Parameters { started_by } = started_by.unwrap_or_default();
    answer_about(&cloud, service, operation, started_by.as_deref(), async |fault| {
        signed(&head.headers)?;
        let body = body.map_err(|_| ApiError::new(413, "RequestEntityTooLarge", "the request is too long"))?;
        match service {
            Service::Sqs => sqs::wire::call(&cloud, operation, &body),
            _ => ecs::call(&cloud, operation, &body, fault),
        }
    })
    .await
}

fn target(headers: &HeaderMap) -> &str {
    headers.get("x-amz-target").and_then(|value| value.to_str().ok()).unwrap_or_default()
}
