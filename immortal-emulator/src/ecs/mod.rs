//! ECS: clusters, task definitions, and tasks as processes.

mod definition;
mod describe;
mod describe_definition;
mod metadata;
mod overrides;
mod reply;
mod run_task;
mod service;
mod stop_task;
mod task;
mod throttle;
mod token;

use std::sync::Arc;

use axum::{Router, routing::get};

use crate::platform::{ApiError, CallOutcome, FaultKind};

pub use self::definition::{TaskDefinition, TaskLog};
pub(crate) use self::service::EcsService;

/// The routes of the endpoints that a container has at link-local addresses. Paths that only the emulator has begin
/// with `/_/`.
pub(crate) fn routes(ecs: Arc<EcsService>) -> Router {
    Router::new()
        .route("/_/credentials", get(metadata::credentials))
        .route("/_/metadata/{task}", get(metadata::container_metadata))
        .route("/_/metadata/{task}/task", get(metadata::task_metadata))
        .with_state(ecs)
}

/// Answers a call of an ECS operation.
pub(crate) fn call(
    ecs: &Arc<EcsService>,
    operation: &str,
    body: &[u8],
    fault: Option<&FaultKind>,
) -> Result<CallOutcome, ApiError> {
    match operation {
        "RunTask" => run_task::run_task(ecs, body, fault),
        "DescribeTasks" => describe::describe_tasks(ecs, body, fault),
        "DescribeTaskDefinition" => describe_definition::describe_task_definition(ecs, body),
        "ListTasks" => describe::list_tasks(ecs, body),
        "StopTask" => stop_task::stop_task(ecs, body),
        other => {
            Err(ApiError::new(400, "UnknownOperationException", format!("the emulator does not implement ECS {other}")))
        }
    }
}
