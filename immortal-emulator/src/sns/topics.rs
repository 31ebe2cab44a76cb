//! Topics and their messages.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use crate::platform::{Platform, arn, lock};

#[derive(Debug)]
pub(crate) struct SnsService {
    pub(crate) platform: Arc<Platform>,
    /// The published messages, by the topic's ARN.
    topics: Mutex<BTreeMap<String, Vec<String>>>,
}

impl SnsService {
    pub(crate) fn new(platform: Arc<Platform>) -> Self {
        Self { platform, topics: Mutex::default() }
    }

    pub(crate) fn create_topic(&self, name: &str) -> String {
        let arn = arn("sns", name);
        lock(&self.topics).entry(arn.clone()).or_default();
        arn
    }

    /// Publishes to a topic; `false` if the topic does not exist.
    pub(crate) fn publish(&self, topic_arn: &str, message: String) -> bool {
        lock(&self.topics).get_mut(topic_arn).map(|messages| messages.push(message)).is_some()
    }

    pub(crate) fn published_messages(&self, topic_arn: &str) -> Vec<String> {
        lock(&self.topics).get(topic_arn).cloned().unwrap_or_default()
    }
}
