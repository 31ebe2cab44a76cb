//! `DescribeTaskDefinition`, limited to what tells a caller where a task logs to.
//!
//! Shapes: `DescribeTaskDefinitionRequest`, `TaskDefinition` and `LogConfiguration` of the ECS API.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    definition::{TaskLog, TaskRevision},
    reply::call_outcome,
    service::EcsService,
};
use crate::platform::{ApiError, CallOutcome, parse_json};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct DescribeTaskDefinition {
    #[serde(default)]
    task_definition: String,
}

pub(super) fn describe_task_definition(ecs: &Arc<EcsService>, body: &[u8]) -> Result<CallOutcome, ApiError> {
    let request: DescribeTaskDefinition = parse_json(body)?;
    let revision = ecs.find_definition(&request.task_definition);
    let revision =
        revision.ok_or_else(|| ApiError::new(400, "ClientException", "Unable to describe task definition."))?;
    Ok(call_outcome(&ecs.platform, &json!({ "taskDefinition": revision.describe() })))
}

impl TaskRevision {
    fn describe(&self) -> Value {
        let definition = &self.definition;
        let number: Option<u32> = self.arn.rsplit(':').next().and_then(|number| number.parse().ok());
        let mut container = json!({ "name": definition.container, "essential": true });
        if let Some(TaskLog { group, stream_prefix }) = &definition.log {
            let options = json!({ "awslogs-group": group, "awslogs-stream-prefix": stream_prefix });
            container["logConfiguration"] = json!({ "logDriver": "awslogs", "options": options });
        }
        json!({
            "taskDefinitionArn": self.arn,
            "family": definition.family,
            "revision": number,
            "status": "ACTIVE",
            "cpu": definition.cpu.to_string(),
            "memory": definition.memory.to_string(),
            "containerDefinitions": [container],
        })
    }
}
