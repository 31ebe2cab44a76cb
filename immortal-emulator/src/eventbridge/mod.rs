//! `EventBridge`: rules on the state changes of tasks, with functions and queues as targets.

mod events;
mod rule;

pub(crate) use self::events::{TaskChange, TaskEvents};
pub use self::rule::{RuleTarget, TaskRule};
