//! ECS: clusters, task definitions, and tasks as processes.

mod describe;
mod describe_definition;
mod event;
pub(crate) mod metadata;
mod overrides;
mod run_task;
mod stop_task;
mod task;
mod throttle;
mod token;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{
    How, Rate, StopCode, TaskDefinition, TaskRule,
    api::{ApiError, Outcome, json_response},
    cloud::{Cloud, arn, lock},
};
use task::Task;
use throttle::Throttle;
use token::Tokens;

#[derive(Debug)]
pub(crate) struct Clusters {
    providers: Mutex<BTreeMap<String, Vec<String>>>,
    definitions: Mutex<BTreeMap<String, Vec<TaskDefinition>>>,
    tasks: Mutex<Vec<Arc<Task>>>,
    rules: Mutex<Vec<TaskRule>>,
    tokens: Tokens,
    throttle: Throttle,
}

/// A revision of a task definition.
#[derive(Clone, Debug)]
struct Revision {
    definition: TaskDefinition,
    arn: String,
}

impl Clusters {
    pub(crate) fn new(rate: Option<Rate>) -> Self {
        Self {
            providers: Mutex::default(),
            definitions: Mutex::default(),
            tasks: Mutex::default(),
            rules: Mutex::default(),
            tokens: Tokens::default(),
            throttle: Throttle::new(rate),
        }
    }

    pub(crate) fn create(&self, name: &str, providers: &[&str]) {
        lock(&self.providers).insert(name.to_owned(), providers.iter().map(|name| (*name).to_owned()).collect());
    }

    pub(crate) fn register(&self, definition: TaskDefinition) -> String {
        let mut definitions = lock(&self.definitions);
        let family = definition.family.clone();
        let revisions = definitions.entry(family.clone()).or_default();
        revisions.push(definition);
        definition_arn(&family, revisions.len())
    }

    pub(crate) fn put_rule(&self, rule: TaskRule) {
        lock(&self.rules).push(rule);
    }

    /// A cluster's name, by what a caller names: its name, its ARN, or nothing for `default`.
    fn cluster(&self, named: Option<&str>) -> Result<String, ApiError> {
        let named = named.filter(|named| !named.is_empty()).unwrap_or("default");
        let prefix = arn("ecs", "cluster/");
        let name = named.strip_prefix(&prefix).unwrap_or(named);
        if lock(&self.providers).contains_key(name) {
            return Ok(name.to_owned());
        }
        Err(ApiError::new(400, "ClusterNotFoundException", "Cluster not found."))
    }

    /// A revision by `family`, `family:revision` or ARN; the newest where none is named.
    fn definition(&self, named: &str) -> Option<Revision> {
        let prefix = arn("ecs", "task-definition/");
        let name = named.strip_prefix(&prefix).unwrap_or(named);
        let (family, revision) = match name.split_once(':') {
            Some((family, revision)) => (family, Some(revision.parse::<usize>().ok()?)),
            None => (name, None),
        };
        let definitions = lock(&self.definitions);
        let revisions = definitions.get(family)?;
        let revision = revision.unwrap_or(revisions.len());
        let definition = revisions.get(revision.checked_sub(1)?)?.clone();
        Some(Revision { definition, arn: definition_arn(family, revision) })
    }

    /// A task of this cluster, by ARN or id.
    fn task(&self, cluster: &str, named: &str) -> Option<Arc<Task>> {
        let id = named.rsplit('/').next().unwrap_or_default();
        let tasks = lock(&self.tasks);
        tasks.iter().find(|task| task.cluster == cluster && (task.arn == named || task.id() == id)).cloned()
    }

    fn task_by_id(&self, id: &str) -> Option<Arc<Task>> {
        lock(&self.tasks).iter().find(|task| task.id() == id).cloned()
    }
}

fn definition_arn(family: &str, revision: usize) -> String {
    arn("ecs", &format!("task-definition/{family}:{revision}"))
}

/// Interrupts a task; `None` where there is none of this ARN.
pub(crate) fn interrupt(cloud: &Cloud, arn: &str, stop_code: StopCode) -> Option<()> {
    let id = arn.rsplit('/').next().unwrap_or_default();
    cloud.clusters.task_by_id(id).filter(|task| task.arn == arn)?.interrupt(cloud, stop_code);
    Some(())
}

/// The route table of the operations.
pub(crate) fn call(cloud: &Arc<Cloud>, operation: &str, body: &[u8], fault: Option<How>) -> Result<Outcome, ApiError> {
    match operation {
        "RunTask" => run_task::run_task(cloud, body, fault),
        "DescribeTasks" => describe::describe_tasks(cloud, body, fault.as_ref()),
        "DescribeTaskDefinition" => describe_definition::describe_task_definition(cloud, body),
        "ListTasks" => describe::list_tasks(cloud, body),
        "StopTask" => stop_task::stop_task(cloud, body),
        other => Err(ApiError::new(400, "UnknownOperationException", format!("the emulator's ECS has no {other}"))),
    }
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, ApiError> {
    serde_json::from_slice(body).map_err(|error| ApiError::new(400, "SerializationException", error.to_string()))
}

fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::new(400, "InvalidParameterException", message)
}

/// A 200 whose `failures` name a reason: that is noted.
fn answered(cloud: &Cloud, answer: &Value) -> Outcome {
    let code = answer.pointer("/failures/0/reason").and_then(Value::as_str).map(str::to_owned);
    Outcome { code, ..json_response(cloud, answer) }
}

fn cluster_arn(name: &str) -> String {
    arn("ecs", &format!("cluster/{name}"))
}
