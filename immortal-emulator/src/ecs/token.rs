//! Client tokens: the same request once, another one under the same token never.
//!
//! Source: <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/ECS_Idempotency.html>

use std::{
    collections::{HashMap, hash_map::Entry},
    sync::Mutex,
    time::Duration,
};

use jiff::Timestamp;
use serde_json::{Value, json};

use super::invalid;
use crate::{api::ApiError, cloud::lock};

/// A token lives 24 hours at most.
const LIFETIME: Duration = Duration::from_hours(24);

/// By cluster and token.
#[derive(Debug, Default)]
pub(super) struct Tokens(Mutex<HashMap<(String, String), Used>>);

#[derive(Debug)]
struct Used {
    request: Value,
    answer: Value,
    at: Timestamp,
}

impl Tokens {
    /// What `act` answers, once for a token and a request: later, and at the same moment, it is the original answer; an
    /// error where the token was used for another request.
    pub(super) fn once(
        &self,
        cluster: &str,
        token: &str,
        request: Value,
        now: Timestamp,
        act: impl FnOnce() -> Value,
    ) -> Result<Value, ApiError> {
        let mut tokens = lock(&self.0);
        tokens.retain(|_, used| used.at + LIFETIME > now);
        match tokens.entry((cluster.to_owned(), token.to_owned())) {
            Entry::Vacant(free) => Ok(free.insert(Used { request, answer: act(), at: now }).answer.clone()),
            Entry::Occupied(entry) if entry.get().request == request => Ok(entry.get().answer.clone()),
            Entry::Occupied(entry) => {
                let used = entry.get();
                let tasks = used.answer["tasks"].as_array().into_iter().flatten();
                let tasks: Vec<_> = tasks.filter_map(|task| task["taskArn"].as_str()).map(str::to_owned).collect();
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
