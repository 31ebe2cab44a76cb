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
    platform::{ApiError, FaultSubject, ServiceKind, answer_about, require_signature},
    sns::{self, SnsService},
    sqs::{self, SqsService},
};
use serde::Deserialize;

/// The members of a request that tell which event and which queue a call concerns.
#[derive(Default, Deserialize)]
#[serde(default)]
struct RequestSubject {
    #[serde(rename = "startedBy")]
    started_by: Option<String>,
    #[serde(rename = "ReceiptHandle")]
    receipt: Option<String>,
    #[serde(rename = "MessageAttributes")]
    attributes: BTreeMap<String, StringAttribute>,
    #[serde(rename = "QueueUrl")]
    queue_url: Option<String>,
    #[serde(rename = "MessageBody")]
    message_body: Option<String>,
    tasks: Vec<String>,
}

/// The attributes with a request id: Lambda's, and that of a dead letter.
const REQUEST_IDS: [&str; 2] = ["RequestID", "ImmortalRequestId"];

#[derive(Deserialize)]
struct StringAttribute {
    #[serde(rename = "StringValue")]
    value: Option<String>,
}

/// The record of an invocation, as the body of a message.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct DestinationMessage {
    request_context: RecordContext,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RecordContext {
    request_id: String,
}

impl RequestSubject {
    fn queue(&self) -> Option<&str> {
        self.queue_url.as_deref()?.rsplit('/').next()
    }

    fn request_id(&self, ecs: &EcsService, sqs: &SqsService) -> Option<String> {
        let of_attributes = || REQUEST_IDS.iter().find_map(|name| self.attributes.get(*name)?.value.clone());
        let of_record = || {
            let record: DestinationMessage = serde_json::from_str(self.message_body.as_deref()?).ok()?;
            Some(record.request_context.request_id)
        };
        let of_task = || ecs.task_by_id(self.tasks.first()?.rsplit('/').next()?)?.started_by.clone();
        let of_receipt = || sqs.request_id_of(self.receipt.as_deref()?);
        self.started_by.clone().or_else(of_attributes).or_else(of_record).or_else(of_task).or_else(of_receipt)
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
    let subject: Option<RequestSubject> = body.as_ref().ok().and_then(|body| serde_json::from_slice(body).ok());
    let subject = subject.unwrap_or_default();
    let request_id = subject.request_id(&ecs, &sqs);
    let subject = FaultSubject { request_id: request_id.as_deref(), queue: subject.queue() };
    answer_about(&sqs.platform, service, operation, subject, async |fault| {
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
