//! Client tokens: the same request once, another one under the same token never.
//!
//! Source: <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/ECS_Idempotency.html>

use std::{
    collections::{HashMap, hash_map::Entry},
    sync::{Arc, Mutex},
    time::Duration,
};

use super::{reply::invalid, task::EcsTask};
use crate::platform::{ApiError, lock};
use jiff::Timestamp;
use serde_json::{Value, json};

/// A token lives "the lower of 24 hours and the lifetime of the resource plus one hour".
const LONGEST_LIFE: Duration = Duration::from_hours(24);
const LIFE_AFTER_TASK: Duration = Duration::from_hours(1);

/// By cluster and token.
#[derive(Debug, Default)]
pub(super) struct ClientTokens(Mutex<HashMap<(String, String), UsedToken>>);

#[derive(Debug)]
struct UsedToken {
    request: Value,
    tasks: Vec<Arc<EcsTask>>,
    /// As first described.
    described: Vec<Value>,
    at: Timestamp,
}

impl UsedToken {
    fn is_alive(&self, now: Timestamp) -> bool {
        let stopped: Option<Vec<_>> = self.tasks.iter().map(|task| task.stopped_at()).collect();
        let last = stopped.and_then(|stopped| stopped.into_iter().max());
        self.at + LONGEST_LIFE > now && last.is_none_or(|last| last + LIFE_AFTER_TASK > now)
    }

    /// "If the task has stopped, the response has its `taskArn`, `lastStatus` and `desiredStatus` only."
    fn answer(&self) -> Vec<Value> {
        let stopped = |task: &EcsTask| json!({ "taskArn": task.arn, "lastStatus": task.last_status(), "desiredStatus": task.desired() });
        let answers = self.tasks.iter().zip(&self.described);
        let answers = answers.map(|(task, described)| match task.stopped_at() {
            Some(_) => stopped(task),
            None => described.clone(),
        });
        answers.collect()
    }
}

impl ClientTokens {
    /// Describes the tasks that `start` starts, once for a token and a request: later, and at the same moment, it is
    /// these tasks again; an error where the token was used for another request.
    pub(super) fn once(
        &self,
        cluster: &str,
        token: &str,
        request: Value,
        now: Timestamp,
        start: impl FnOnce() -> (Vec<Arc<EcsTask>>, Vec<Value>),
    ) -> Result<Vec<Value>, ApiError> {
        let mut tokens = lock(&self.0);
        tokens.retain(|_, used| used.is_alive(now));
        match tokens.entry((cluster.to_owned(), token.to_owned())) {
            Entry::Vacant(free) => {
                let (tasks, described) = start();
                free.insert(UsedToken { request, tasks, described: described.clone(), at: now });
                Ok(described)
            }
            Entry::Occupied(entry) if entry.get().request == request => Ok(entry.get().answer()),
            Entry::Occupied(entry) => {
                let tasks: Vec<_> = entry.get().tasks.iter().map(|task| task.arn.clone()).collect();
                Err(conflict(&tasks))
            }
        }
    }
}

/// Source: the `ConflictException` shape of the ECS API: "the existing task ARNs which are already associated with the
/// `clientToken`".
pub(super) fn conflict(tasks: &[String]) -> ApiError {
    let message = "The specified clientToken was used with different parameters before.";
    let mut error = ApiError::new(400, "ConflictException", message);
    error.more.insert("resourceIds".into(), json!(tasks));
    error
}

/// Source: the `RunTaskRequest` shape of the ECS API: up to 64 ASCII characters in the range of 33 to 126.
pub(super) fn check(token: &str) -> Result<(), ApiError> {
    if token.len() <= 64 && token.bytes().all(|byte| (33..=126).contains(&byte)) {
        return Ok(());
    }
    Err(invalid("clientToken must have up to 64 ASCII characters in the range of 33-126, inclusive."))
}
