//! The number of concurrent calls of each operation.

use std::{collections::HashMap, sync::Mutex};

use super::locking::lock;

#[derive(Debug, Default)]
pub(crate) struct CallCounts(Mutex<HashMap<String, usize>>);

impl CallCounts {
    /// Counts a call that begins, and returns the number of concurrent calls.
    pub(crate) fn begin(&self, operation: &str) -> usize {
        let mut counts = lock(&self.0);
        let count = counts.entry(operation.to_owned()).or_default();
        *count += 1;
        *count
    }

    pub(crate) fn end(&self, operation: &str) {
        if let Some(count) = lock(&self.0).get_mut(operation) {
            *count -= 1;
        }
    }
}
