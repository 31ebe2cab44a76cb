//! The services with one path for all operations: ECS, SQS and `EventBridge` name the operation in `X-Amz-Target`, SNS
//! in the form.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    body::Body,
    extract::State,
    http::{HeaderMap, Request, header},
    response::Response,
};

use super::ServedServices;
use crate::{
    ecs::{self, EcsService},
    eventbridge::{self, EventBuses},
    platform::{ApiError, ServiceKind, answer_about, require_signature},
    sns::{self, SnsService},
    sqs::{self, SqsService},
};
use serde::Deserialize;

/// The members of a request that tell which event a call concerns.
#[derive(Default, Deserialize)]
#[serde(default)]
struct CallSubject {
    #[serde(rename = "startedBy")]
    started_by: Option<String>,
    #[serde(rename = "ReceiptHandle")]
    receipt: Option<String>,
    #[serde(rename = "MessageAttributes")]
    attributes: BTreeMap<String, StringAttribute>,
}

/// The attributes with a request id: Lambda's, and that of a dead letter.
const REQUEST_IDS: [&str; 2] = ["RequestID", "ImmortalRequestId"];

#[derive(Deserialize)]
struct StringAttribute {
    #[serde(rename = "StringValue")]
    value: Option<String>,
}

impl CallSubject {
    fn request_id(self, sqs: &SqsService) -> Option<String> {
        let Self { started_by, receipt, mut attributes } = self;
        started_by
            .or_else(|| REQUEST_IDS.iter().find_map(|name| attributes.remove(*name)?.value))
            .or_else(|| sqs.request_id_of(&receipt?))
    }
}

/// The services behind this path.
#[derive(Clone, Debug)]
pub(super) struct TargetServices {
    ecs: Arc<EcsService>,
    sqs: Arc<SqsService>,
    sns: Arc<SnsService>,
    buses: Arc<EventBuses>,
}

impl TargetServices {
    pub(super) fn new(services: &ServedServices) -> Self {
        let ServedServices { ecs, sqs, sns, buses, .. } = services.clone();
        Self { ecs, sqs, sns, buses }
    }
}

pub(super) async fn call(
    State(TargetServices { ecs, sqs, sns, buses }): State<TargetServices>,
    request: Request<Body>,
) -> Response {
    let (head, body) = request.into_parts();
    let target = target(&head.headers);
    let (service, operation) = match target.split_once('.') {
        Some(("AmazonEC2ContainerServiceV20141113", operation)) => (ServiceKind::Ecs, operation),
        Some(("AmazonSQS", operation)) => (ServiceKind::Sqs, operation),
        Some(("AWSEvents", operation)) => (ServiceKind::Events, operation),
        None if is_form(&head.headers) => (ServiceKind::Sns, "Publish"),
        _ => (ServiceKind::Ecs, target),
    };
    let body = axum::body::to_bytes(body, 2 << 20).await;
    let subject = body.as_ref().ok().and_then(|body| serde_json::from_slice::<CallSubject>(body).ok());
    let request_id = subject.and_then(|subject| subject.request_id(&sqs));
    answer_about(&sqs.platform, service, operation, request_id.as_deref(), async |fault| {
        require_signature(&head.headers)?;
        let body = body.map_err(|_| ApiError::new(413, "RequestEntityTooLarge", "the request is larger than 2 MiB"))?;
        match service {
            ServiceKind::Events => eventbridge::call(&buses, operation, &body),
            ServiceKind::Sns => sns::call(&sns, &body),
            ServiceKind::Sqs => sqs::call(&sqs, operation, &body, fault.as_ref()),
            _ => ecs::call(&ecs, operation, &body, fault.as_ref()),
        }
    })
    .await
}

fn is_form(headers: &HeaderMap) -> bool {
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    content_type.starts_with("application/x-www-form-urlencoded")
}

fn target(headers: &HeaderMap) -> &str {
    headers.get("x-amz-target").and_then(|value| value.to_str().ok()).unwrap_or_default()
}
