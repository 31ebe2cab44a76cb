//! The JSON of a task: as `DescribeTasks` returns it, and as events contain it.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::{EcsTask, LaunchKind};
use crate::{
    ecs::reply::cluster_arn,
    platform::{REGION, arn, lock},
};

impl EcsTask {
    /// The JSON for API responses: time stamps are numbers of seconds.
    pub(crate) fn describe_for_api(&self) -> Value {
        let milliseconds = |at: Timestamp| at.as_millisecond();
        #[expect(clippy::cast_precision_loss, reason = "milliseconds since 1970 fit into 53 bits")]
        self.describe(|at| json!(milliseconds(at) as f64 / 1000.0))
    }

    /// The JSON for events: time stamps are strings.
    pub(crate) fn describe_for_event(&self, now: Timestamp) -> Value {
        let mut description = self.describe(|at| json!(format!("{at:.3}")));
        description["updatedAt"] = json!(format!("{now:.3}"));
        description
    }

    /// Source: the `Task` shape of the ECS API, and
    /// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs_task_events.html>
    fn describe(&self, time: impl Fn(Timestamp) -> Value) -> Value {
        let state = lock(&self.state).clone();
        let desired = self.desired_status();
        let id = self.id();
        let container = &self.revision.definition.container;
        let mut description = json!({
            "attachments": [{
                "id": id,
                "type": "ElasticNetworkInterface",
                "status": if state.stopped.is_some() { "DELETED" } else { "ATTACHED" },
                "details": [],
            }],
            "attributes": [{ "name": "ecs.cpu-architecture", "value": std::env::consts::ARCH }],
            "availabilityZone": format!("{}a", REGION),
            "clusterArn": cluster_arn(&self.cluster),
            "containers": [{
                "containerArn": arn("ecs", &format!("container/{}/{id}/{id}", self.cluster)),
                "taskArn": self.arn,
                "name": container,
                "image": "emulator",
                "runtimeId": format!("{id}-1"),
                "lastStatus": state.last_status,
                "networkInterfaces": [],
                "cpu": "0",
            }],
            "cpu": self.size.0.to_string(),
            "memory": self.size.1.to_string(),
            "createdAt": time(self.created),
            "desiredStatus": desired,
            "enableExecuteCommand": false,
            "ephemeralStorage": { "sizeInGiB": self.storage },
            "group": self.group,
            "launchType": "FARGATE",
            "lastStatus": state.last_status,
            "overrides": self.overrides(),
            "platformVersion": "1.4.0",
            "platformFamily": "Linux",
            "taskArn": self.arn,
            "taskDefinitionArn": self.revision.arn,
            "version": state.version,
        });
        let mut set = |name: &str, value: Option<Value>| {
            if let Some(value) = value {
                description[name] = value;
            }
        };
        let provider = match self.launch {
            LaunchKind::Fargate => None,
            LaunchKind::Provider => Some("FARGATE"),
            LaunchKind::Spot => Some("FARGATE_SPOT"),
        };
        set("capacityProviderName", provider.map(Value::from));
        set("startedBy", self.started_by.clone().map(Value::from));
        set("startedAt", state.started.map(&time));
        set("stoppingAt", state.stopping.map(&time));
        set("stoppedAt", state.stopped.map(&time));
        set("executionStoppedAt", state.stopped.filter(|_| state.exit_code.is_some()).map(&time));
        if let Some((code, reason)) = state.stop {
            set("stopCode", Some(code.as_str().into()));
            set("stoppedReason", Some(reason.into()));
        }
        if let Some(code) = state.exit_code {
            description["containers"][0]["exitCode"] = json!(code);
        }
        if let Some(reason) = state.container_reason {
            description["containers"][0]["reason"] = json!(reason);
        }
        description
    }

    /// The overrides as the caller sent them; ECS always includes the list of containers.
    fn overrides(&self) -> Value {
        let mut overrides = self.overrides.as_object().cloned().unwrap_or_else(Map::new);
        overrides.entry("containerOverrides").or_insert_with(|| json!([]));
        overrides.entry("inferenceAcceleratorOverrides").or_insert_with(|| json!([]));
        Value::Object(overrides)
    }
}
