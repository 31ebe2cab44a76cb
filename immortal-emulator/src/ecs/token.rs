//! Client tokens: a repeated request starts nothing new, and another request with the same token is an error.
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
const MAX_LIFETIME: Duration = Duration::from_hours(24);
const LIFETIME_AFTER_STOP: Duration = Duration::from_hours(1);

/// The tokens in use, by cluster and token.
#[derive(Debug, Default)]
pub(super) struct ClientTokens(Mutex<HashMap<(String, String), UsedToken>>);

#[derive(Debug)]
struct UsedToken {
    request: Value,
    tasks: Vec<Arc<EcsTask>>,
    /// The response to the first request.
    described: Vec<Value>,
    used_at: Timestamp,
}

impl UsedToken {
    fn is_valid(&self, now: Timestamp) -> bool {
        let stopped: Option<Vec<_>> = self.tasks.iter().map(|task| task.stopped_at()).collect();
        let last = stopped.and_then(|stopped| stopped.into_iter().max());
        self.used_at + MAX_LIFETIME > now && last.is_none_or(|last| last + LIFETIME_AFTER_STOP > now)
    }

    /// "If the task has stopped, the response has its `taskArn`, `lastStatus` and `desiredStatus` only."
    fn repeated_answer(&self) -> Vec<Value> {
        let stopped = |task: &EcsTask| json!({ "taskArn": task.arn, "lastStatus": task.last_status(), "desiredStatus": task.desired_status() });
        let answers = self.tasks.iter().zip(&self.described);
        let answers = answers.map(|(task, described)| match task.stopped_at() {
            Some(_) => stopped(task),
            None => described.clone(),
        });
        answers.collect()
    }
}

impl ClientTokens {
    pub(super) fn is_used(&self, cluster: &str, token: &str, now: Timestamp) -> bool {
        let tokens = lock(&self.0);
        tokens.get(&(cluster.to_owned(), token.to_owned())).is_some_and(|used| used.is_valid(now))
    }

    /// Calls `start` for the first request with a token, and returns the JSON of its tasks. The same request again,
    /// also a concurrent one, gets the same tasks; another request with this token is an error.
    pub(super) fn start_once(
        &self,
        cluster: &str,
        token: &str,
        request: Value,
        now: Timestamp,
        start: impl FnOnce() -> (Vec<Arc<EcsTask>>, Vec<Value>),
    ) -> Result<Vec<Value>, ApiError> {
        let mut tokens = lock(&self.0);
        tokens.retain(|_, used| used.is_valid(now));
        match tokens.entry((cluster.to_owned(), token.to_owned())) {
            Entry::Vacant(free) => {
                let (tasks, described) = start();
                free.insert(UsedToken { request, tasks, described: described.clone(), used_at: now });
                Ok(described)
            }
            Entry::Occupied(entry) if entry.get().request == request => Ok(entry.get().repeated_answer()),
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
    error.extra_members.insert("resourceIds".into(), json!(tasks));
    error
}

/// Source: the `RunTaskRequest` shape of the ECS API: up to 64 ASCII characters in the range of 33 to 126.
pub(super) fn check(token: &str) -> Result<(), ApiError> {
    if token.len() <= 64 && token.bytes().all(|byte| (33..=126).contains(&byte)) {
        return Ok(());
    }
    Err(invalid("clientToken must have up to 64 ASCII characters in the range of 33-126, inclusive."))
}
