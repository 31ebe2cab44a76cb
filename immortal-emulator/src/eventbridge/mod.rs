//! `EventBridge`: rules on task state changes with functions and queues as targets, and buses that store events.

mod bus;
mod events;
mod rule;

pub use self::rule::{RuleTarget, TaskRule};
pub(crate) use self::{
    bus::{EventBuses, call},
    events::{TaskChange, TaskEvents},
};
