//! Clusters, task definitions and tasks.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use super::{
    definition::{TaskDefinition, TaskRevision},
    task::EcsTask,
    throttle::RunTaskThrottle,
    token::ClientTokens,
};
use crate::{
    eventbridge::TaskEvents,
    platform::{ApiError, Platform, StopCode, arn, lock},
};

#[derive(Debug)]
pub(crate) struct EcsService {
    pub(super) platform: Arc<Platform>,
    /// Where tasks publish their state changes.
    pub(super) events: Arc<TaskEvents>,
    pub(super) providers: Mutex<BTreeMap<String, Vec<String>>>,
    definitions: Mutex<BTreeMap<String, Vec<TaskDefinition>>>,
    pub(super) tasks: Mutex<Vec<Arc<EcsTask>>>,
    pub(super) tokens: ClientTokens,
    pub(super) throttle: RunTaskThrottle,
}

impl EcsService {
    pub(crate) fn new(events: Arc<TaskEvents>) -> Self {
        let platform = Arc::clone(&events.platform);
        Self {
            providers: Mutex::default(),
            definitions: Mutex::default(),
            tasks: Mutex::default(),
            tokens: ClientTokens::default(),
            throttle: RunTaskThrottle::new(platform.options.run_task_rate),
            platform,
            events,
        }
    }

    pub(crate) fn create_cluster(&self, name: &str, providers: &[&str]) {
        lock(&self.providers).insert(name.to_owned(), providers.iter().map(|name| (*name).to_owned()).collect());
    }

    pub(crate) fn register_definition(&self, definition: TaskDefinition) -> String {
        let mut definitions = lock(&self.definitions);
        let family = definition.family.clone();
        let revisions = definitions.entry(family.clone()).or_default();
        revisions.push(definition);
        definition_arn(&family, revisions.len())
    }

    /// The name of a cluster that a caller gave as a name or an ARN; without either, `default`.
    pub(super) fn cluster_name(&self, named: Option<&str>) -> Result<String, ApiError> {
        let named = named.filter(|named| !named.is_empty()).unwrap_or("default");
        let prefix = arn("ecs", "cluster/");
        let name = named.strip_prefix(&prefix).unwrap_or(named);
        if lock(&self.providers).contains_key(name) {
            return Ok(name.to_owned());
        }
        Err(ApiError::new(400, "ClusterNotFoundException", "Cluster not found."))
    }

    /// Finds a revision by `family`, `family:revision` or ARN; without a revision, the newest.
    pub(super) fn find_definition(&self, named: &str) -> Option<TaskRevision> {
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
        Some(TaskRevision { definition, arn: definition_arn(family, revision) })
    }

    /// Finds a task of this cluster by ARN or id.
    pub(super) fn find_task(&self, cluster: &str, named: &str) -> Option<Arc<EcsTask>> {
        let id = named.rsplit('/').next().unwrap_or_default();
        let tasks = lock(&self.tasks);
        tasks.iter().find(|task| task.cluster == cluster && (task.arn == named || task.id() == id)).cloned()
    }

    pub(crate) fn task_by_id(&self, id: &str) -> Option<Arc<EcsTask>> {
        lock(&self.tasks).iter().find(|task| task.id() == id).cloned()
    }

    /// Interrupts a task; `None` if no task has this ARN.
    pub(crate) fn interrupt(&self, arn: &str, stop_code: StopCode) -> Option<()> {
        let id = arn.rsplit('/').next().unwrap_or_default();
        self.task_by_id(id).filter(|task| task.arn == arn)?.interrupt(&self.platform, stop_code);
        Some(())
    }
}

fn definition_arn(family: &str, revision: usize) -> String {
    arn("ecs", &format!("task-definition/{family}:{revision}"))
}
